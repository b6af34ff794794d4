//! Each provider's fixtures come to the reviewed orders over a real database, whatever happens on the way.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::facts::{all_events_at, reviewed_orders};
use super::*;
use crate::order::{Outcome, decide};
use crate::store::{OrderFilter, OrderRow, ROWS_MAX, Session, Store, StoreSettings, Wanted};

/// Ways to deliver each provider's events.
const SEEDS: u64 = 3;
/// The most events of one batch.
const BATCH_EVENTS_MAX: usize = 5;

#[tokio::test]
async fn every_provider_s_events_end_in_the_reviewed_rows_shuffled_repeated_and_in_batches() {
    for provider in providers().names() {
        for seed in 0..SEEDS {
            let directory = tempfile::tempdir().unwrap();
            let store = database(directory.path()).await;
            let events = two_deliveries(provider, seed);
            let outcomes = deliver(&mut store.session(), &events).await;
            let rows =
                store.orders(&OrderFilter { limit: ROWS_MAX, ..OrderFilter::default() }).await.unwrap().rows;

            let lines: Vec<String> = rows.iter().map(line).collect();
            assert_eq!(lines, reviewed_orders(provider), "{provider}, seed {seed}");
            let duplicates = outcomes.iter().filter(|outcome| **outcome == Outcome::Duplicate).count();
            assert_eq!(duplicates, events.len() / 2, "{provider}, seed {seed}: every second delivery");
            let audit = store.audit().await.unwrap();
            assert!(audit.differences.is_empty(), "{provider}, seed {seed}: {audit:?}");
        }
    }
}

async fn database(directory: &Path) -> Store {
    let url = Secret::new(format!("sqlite://{}/paylatch.db", directory.display()));
    let store =
        Store::open(&StoreSettings { call_timeout: Duration::from_secs(10), ..StoreSettings::new(url) })
            .unwrap();
    store.migrate().await.unwrap();
    store
}

/// Every event of the provider's fixtures twice, as two requests bring it, in any order.
fn two_deliveries(provider: &str, seed: u64) -> Vec<Event> {
    let source = source(settings(provider));
    let delivered = |second| all_events_at(&source, UnixMicros((NOW + second) * 1_000_000));
    let mut events = [delivered(0), delivered(1)].concat();
    events.shuffle(&mut StdRng::seed_from_u64(seed));
    events
}

/// Batches as intake makes them: no id twice in one.
async fn deliver(session: &mut Session, events: &[Event]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let mut ids = BTreeSet::new();
        let length = rest.iter().take(BATCH_EVENTS_MAX).take_while(|event| ids.insert(event.key())).count();
        let (batch, after) = rest.split_at(length);
        let batch: Vec<&Event> = batch.iter().collect();
        let snapshot = session.load(&Wanted::of(&batch)).await.unwrap();
        let (receipts, changes) = decide(snapshot, &batch);
        if !changes.is_empty() {
            session.save(&changes).await.unwrap();
        }
        outcomes.extend(receipts.into_iter().map(|receipt| receipt.outcome));
        rest = after;
    }
    outcomes
}

/// A row as the reviewed tables write it.
fn line(row: &OrderRow) -> String {
    let currency = row.currency.as_deref().unwrap_or("-");
    let anomaly = row.anomaly.as_ref().map_or_else(String::new, |anomaly| format!(" ! {anomaly}"));
    format!(
        "{}: {} {currency} authorized {} captured {} refunded {} disputed {}{anomaly}",
        row.order_id, row.status, row.authorized, row.captured, row.refunded, row.disputed
    )
}
