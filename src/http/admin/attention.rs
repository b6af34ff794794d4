//! The gauges of what needs a person. They are counted in the database, so not more often than somebody asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::gauge;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::store::Store;

/// Counts are at least this far apart.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// The longest that a scrape waits for counts; later ones are in the next scrape.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Counts what needs a person.
#[derive(Debug)]
pub(super) struct Attention {
    store: Store,
    counted_at: Mutex<Option<Instant>>,
}

impl Attention {
    pub(super) fn new(store: Store) -> Self {
        Self { store, counted_at: Mutex::new(None) }
    }

    /// Counts again if the last count is old.
    pub(super) async fn refresh(self: &Arc<Self>) {
        if self.is_due() {
            let own = Arc::clone(self);
            let _ = timeout(WAIT_MAX, tokio::spawn(async move { own.count().await })).await;
        }
    }

    fn is_due(&self) -> bool {
        let mut counted_at = self.counted_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = counted_at.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
        if is_due {
            *counted_at = Some(Instant::now());
        }
        is_due
    }

    async fn count(&self) {
        match self.store.counts().await {
            Ok(counts) => {
                gauge!("paylatch_orders_with_anomaly").set(counts.anomalies as f64);
                gauge!("paylatch_events_parked").set(counts.parked as f64);
                gauge!("paylatch_events_dead").set(counts.dead as f64);
                gauge!("paylatch_conflicts").set(counts.conflicts as f64);
            }
            Err(error) => warn!(%error, "cannot count what needs a person"),
        }
    }
}
