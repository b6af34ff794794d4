//! A payment as a part of its order, and what the parts of an order come to.

use super::entry::{Entry, Member};
use super::id::Id;
use super::money::Currency;
use super::movements::Movements;
use super::payment::{PaymentFold, Sums};

/// A payment of the order, folded.
pub(super) struct Part<'a> {
    pub(super) payment: &'a Id,
    pub(super) entries: &'a [Entry],
    pub(super) told: Movements<'a>,
    pub(super) fold: PaymentFold,
}

impl<'a> Part<'a> {
    pub(super) fn of(Member { payment, entries }: &Member<'a>) -> Self {
        let told = Movements::of(entries);
        Self { payment, entries, fold: PaymentFold::of_movements(&told), told }
    }
}

/// The sums over payments. What was captured by payments without an authorization was reserved by the standalone ones.
pub(super) fn total<'a>(parts: impl IntoIterator<Item = &'a Part<'a>>, currency: Option<Currency>) -> Sums {
    let Some(currency) = currency else { return Sums::default() };
    let (mut sums, mut captured_apart) = (Sums::default(), 0);
    for part in parts {
        let own = part.fold.sums_in(currency);
        sums = sums.plus(&own);
        if own.authorized == 0 {
            captured_apart += own.captured;
        }
    }
    sums.reserved += (sums.standalone - captured_apart).max(0);
    sums
}
