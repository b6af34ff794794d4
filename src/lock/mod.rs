//! Leases on orders. A lock saves work; the database decides.
//!
//! ```text
//! acquire_each(keys) -> breaker -> backend: local, redis, ..       every call: one round trip, one deadline
//!        |                                   |
//!      Lease <- renewed at TTL/3 <- service -+
//!        '--- released | dropped -> released, retried until the TTL has passed
//! ```
//!
//! A lease is never proof of exclusion: a process may sleep through its end, a server may forget it. So nothing here is
//! relied upon to be right, only to be quick; `docs/locks.md` says what each backend loses when.
//!
//! A service that is frozen or away costs a webhook one `lock.call_timeout_ms`: the breaker then goes without leases for
//! `lock.retry_after_ms`, and what is saved meanwhile is guarded by the database alone.
//!
//! | backend | where its algorithm comes from |
//! |---|---|
//! | `redis`, `redlock` | Redis, "Distributed Locks with Redis": compare of the owner, majority, validity = TTL - elapsed - TTL/100 - 2 ms |
//! | `postgres` | a row with a deadline by the database's clock, as `ShedLock` has it with `usingDbTime` |
//! | `etcd` | etcd, "concurrency": a key under a lease; by a transaction, for its `Lock` call may grant what has expired (issue 11456) |
//! | `zookeeper` | `ZooKeeper`, "Recipes and Solutions: Locks": an ephemeral node |
//! | retry, fencing token | full jitter as in AWS, "Exponential Backoff And Jitter"; Kleppmann, "How to do distributed locking" |
//!
//! Backends know three single calls and nothing else (`contract::Verb`). Renewal, release, the breaker and the metrics
//! live once, above them. Keys are plain strings; in Redis they stand under `paylatch:lock:`, hash tags untouched.

mod lease_service;

mod inspect;
mod run;
mod server_clock;

mod breaker;
mod held_leases;
mod meter;

mod backends;
mod contract;
mod token;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use inspect::{HELD_MAX, HealthProblem, HeldKey};
pub use lease_service::{Lease, NotHeld};
pub use server_clock::{ServerClock, Skew};

use backends::Backend;
use lease_service::LeaseService;

/// The settings of a lock service.
#[derive(Debug, Clone)]
pub struct LockSettings {
    /// `local | redis | redlock | postgres | etcd | zookeeper`.
    pub backend: String,
    /// The URLs of the lock service; none for `local`.
    pub urls: Vec<crate::secret::Secret>,
    /// The certificates of `rediss://` connections.
    pub tls: Tls,
    /// How long a lease lasts without renewal.
    pub ttl: Duration,
    /// The longest that one call to the lock service may take.
    pub call_timeout: Duration,
    /// How long an unavailable service is not asked again.
    pub retry_after: Duration,
}

/// The certificates of TLS connections to Redis, as PEM files that are read once.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The authorities that are trusted instead of the public ones.
    pub ca_file: Option<PathBuf>,
    /// The client's own certificate, for servers that ask for one.
    pub cert_file: Option<PathBuf>,
    /// Its private key.
    pub key_file: Option<PathBuf>,
}

/// The lock service, with its breaker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Locks {
    service: Arc<LeaseService>,
}

/// What became of an attempt to take keys: acquired, as far as they were free, or the service is unavailable.
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

impl Locks {
    /// Prepares the backend; connects when first used, so a service that is away does not fail this.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: &LockSettings) -> Result<Self, String> {
        if settings.ttl < TTL_MIN {
            return Err(format!(
                "lock.ttl_ms is {}, expected at least {}",
                settings.ttl.as_millis(),
                TTL_MIN.as_millis()
            ));
        }
        if settings.call_timeout.is_zero() || settings.call_timeout > settings.ttl / 2 {
            return Err(format!(
                "lock.call_timeout_ms is {}, expected 1 up to half of lock.ttl_ms ({})",
                settings.call_timeout.as_millis(),
                settings.ttl.as_millis() / 2
            ));
        }
        let backend = Backend::new(settings)?;
        Ok(Self { service: Arc::new(LeaseService::new(backend, settings)) })
    }

    /// Takes those of `keys` that are free, in one round trip, and says which are busy. Never waits for a holder.
    ///
    /// Dropping the future is safe: what it acquires afterwards is released.
    pub async fn acquire_each(&self, keys: &[String]) -> Attempt {
        self.service.acquire_each(keys).await
    }

    /// Whether the service grants leases now: takes one on a key of its own and releases it, outside the metrics. Cheap enough
    /// for a probe each second.
    pub async fn is_available(&self) -> bool {
        self.service.is_available().await
    }

    /// Counts that somebody gave up on a busy key after waiting, as [`Locks::acquire_all`] does by itself.
    pub(crate) fn count_busy_timeout(&self) {
        meter::busy_timeout(self.service.backend().name());
    }

    /// Waits until releases in the background have been sent, at most one TTL: then they have lapsed anyway.
    pub async fn drain(&self) {
        self.service.drain().await;
    }
}

/// Below this, an ordinary commit and one slow call outlast the lease.
const TTL_MIN: Duration = Duration::from_millis(100);
