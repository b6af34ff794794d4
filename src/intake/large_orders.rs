//! Orders that take no more events: beyond `intake.order_events_max` they are parked.
//!
//! Every event of an order is folded with all that is stored of it. Without a limit one order that grows for ever, a donation
//! campaign, a field that every payment shares, would make each of its events as slow as all of it, and its neighbours with it.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::order::{About, Event, Key, Snapshot, Statement};

use super::pending::Pending;

/// How long an order is taken for large without a look: it may have been mended by hand.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);
/// How many of them are remembered; each of the others costs its events a bounded load.
const REMEMBERED_MAX: usize = 1_024;

/// The large orders that a lane has met.
#[derive(Debug, Default)]
pub(super) struct LargeOrders(HashMap<Key, Instant>);

impl LargeOrders {
    /// Whether what is leased for the event, or what it claims, was lately found to be large: then only the event itself is
    /// worth a look.
    pub(super) fn concern(&self, pending: &Pending) -> bool {
        !self.0.is_empty() && orders_of(pending).any(|order| self.has(&order))
    }

    /// Remembers those of a load.
    pub(super) fn learn(&mut self, snapshot: &Snapshot) {
        for order in &snapshot.large_orders {
            if self.0.len() >= REMEMBERED_MAX {
                self.0.retain(|_, met_at| met_at.elapsed() < REMEMBERED_FOR);
            }
            if self.0.len() < REMEMBERED_MAX {
                self.0.insert(order.clone(), Instant::now());
            }
        }
    }

    /// Parks the events of large orders, save those that are stored already.
    pub(super) fn park(&self, events: &mut [Pending], snapshot: &Snapshot, events_max: u32) {
        if self.0.is_empty() && snapshot.large_orders.is_empty() {
            return;
        }
        let is_large = |order: &Key| self.has(order) || snapshot.large_orders.contains(order);
        for pending in events {
            let event = &pending.event;
            let known = snapshot.known.get(event.key());
            if !event.tells_of_a_payment()
                || known.is_some_and(|known| known.facts_sha256 == event.facts_sha256())
            {
                continue;
            }
            let linked = event
                .payment_key()
                .and_then(|payment| Some(payment.sibling(&snapshot.links.get(&payment)?.order)));
            let large = orders_of(pending).chain(linked).find(is_large);
            if let Some(order) = large {
                pending.event = parked(event, &order, events_max);
            }
        }
    }

    fn has(&self, order: &Key) -> bool {
        self.0.get(order).is_some_and(|met_at| met_at.elapsed() < REMEMBERED_FOR)
    }
}

/// The order that the event claims, or its payment's, and the one that is leased for it.
fn orders_of(pending: &Pending) -> impl Iterator<Item = Key> {
    pending.event.order_key().into_iter().chain(pending.lock_key.clone())
}

/// The event, stating no fact and claiming no order: so it is stored until a person has looked.
fn parked(event: &Event, order: &Key, events_max: u32) -> Event {
    let reason =
        format!("order {} has {events_max} events, the most that intake.order_events_max allows", order.id);
    let said = (event.type_name().to_owned(), event.occurred_at());
    let about = About { payment: event.payment().cloned(), account: event.account().cloned() };
    Event::new(event.key().clone(), said, about, Statement::Parked(reason), None, event.evidence().clone())
}
