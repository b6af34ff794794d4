//! Events that look new are inserted without a load.
//!
//! Most events open an order: nothing is stored of it, and a load only finds that out. An event is presumed to be new while
//! this process remembers nothing of it, it says nothing that must follow something else, and such events keep proving new.
//! That decides nothing: what is decided from it is inserted, the keys refuse what was known after all, and the
//! batch is decided again from a load.

use crate::order::{Event, Kind, Snapshot};
use crate::store::{Epoch, StoreError};

/// So many events must have proved new since the last that did not, for each event that is presumed to be: a save in vain,
/// which leaves dead rows behind, is paid for by so many times the loads that were spared.
const CONFIRMED_FOR_EACH: usize = 16;

/// A lane's experience with events that look new.
#[derive(Debug, Default)]
pub(super) struct OptimisticInsert {
    /// Events that looked new and were, in a row.
    confirmed_new: usize,
    /// Of the memory that they looked new to.
    epoch: Epoch,
}

impl OptimisticInsert {
    /// Whether `events` that look new may go without a load.
    pub(super) fn allows(&self, events: usize, epoch: Epoch) -> bool {
        self.epoch == epoch && self.confirmed_new >= events.saturating_mul(CONFIRMED_FOR_EACH)
    }

    /// From a save in which so many events were presumed to be new.
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

    /// So many events looked new to the memory of `epoch`: either all were, or one was not, or it is not known.
    pub(super) fn note(&mut self, all_were: bool, events: usize, epoch: Epoch) {
        if self.epoch != epoch || !all_were {
            *self = Self { confirmed_new: 0, epoch };
        }
        if all_were {
            self.confirmed_new = self.confirmed_new.saturating_add(events);
        }
    }
}

/// Whether `event` may well be the first of its order. One that only notes something of a payment tells its sender the payment's
/// order, which must be looked up.
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
