//! Sets the gauge of money that waits for too long: a refund that never ends, an authorization that lapses and a dispute that
//! nobody answers cause no event.

use std::time::Duration;

use metrics::gauge;
use tokio::time::Instant;

use super::seen_labels::SeenLabels;
use crate::http::received_now;
use crate::store::{Store, WaitingLimits};

/// What waits for days need not be counted at once: at most a hundredth of the time goes into counting it.
const REST: u32 = 100;

/// The gauge of what waits. Of a source none of whose money waits any more it tells 0.
#[derive(Debug)]
pub(super) struct WaitingGauges {
    limits: WaitingLimits,
    known: SeenLabels,
    rests: Option<(Instant, Duration)>,
}

impl WaitingGauges {
    pub(super) fn new(limits: WaitingLimits) -> Self {
        Self { limits, known: SeenLabels::default(), rests: None }
    }

    /// Sets it, unless it rests from a count that took long. It keeps its last values while the database is away.
    pub(super) async fn set_gauges(&mut self, store: &Store) {
        if self.rests.is_some_and(|(since, rest)| since.elapsed() < rest) {
            return;
        }
        let begun = Instant::now();
        let counts = store.waiting_money(&self.limits, received_now()).await;
        self.rests = Some((Instant::now(), begun.elapsed() * REST));
        let Ok(counts) = counts else { return };
        let counts: Vec<_> =
            counts.into_iter().map(|one| (one.source, one.waiting.to_owned(), one.orders)).collect();
        for (source, what, orders) in self.known.with_zeros(&counts) {
            gauge!("paylatch_orders_waiting", "source" => source, "waiting" => what).set(orders as f64);
        }
    }
}
