//! Recomputes settlements in the background, a moment behind the webhooks, and sets their gauges.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use metrics::gauge;
use tokio::time::sleep;
use tracing::debug;

use super::change_log;
use super::seen_labels::{LabelledCount, SeenLabels};
use crate::http::{Sources, received_now};
use crate::order::Id;
use crate::store::{LedgerCount, Store};

/// How often it is looked for what changed.
const SETTLE_EVERY: Duration = Duration::from_millis(250);
/// How often it is looked whether anything is expected at all, while nothing is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Settles what changed. Never returns. What fails is tried again: until then the lists are further behind.
pub(super) async fn keep(store: Store, sources: Sources) {
    while !store.expects().await.unwrap_or(false) {
        sleep(LOOK_EVERY).await;
    }
    // The first expectation turns the log on at once; after that `change_log` keeps it on.
    change_log::note(&store, false).await;
    loop {
        let has_more = store.settle(&sources.ledgers()).await.unwrap_or_else(|error| {
            debug!(%error, "cannot settle orders now; trying again");
            false
        });
        if !has_more {
            sleep(SETTLE_EVERY).await;
        }
    }
}

/// The gauges of settlements. One whose last order is put right tells 0.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    with_anomaly: SeenLabels,
    with_due: SeenLabels,
    /// Ledgers in which something was stated: that never ends.
    stated: BTreeSet<Id>,
}

impl Gauges {
    /// Sets them. They keep their last values while the database is away.
    pub(super) async fn set_gauges(&mut self, store: &Store, sources: &Sources) {
        self.tell_unexpected(store, sources).await;
        let counted = (
            store.settlement_anomalies().await,
            store.settlement_due().await,
            store.expectation_conflicts().await,
        );
        let (Ok(anomalies), Ok(due), Ok(conflicts)) = counted else { return };
        for (ledger, anomaly, count) in self.with_anomaly.with_zeros(&by_labels(anomalies)) {
            gauge!("paylatch_settlements", "ledger" => ledger, "anomaly" => anomaly).set(count as f64);
        }
        for (ledger, currency, sum) in self.with_due.with_zeros(&by_labels(due)) {
            gauge!("paylatch_settlement_due_minor", "ledger" => ledger, "currency" => currency)
                .set(sum as f64);
        }
        gauge!("paylatch_expectation_conflicts").set(conflicts as f64);
    }

    /// Of a ledger in which nothing is stated nothing is unexpected.
    async fn tell_unexpected(&mut self, store: &Store, sources: &Sources) {
        let mut counts: BTreeMap<Id, i64> = BTreeMap::new();
        for source in sources.all() {
            let ledger = source.ledger();
            if !self.stated.contains(ledger) {
                match store.is_stated_in(ledger).await {
                    Ok(true) => self.stated.insert(ledger.clone()),
                    Ok(false) | Err(_) => continue,
                };
            }
            let Ok(count) = store.unexpected(source.name(), ledger, received_now()).await else { return };
            *counts.entry(ledger.clone()).or_default() += count;
        }
        for (ledger, count) in counts {
            gauge!("paylatch_orders_unexpected", "ledger" => ledger.to_string()).set(count as f64);
        }
    }
}

fn by_labels(counts: Vec<LedgerCount>) -> Vec<LabelledCount> {
    counts.into_iter().map(|one| (one.ledger, one.of, one.count)).collect()
}
