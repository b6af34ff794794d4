//! Sets the gauge of money that waits for too long: a refund that never ends, an authorization that lapses and a dispute that
//! nobody answers cause no event.

use metrics::gauge;

use super::seen_labels::SeenLabels;
use crate::http::received_now;
use crate::store::{Store, WaitingLimits};

/// The gauge of what waits. Of a source none of whose money waits any more it tells 0.
#[derive(Debug)]
pub(super) struct WaitingGauges {
    limits: WaitingLimits,
    known: SeenLabels,
}

impl WaitingGauges {
    pub(super) fn new(limits: WaitingLimits) -> Self {
        Self { limits, known: SeenLabels::default() }
    }

    /// Sets it. It keeps its last values while the database is away.
    pub(super) async fn set_gauges(&mut self, store: &Store) {
        let Ok(counts) = store.waiting_money(&self.limits, received_now()).await else { return };
        let counts: Vec<_> =
            counts.into_iter().map(|one| (one.source, one.waiting.to_owned(), one.orders)).collect();
        for (source, what, orders) in self.known.with_zeros(&counts) {
            gauge!("paylatch_orders_waiting", "source" => source, "waiting" => what).set(orders as f64);
        }
    }
}
