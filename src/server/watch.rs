//! Looks at the database and the lock service while the server runs: for `/readyz`, and for the gauges of what needs a
//! person.

use std::collections::BTreeSet;
use std::time::Duration;

use metrics::gauge;
use tokio::time::interval;
use tracing::{error, info, warn};

use super::findings::FindingGauges;
use super::{ServerError, endpoints, settlements, silence, waiting};
use crate::http::{AttentionCount, Database, Health, LockService, Sources, received_now};
use crate::lock::Locks;
use crate::order::Anomaly;
use crate::store::{Counts, Schema, Store, StoreError, WaitingLimits};

/// How often the database and the lock service are looked at.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// Counting reads more than checking: it is done every so many checks.
const COUNT_EVERY_TICKS: u64 = 30;
/// Who is told of changes is told within seconds, so its lag is looked at more often.
const LAG_EVERY_TICKS: u64 = 5;

/// Keeps `/readyz` true to the database and the lock service. A database that turns out unfit before it was ever ready
/// ends the process, as it would have kept it from starting.
pub(super) async fn keep_checking(
    store: Store,
    locks: Locks,
    health: Health,
    sources: Sources,
    waiting: WaitingLimits,
    attention: AttentionCount,
) -> ServerError {
    let mut ticks = interval(CHECK_EVERY);
    let mut was_ready = false;
    let mut unknown_migrations = 0;
    let (mut with_unclaimed, mut settlements) = (BTreeSet::new(), settlements::Gauges::default());
    let (mut findings, mut waiting) = (FindingGauges::default(), waiting::WaitingGauges::new(waiting));
    for tick in 0_u64.. {
        ticks.tick().await;
        match store.check().await {
            Err(StoreError::Misconfigured(problem)) if !was_ready => return ServerError::Unfit(problem),
            found => {
                note_newer(&found, &mut unknown_migrations);
                was_ready |= note_database(&health, found);
            }
        }
        // The locks log their own outages.
        let lock_service =
            if locks.is_available().await { LockService::Ready } else { LockService::Unavailable };
        health.lock_service(lock_service);
        if was_ready && tick % COUNT_EVERY_TICKS == 0 {
            count(&store, &attention, &mut with_unclaimed).await;
            silence::set_gauges(&store, &sources).await;
            findings.set_gauges(&store, &sources).await;
            settlements.set_gauges(&store, &sources).await;
            waiting.set_gauges(&store).await;
        }
        if was_ready && tick % LAG_EVERY_TICKS == 0 {
            endpoints::set_gauges(&store, received_now()).await;
        }
    }
    ServerError::Ended("health check")
}

/// During a rollout the schema is that of the next version, which only adds to ours.
fn note_newer(found: &Result<Schema, StoreError>, known: &mut usize) {
    let Ok(Schema { unknown_migrations }) = found else { return };
    if std::mem::replace(known, *unknown_migrations) < *unknown_migrations {
        info!(
            unknown_migrations,
            "the database's schema is newer than this version, which goes on: migrations only add"
        );
    }
}

/// Tells whether the database is ready, and logs what changed.
fn note_database(health: &Health, found: Result<Schema, StoreError>) -> bool {
    match found {
        Ok(_) => {
            if health.database(Database::Ready) {
                info!("the database is ready");
            }
            return true;
        }
        Err(StoreError::Misconfigured(problem) | StoreError::Forbidden(problem)) => {
            if health.database(Database::Unfit) {
                error!(problem, "the database must not be used");
            }
        }
        Err(error) => {
            if health.database(Database::Away) {
                warn!(%error, "the database is away");
            }
        }
    }
    false
}

/// Sets the gauges of what needs a person, and tells the pages. They keep their last values while the database is away.
///
/// A source whose payments all came to have an order tells 0: `sources` are those that once had others.
async fn count(store: &Store, attention: &AttentionCount, sources: &mut BTreeSet<String>) {
    let Ok(Counts { parked, dead, conflicts, .. }) = attention.count_anyway(store).await else { return };
    let (Ok(anomalies), Ok(unclaimed)) = (store.anomalies().await, store.unclaimed().await) else { return };
    for word in Anomaly::ALL.iter().map(|anomaly| anomaly.as_str()) {
        let count = anomalies.iter().find(|(own, _)| own == word).map_or(0, |(_, count)| *count);
        gauge!("paylatch_orders_with_anomaly", "anomaly" => word).set(count as f64);
    }
    gauge!("paylatch_events_parked").set(parked as f64);
    gauge!("paylatch_events_dead").set(dead as f64);
    gauge!("paylatch_conflicts").set(conflicts as f64);
    sources.extend(unclaimed.iter().map(|(source, _)| source.clone()));
    for source in sources.iter() {
        let count = unclaimed.iter().find(|(own, _)| own == source).map_or(0, |(_, count)| *count);
        gauge!("paylatch_payments_unclaimed", "source" => source.clone()).set(count as f64);
    }
}
