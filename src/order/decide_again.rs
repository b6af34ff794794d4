//! The decision over a stored event that is read again: what it says now takes the place of what it said.

use std::collections::BTreeMap;

use super::decide::{Changes, Payment, Snapshot, decide_from};
use super::event::{Event, Receipt};
use super::id::Key;

/// Decides as if the event `stored`, of `payment`, had never been, and `events` came in its place. The save must remove
/// it in the same transaction.
///
/// The snapshot must hold every order that an entry of `payment` claims: without the stored claim, another one counts.
#[must_use]
pub fn decide_again<'a>(
    mut snapshot: Snapshot,
    (stored, payment): (&Key, Option<&Key>),
    events: &[&'a Event],
) -> (Vec<Receipt>, Changes<'a>) {
    snapshot.known.remove(stored);
    let left = payment
        .and_then(|payment| Some((payment.clone(), Payment::without(&stored.id, payment, &mut snapshot)?)));
    decide_from(snapshot, BTreeMap::from_iter(left), events)
}
