//! Keys held for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::NotHeld;
use super::backend::Hold;
use super::keeper::{HOLD_MAX, Keeper, Origin};
use super::live::Term;
use super::meter::{self, Lost};

/// Keys held until they are released, dropped, or not renewed for a TTL. Renewed at TTL/3 while it lives, for 60 s at most.
#[derive(Debug)]
#[must_use = "a lease that is dropped is given back"]
pub struct Lease {
    keeper: Arc<Keeper>,
    /// Empty once they are handed back.
    holds: Vec<Hold>,
    since: Instant,
    term: watch::Receiver<Term>,
}

impl Lease {
    /// Registers `holds`, acquired by a call sent at `since`, for renewal.
    pub(super) fn new(keeper: &Arc<Keeper>, holds: Vec<Hold>, since: Instant) -> Self {
        let term = keeper.enter(&holds, since);
        Self { keeper: keeper.clone(), holds, since, term }
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
    pub fn fence(&self, key: &str) -> Option<u64> {
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
            // Either the term changes, or it ends.
            drop(timeout_at(until, term.changed()).await);
        }
    }

    /// Gives the keys back in one round trip, those only that are still ours.
    ///
    /// Waits for at most one call; a service that does not answer is asked again in the background.
    pub async fn release(mut self) {
        if let Some(returned) = self.hand_back() {
            self.keeper.wait_for(returned).await;
        }
    }

    /// Gives the keys back without waiting for the answer, where a later call of this process cannot overtake it.
    pub(crate) async fn let_go(mut self) {
        if let Some(returned) = self.hand_back()
            && !self.keeper.backend().keeps_order()
        {
            self.keeper.wait_for(returned).await;
        }
    }

    /// Ends renewal first, so that nothing extends what is being released.
    fn hand_back(&mut self) -> Option<JoinHandle<()>> {
        let holds = std::mem::take(&mut self.holds);
        let token = &holds.first()?.token;
        self.keeper.leave(token);
        let (backend, held) = (self.keeper.backend().name(), self.since.elapsed());
        meter::held(backend, held, self.keeper.ttl());
        let term = *self.term.borrow();
        if term.is_lost() && !term.gone {
            meter::lost(backend, if held < HOLD_MAX { Lost::Lapsed } else { Lost::HeldTooLong }, 1);
        }
        self.keeper.hand_back(holds, term.until, Origin::Lease)
    }
}

/// The work of giving back outlives the lease; see [`super::Locks::drain`].
impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.hand_back());
    }
}
