//! Events that are probably new are inserted without a load.
//!
//! Most events open an order: nothing is stored of it, and a load only finds that out. So an event goes without a load while the
//! dedup cache holds neither it nor its payment nor its order, its fact need not follow another one (a refund's must), and the
//! last such inserts succeeded. No decision rests on this: if any of its rows was stored after all, a unique key refuses the
//! insert, nothing of the batch is written, and the batch is decided again from a load.

use crate::order::{Event, Kind, Snapshot};
use crate::store::{Epoch, StoreError};

/// So many events in a row must have been new, for each one that goes without a load: a refused save leaves dead rows behind,
/// and must be rare beside the loads that are spared.
const CONFIRMED_FOR_EACH: usize = 16;

/// How many events that looked new were new, as a lane has seen lately.
#[derive(Debug, Default)]
pub(super) struct OptimisticInsert {
    /// Events that looked new and were, in a row.
    confirmed_new: usize,
    /// The epoch of the cache that did not hold them.
    epoch: Epoch,
}

impl OptimisticInsert {
    /// Whether `events` that look new may go without a load.
    pub(super) fn allows(&self, events: usize, epoch: Epoch) -> bool {
        self.epoch == epoch && self.confirmed_new >= events.saturating_mul(CONFIRMED_FOR_EACH)
    }

    /// Takes the result of a save of which so many events went without a load.
    pub(super) fn learn(&mut self, saved: &Result<(), StoreError>, inserted_unloaded: usize, epoch: Epoch) {
        if inserted_unloaded == 0 {
            return;
        }
        let result = match saved {
            Ok(()) => "new",
            Err(StoreError::Stale(_)) => "known",
            Err(_) => "unsaved",
        };
        metrics::counter!("paylatch_unloaded_inserts_total", "result" => result)
            .increment(inserted_unloaded as u64);
        self.note(saved.is_ok(), inserted_unloaded, epoch);
    }

    /// Notes that so many events looked new in `epoch`, and whether all were; one that was not begins the count anew.
    pub(super) fn note(&mut self, all_were: bool, events: usize, epoch: Epoch) {
        if self.epoch != epoch || !all_were {
            *self = Self { confirmed_new: 0, epoch };
        }
        if all_were {
            self.confirmed_new = self.confirmed_new.saturating_add(events);
        }
    }
}

/// Whether `event` can be the first of its order. One without a fact that names a payment cannot: its receipt tells the payment's
/// order, which must be loaded.
pub(super) fn can_be_first_event(event: &Event) -> bool {
    match event.fact().map(|fact| fact.kind) {
        None => event.payment().is_none() || event.claim().is_some(),
        Some(Kind::Authorized | Kind::Captured | Kind::Failed | Kind::Canceled) => true,
        Some(
            Kind::CaptureFailed
            | Kind::Refunded
            | Kind::RefundFailed
            | Kind::Disputed
            | Kind::DisputeWon
            | Kind::DisputeLost,
        ) => false,
    }
}

/// Whether nothing of `event` was stored when `snapshot` was taken.
pub(super) fn is_new_to(snapshot: &Snapshot, event: &Event) -> bool {
    !snapshot.known.contains_key(event.key())
        && event.payment_key().is_none_or(|payment| !snapshot.links.contains_key(&payment))
        && event.order_key().is_none_or(|order| !snapshot.versions.contains_key(&order))
}
