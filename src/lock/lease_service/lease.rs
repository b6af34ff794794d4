//! A lease: keys that are held until a deadline, and renewed while it lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::LeaseService;
use super::release::Origin;
use super::renewal::HOLD_MAX;
use crate::lock::contract::Hold;
use crate::lock::held_leases::Term;
use crate::lock::meter::{self, Lost};

/// Why work did not run to its end under its lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHeld {
    /// Others held some of the keys for the whole wait. Nothing was run.
    #[error("others held these keys for the whole wait: {}", keys.join(", "))]
    Busy {
        /// The keys that others held at the last try.
        keys: Vec<String>,
    },
    /// The lock service does not answer. Nothing was run.
    #[error("the lock service does not answer")]
    Unavailable,
    /// The lease ended before the work did: somebody else may hold the keys by now.
    #[error("the lease was lost before the work ended")]
    Lost,
}

/// Keys held until they are released, dropped, or not renewed for a TTL. Renewed at TTL/3 while it lives, for 60 s at most.
#[derive(Debug)]
#[must_use = "a lease that is dropped is released"]
pub struct Lease {
    service: Arc<LeaseService>,
    /// Empty once they are being released.
    holds: Vec<Hold>,
    since: Instant,
    term: watch::Receiver<Term>,
}

impl Lease {
    /// Registers `holds`, acquired by a call sent at `since`, for renewal.
    pub(super) fn new(service: &Arc<LeaseService>, holds: Vec<Hold>, since: Instant) -> Self {
        let term = service.enter(&holds, since);
        Self { service: service.clone(), holds, since, term }
    }

    /// The keys that it covers.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.holds.iter().map(|hold| hold.key.as_str())
    }

    /// The fencing token: a number larger than that of any earlier holder of `key`, for resources outside the database that
    /// keep the largest they have seen and refuse a smaller one, when they are read as when they are written. `None` where
    /// the backend has no such number (`local`, `redlock`).
    ///
    /// In `redis` and `postgres` it is the service's clock in microseconds: as good as that clock, which must not step back
    /// by more than the pause between two holders. In `etcd` and `zookeeper` it counts their transactions. Orders need none:
    /// their version is minted in the database that it guards.
    ///
    /// Source: Kleppmann, "How to do distributed locking".
    #[must_use]
    pub fn fencing_token(&self, key: &str) -> Option<u64> {
        let fence = self.holds.iter().find(|hold| hold.key == key)?.fence;
        (fence > 0).then_some(fence)
    }

    /// Whether somebody else may hold a key of it by now: it lapsed, or the service forgot it. A local check, no call.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        !self.holds.is_empty() && self.term.borrow().is_lost()
    }

    /// How long it is still held for sure, if the next renewal fails.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        let term = *self.term.borrow();
        if term.gone { Duration::ZERO } else { term.until.saturating_duration_since(Instant::now()) }
    }

    /// Checks, without a call, that the lease lasts for `margin` yet: before each effect that cannot be taken back.
    ///
    /// # Errors
    /// [`NotHeld::Lost`] when it does not.
    pub fn ensure(&self, margin: Duration) -> Result<(), NotHeld> {
        if !self.is_lost() && self.remaining() >= margin { Ok(()) } else { Err(NotHeld::Lost) }
    }

    /// Returns when the lease is lost, for `select!`. Never returns while it is renewed.
    pub async fn lost(&self) {
        let mut term = self.term.clone();
        while !self.is_lost() {
            let until = term.borrow_and_update().until;
            // Wakes when a renewal moves the term, or when the term is over.
            drop(timeout_at(until, term.changed()).await);
        }
    }

    /// Frees the keys in one round trip, those only that are still ours.
    ///
    /// Waits for at most one call; a service that does not answer is asked again in the background.
    pub async fn release(mut self) {
        if let Some(released) = self.begin_release() {
            self.service.wait_for(released).await;
        }
    }

    /// Frees the keys without waiting for the answer, where a later call of this process cannot overtake it.
    pub(crate) async fn release_in_background(mut self) {
        if let Some(released) = self.begin_release()
            && !self.service.backend().keeps_order()
        {
            self.service.wait_for(released).await;
        }
    }

    /// Ends renewal first, so that nothing extends what is being released.
    fn begin_release(&mut self) -> Option<JoinHandle<()>> {
        let holds = std::mem::take(&mut self.holds);
        let token = &holds.first()?.token;
        self.service.leave(token);
        let (backend, held) = (self.service.backend().name(), self.since.elapsed());
        meter::held(backend, held, self.service.ttl());
        let term = *self.term.borrow();
        if term.is_lost() && !term.gone {
            meter::lost(backend, if held < HOLD_MAX { Lost::Lapsed } else { Lost::HeldTooLong }, 1);
        }
        self.service.release_in_background(holds, term.until, Origin::Lease)
    }
}

/// The work of releasing outlives the lease; see [`crate::lock::Locks::drain`].
impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.begin_release());
    }
}
