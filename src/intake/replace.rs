//! Stored events that are read again: what they say now takes the place of what they said.
//!
//! It goes past the lanes and works beside them: the row that is replaced, the links and the versions are compared with
//! what was read, and whoever was slower reads again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::order::{Event, Id, Key, Receipt, Rewrite, Snapshot, Status, decide_again};
use crate::store::{Action, ActionKind, By, Session, StoreError, StoredEvent, Wanted};

/// How often one event is tried when servers write its order too.
pub(super) const ATTEMPTS_MAX: u32 = 50;
/// The waits between them.
pub(super) const RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(50));

/// What became of a stored event that was read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It says what it said.
    Same,
    /// Its row was replaced, or would be.
    Done {
        /// What it says now.
        receipts: Vec<Receipt>,
        /// The orders that change by it, with their status then; none of an order that goes.
        orders: Vec<(Key, Option<Status>)>,
    },
    /// It stays: another event is stored under the id that it has now.
    Taken(Key),
    /// Somebody else replaced it in the meantime.
    Gone,
    /// It stays: the database refuses what it says now, and why.
    Refused(String),
}

/// Puts `events`, as which `stored` reads now, in its place, because somebody asked for it; without one who did, it only tells
/// what would become of them.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Stale`] when its order is written faster than it can be replaced.
pub async fn replace(
    session: &mut Session,
    stored: &StoredEvent,
    events: Vec<Event>,
    by: Option<&By>,
) -> Result<Replaced, StoreError> {
    let events = each_id_once(events);
    if says_the_same(stored, &events) {
        return Ok(Replaced::Same);
    }
    let events: Vec<&Event> = events.iter().collect();
    for _ in 0..ATTEMPTS_MAX {
        match attempt(session, stored, &events, by).await {
            Err(StoreError::Stale(_)) => {
                sleep(RETRY.wait(0)).await;
            }
            Err(StoreError::Refused { code, message }) => {
                return Ok(Replaced::Refused(format!("{message} ({code})")));
            }
            other => return other,
        }
    }
    Err(StoreError::Stale(format!("event {} is written faster than it can be replaced", stored.key)))
}

async fn attempt(
    session: &mut Session,
    stored: &StoredEvent,
    events: &[&Event],
    by: Option<&By>,
) -> Result<Replaced, StoreError> {
    let snapshot = load(session, stored, events).await?;
    if !snapshot.known.contains_key(&stored.key) {
        return Ok(Replaced::Gone);
    }
    let known = |key: &&Key| **key != stored.key && snapshot.known.contains_key(*key);
    if let Some(taken) = events.iter().map(|event| event.key()).find(known) {
        return Ok(Replaced::Taken(taken.clone()));
    }
    let (receipts, changes) = decide_again(snapshot, (&stored.key, stored.payment_key().as_ref()), events);
    if let Some(by) = by
        && !session.replace(stored, &changes, (by, &action(stored, &receipts))).await?
    {
        return Ok(Replaced::Gone);
    }
    let status = |rewrite: &Rewrite| rewrite.row.as_ref().map(|row| row.status);
    let orders = changes.orders.iter().map(|rewrite| (rewrite.order.clone(), status(rewrite)));
    Ok(Replaced::Done { orders: orders.collect(), receipts })
}

fn action(stored: &StoredEvent, receipts: &[Receipt]) -> Action {
    let was = json!({ "outcome": stored.outcome.as_str(), "facts_sha256": hex::encode(stored.facts_sha256) });
    let now = receipts.iter().map(|receipt| {
        let order = receipt.order.as_ref().map(Id::as_str);
        json!({ "event": receipt.event.as_str(), "outcome": receipt.outcome.as_str(), "order": order, "reason": receipt.reason })
    });
    Action {
        kind: ActionKind::ReprocessEvent,
        source: Some(stored.key.source.clone()),
        target: stored.key.id.to_string(),
        before: Some(was),
        after: Some(now.collect()),
    }
}

/// Everything that the old row and the new ones touch. Without the old row another claim may name the payment's order, so
/// all orders that its events name are loaded with it.
async fn load(
    session: &mut Session,
    stored: &StoredEvent,
    events: &[&Event],
) -> Result<Snapshot, StoreError> {
    let payment = stored.payment_key();
    let mut wanted = Wanted::of(events);
    wanted.events.push(stored.key.clone());
    wanted.payments.extend(payment.clone());
    wanted.orders.extend(payment.clone());
    load_all_that_is_claimed(session, wanted, payment.as_ref()).await
}

/// What is wanted, and every order that an entry of `payment` names.
pub(super) async fn load_all_that_is_claimed(
    session: &mut Session,
    mut wanted: Wanted,
    payment: Option<&Key>,
) -> Result<Snapshot, StoreError> {
    loop {
        for keys in [&mut wanted.events, &mut wanted.payments, &mut wanted.orders] {
            keys.sort_unstable();
            keys.dedup();
        }
        let snapshot = session.load(&wanted).await?;
        let entries = payment.and_then(|payment| Some((payment, snapshot.entries.get(payment)?))).into_iter();
        let claimed = entries.flat_map(|(payment, entries)| {
            entries.iter().filter_map(|entry| Some(payment.sibling(&entry.claim.as_ref()?.order)))
        });
        let unseen: BTreeSet<Key> = claimed.filter(|order| !wanted.orders.contains(order)).collect();
        if unseen.is_empty() {
            return Ok(snapshot);
        }
        wanted.orders.extend(unseen);
    }
}

fn says_the_same(stored: &StoredEvent, events: &[Event]) -> bool {
    matches!(events, [event] if *event.key() == stored.key && event.facts_sha256() == stored.facts_sha256)
}

/// The first of each id.
fn each_id_once(events: Vec<Event>) -> Vec<Event> {
    let mut seen = BTreeSet::new();
    events.into_iter().filter(|event| seen.insert(event.key().clone())).collect()
}
