//! Our side: the movements of a payment as our facts tell them.

use std::collections::BTreeMap;

use super::row::Class;
use crate::order::entry::Entry;
use crate::order::event::UnixMicros;
use crate::order::fact::{Basis, Kind};
use crate::order::id::Id;
use crate::order::money::Currency;
use crate::order::movements::{Movements, Stated, largest};
use crate::order::payment::{PaymentFold, presumption_holds};
use crate::order::tally::{refund_stands, taken_back_at};

/// A movement of money as our facts tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OurMovement {
    /// Minor units; 0 where a later word took it back.
    pub(super) amount: i64,
    pub(super) currency: Option<Currency>,
    /// The first word of it.
    pub(super) at: UnixMicros,
    /// What its payment comes to so far, and no movement of its own.
    pub(super) is_total: bool,
    /// Whether a report must tell of it: an open dispute may have moved nothing yet.
    pub(super) is_final: bool,
}

/// All movements of one payment, and what they come to.
pub(super) struct Ours<'a> {
    pub(super) movements: BTreeMap<(Class, &'a Id), OurMovement>,
    pub(super) fold: PaymentFold,
}

impl<'a> Ours<'a> {
    pub(super) fn of(entries: &'a [Entry]) -> Self {
        let told = Movements::of(entries);
        let mut ours = Self { movements: BTreeMap::new(), fold: PaymentFold::of(entries) };
        ours.add_captures(&told);
        ours.add_refunds(&told);
        ours.add_disputes(&told);
        ours
    }

    /// What the payment comes to in a class, if it has anything of it.
    pub(super) fn sum(&self, class: Class) -> Option<(i128, Currency)> {
        let sum = |sums: &crate::order::payment::Sums| match class {
            Class::Captured => sums.captured,
            Class::Refunded => sums.refunded,
            Class::Disputed => sums.open + sums.lost,
        };
        let has_class = self.movements.keys().any(|(own, _)| *own == class);
        let sums = self.fold.sums.iter().map(|(currency, sums)| (sum(sums), *currency));
        sums.max_by_key(|(sum, _)| *sum).filter(|_| has_class)
    }

    fn add_captures(&mut self, told: &Movements<'a>) {
        for movement in told.each(Kind::Captured, Basis::Own) {
            let failed_at = movement.first().and_then(|first| taken_back_at(told, first.reference));
            let standing = movement.partition_point(|stated| failed_at.is_some_and(|at| stated.at <= at));
            self.add(Class::Captured, movement, largest(&movement[standing..]));
        }
        // A payment's total bears the payment's own name, by which reports name it too.
        for movement in told.each(Kind::Captured, Basis::Total) {
            self.add(Class::Captured, movement, movement.last().map_or(0, |latest| latest.amount));
        }
        if presumption_holds(told) {
            for movement in told.each(Kind::Authorized, Basis::Presumed) {
                self.add(Class::Captured, movement, largest(movement));
            }
        }
    }

    fn add_refunds(&mut self, told: &Movements<'a>) {
        for basis in [Basis::Own, Basis::Reversal] {
            for movement in told.each(Kind::Refunded, basis) {
                let stands = movement.first().is_some_and(|first| refund_stands(told, first.reference));
                self.add(Class::Refunded, movement, if stands { largest(movement) } else { 0 });
            }
        }
        for movement in told.each(Kind::Refunded, Basis::Total) {
            let Some(latest) = movement.last() else { continue };
            let total = OurMovement { is_total: true, ..of(movement, latest.amount) };
            self.movements.entry((Class::Refunded, latest.reference)).or_insert(total);
        }
        // A refund that failed before it was told as done came to nothing.
        for failure in told.of_kind(Kind::RefundFailed) {
            let nothing = of(std::slice::from_ref(failure), 0);
            self.movements.entry((Class::Refunded, failure.reference)).or_insert(nothing);
        }
    }

    fn add_disputes(&mut self, told: &Movements<'a>) {
        for kind in [Kind::Disputed, Kind::DisputeWon, Kind::DisputeLost] {
            for stated in told.of_kind(kind) {
                let dispute = OurMovement {
                    is_final: kind == Kind::DisputeLost,
                    ..of(std::slice::from_ref(stated), stated.amount)
                };
                let known = self.movements.entry((Class::Disputed, stated.reference)).or_insert(dispute);
                known.is_final |= dispute.is_final;
                known.at = known.at.min(dispute.at);
                known.amount = known.amount.max(dispute.amount);
            }
        }
    }

    /// Single amounts and totals tell the same money twice: the larger account stands.
    fn add(&mut self, class: Class, movement: &[Stated<'a>], amount: i64) {
        let Some(first) = movement.first() else { return };
        let told = of(movement, amount);
        let known = self.movements.entry((class, first.reference)).or_insert(told);
        known.amount = known.amount.max(told.amount);
        known.at = known.at.min(told.at);
    }
}

fn of(movement: &[Stated<'_>], amount: i64) -> OurMovement {
    OurMovement {
        amount,
        currency: movement.first().and_then(|first| first.currency),
        at: movement.iter().map(|stated| stated.at).min().unwrap_or_default(),
        is_total: false,
        is_final: true,
    }
}
