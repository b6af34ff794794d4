//! Leases on orders. A lock saves work; the database decides.

use std::sync::Arc;
use std::time::Duration;

/// What locks need to be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `local | redis | redlock | postgres | etcd | zookeeper`.
    pub backend: String,
    /// Of the lock service.
    pub urls: Vec<crate::secret::Secret>,
    /// How long a lease lasts without renewal.
    pub ttl: Duration,
    /// The longest that one call to the lock service may take.
    pub call_timeout: Duration,
    /// How long an unavailable service is not asked again.
    pub retry_after: Duration,
}

/// The lock service, with its breaker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Locks {
    inner: Arc<()>,
}

/// One of three answers, never two.
#[derive(Debug)]
pub enum Attempt {
    /// The lease covers the free keys; the rest are held by others.
    Acquired {
        /// Holds all keys that were free; may hold none.
        lease: Lease,
        /// Held by others.
        busy: Vec<String>,
    },
    /// The service did not answer, or is being spared: go on without.
    Unavailable,
}

/// Keys held until they are released, dropped, or not renewed for a TTL. Renewed at TTL/3 while it lives.
#[derive(Debug)]
pub struct Lease {
    inner: Arc<()>,
}

impl Locks {
    /// Prepares the backend; connects when first used.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let _ = settings;
        todo!()
    }
    /// Takes what is free of `keys`, in one round trip.
    pub async fn acquire_each(&self, keys: &[String]) -> Attempt {
        let _ = (keys, &self.inner);
        todo!()
    }
    /// Waits until releases that were handed over have been sent.
    pub async fn drain(&self) {
        todo!()
    }
}

impl Lease {
    /// Gives the keys back in one round trip, those only that are still ours.
    pub async fn release(self) {
        let _ = self.inner;
        todo!()
    }
}
