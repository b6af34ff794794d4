//! Spares a lock service that does not answer, and says so once per outage.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::contract::Failure;
use super::meter;

/// Closed while the service answers. Open after a failure: calls are skipped, but for one each `retry_after`.
#[derive(Debug)]
pub(super) struct Breaker {
    backend: &'static str,
    retry_after: Duration,
    outage: Mutex<Option<Outage>>,
}

#[derive(Debug)]
struct Outage {
    since: Instant,
    retry_at: Instant,
    skipped: u64,
}

impl Breaker {
    pub(super) fn new(backend: &'static str, retry_after: Duration) -> Self {
        Self { backend, retry_after, outage: Mutex::default() }
    }

    /// Whether to ask the service. Of the callers that come when a retry is due, one is let through.
    pub(super) fn lets_through(&self) -> bool {
        let mut outage = self.outage();
        let Some(outage) = outage.as_mut() else { return true };
        let now = Instant::now();
        if now >= outage.retry_at {
            outage.retry_at = now + self.retry_after;
            return true;
        }
        outage.skipped += 1;
        false
    }

    pub(super) fn failed(&self, failure: &Failure) {
        let now = Instant::now();
        let retry_at = now + self.retry_after;
        let mut outage = self.outage();
        if let Some(outage) = outage.as_mut() {
            outage.retry_at = retry_at;
            return;
        }
        *outage = Some(Outage { since: now, retry_at, skipped: 0 });
        meter::outage(self.backend);
        tracing::warn!(backend = self.backend, reason = %failure, "lock service away: going on without leases");
    }

    pub(super) fn answered(&self) {
        if let Some(outage) = self.outage().take() {
            let away_ms = outage.since.elapsed().as_millis();
            tracing::info!(backend = self.backend, away_ms, skipped = outage.skipped, "lock service is back");
        }
    }

    fn outage(&self) -> MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
