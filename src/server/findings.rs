//! Sets the gauges of `reconcile`'s findings, and compares open ones again, so that a finding closes when both sides agree.

use std::collections::BTreeMap;

use metrics::gauge;

use super::seen_labels::SeenLabels;
use crate::http::{Sources, received_now};
use crate::order::{Id, UnixMicros};
use crate::store::Store;

/// What was found once and is no more tells 0.
#[derive(Default)]
pub(super) struct FindingGauges {
    /// Pairs of source and finding that there once were.
    known: SeenLabels,
    /// Behind which payment each source goes on to be compared again: some at a time, for there may be many.
    places: BTreeMap<Id, String>,
}

impl FindingGauges {
    /// Sets the gauges. They keep their last values while the database is away.
    pub(super) async fn set_gauges(&mut self, store: &Store, sources: &Sources) {
        let Ok(counts) = store.finding_counts().await else { return };
        for (source, finding, count) in self.known.with_zeros(&counts) {
            gauge!("paylatch_findings", "source" => source, "finding" => finding).set(count as f64);
        }
        let seconds = |at: UnixMicros| at.0 as f64 / 1_000_000.0;
        for (source, until, last) in store.reconciled().await.unwrap_or_default() {
            if let Some(until) = until {
                gauge!("paylatch_reconciled_until_seconds", "source" => source.clone()).set(seconds(until));
            }
            gauge!("paylatch_reconcile_last_seconds", "source" => source).set(seconds(last));
        }
        for source in sources.all() {
            if counts.iter().any(|(of, ..)| of == source.name().as_str()) {
                self.compare_again(store, source.name()).await;
            }
        }
    }

    async fn compare_again(&mut self, store: &Store, source: &Id) {
        let place = self.places.entry(source.clone()).or_default();
        // What fails now is compared the next time.
        if let Ok(next) = store.compare_some_findings(source, place, received_now()).await {
            *place = next.unwrap_or_default();
        }
    }
}
