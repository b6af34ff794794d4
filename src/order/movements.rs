//! The facts of one payment, sorted so that the statements of one movement of money stand side by side.

use super::entry::Entry;
use super::event::UnixMicros;
use super::fact::{Basis, Kind};
use super::id::Id;
use super::money::Currency;

/// One statement of a movement. The order of the fields is the order in which they are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stated<'a> {
    pub(super) kind: Kind,
    pub(super) reference: &'a Id,
    pub(super) currency: Option<Currency>,
    pub(super) basis: Basis,
    pub(super) at: UnixMicros,
    /// Minor units; 0 where nothing is said of them.
    pub(super) amount: i64,
}

/// All statements of one payment.
pub(super) struct Movements<'a>(Vec<Stated<'a>>);

impl<'a> Movements<'a> {
    pub(super) fn of(entries: &'a [Entry]) -> Self {
        let stated = |entry: &'a Entry| {
            let fact = entry.fact.as_ref()?;
            Some(Stated {
                kind: fact.kind,
                reference: &fact.reference,
                currency: fact.money.map(|money| money.currency),
                basis: fact.basis,
                at: entry.occurred_at,
                amount: fact.money.map_or(0, |money| money.amount),
            })
        };
        let mut all: Vec<_> = entries.iter().filter_map(stated).collect();
        all.sort_unstable();
        Self(all)
    }

    /// All statements, sorted.
    pub(super) fn all(&self) -> &[Stated<'a>] {
        &self.0
    }

    /// The statements of one kind.
    pub(super) fn of_kind(&self, kind: Kind) -> &[Stated<'a>] {
        range(&self.0, |stated| stated.kind, kind)
    }

    /// Whether there is one of this kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        !self.of_kind(kind).is_empty()
    }

    /// The statements of one kind about one movement.
    pub(super) fn about(&self, kind: Kind, reference: &Id) -> &[Stated<'a>] {
        range(self.of_kind(kind), |stated| stated.reference, reference)
    }

    /// The movements of a kind as told on one basis: the statements of each, by (time, amount).
    pub(super) fn each(&self, kind: Kind, basis: Basis) -> impl Iterator<Item = &[Stated<'a>]> {
        self.of_kind(kind)
            .chunk_by(|a, b| (a.reference, a.currency, a.basis) == (b.reference, b.currency, b.basis))
            .filter(move |movement| movement.first().is_some_and(|first| first.basis == basis))
    }
}

/// The part of a sorted list whose elements have this key.
fn range<T, K: Ord>(sorted: &[T], key_of: impl Fn(&T) -> K, key: K) -> &[T] {
    let from = sorted.partition_point(|element| key_of(element) < key);
    let length = sorted[from..].partition_point(|element| key_of(element) <= key);
    &sorted[from..from + length]
}

/// The largest amount that a movement was stated with.
pub(super) fn largest(movement: &[Stated<'_>]) -> i64 {
    movement.iter().map(|stated| stated.amount).max().unwrap_or_default()
}
