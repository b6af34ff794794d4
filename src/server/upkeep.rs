//! Runs the background tasks beside the webhooks: metrics, the log of changes, settlements, arrivals of types.

use super::{change_log, settlements, type_arrivals};
use crate::http::{AnnounceSettings, Sources};
use crate::store::Store;
use crate::telemetry::Metrics;

/// Runs them all. Never returns.
pub(super) async fn keep_up(metrics: Metrics, store: Store, sources: Sources, announce: AnnounceSettings) {
    let settlements = settlements::keep(store.clone(), sources.clone());
    let type_arrivals = type_arrivals::keep(store.clone(), sources);
    tokio::join!(metrics.keep(), change_log::keep(store, announce), settlements, type_arrivals);
}
