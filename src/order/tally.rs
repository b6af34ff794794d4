//! What the movements of one payment come to in one currency, before they are weighed against each other.
//!
//! A movement counts once, however many events state it. An own amount counts with the largest statement, a total with
//! the latest: totals fall when a provider corrects them.

use std::collections::BTreeMap;

use super::event::UnixMicros;
use super::fact::{Basis, Kind};
use super::id::Id;
use super::money::Currency;
use super::movements::{Movements, Stated, largest};

/// Sums of one payment in one currency. 128 bits hold any number of 63-bit amounts that a database can.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) authorized: i128,
    /// Of `authorized`, what is captured as payments of their own.
    pub(super) standalone: i128,
    /// Of `authorized`, what counts as captured until something else is told.
    pub(super) presumed: i128,
    pub(super) captured_singly: i128,
    pub(super) captured_in_total: i128,
    /// Captures that failed, without word which.
    pub(super) taken_back: i128,
    pub(super) refunded_singly: i128,
    /// Less the refunds that failed since.
    pub(super) refunded_in_total: i128,
    pub(super) reversed: i128,
    /// Every dispute, in whatever state.
    pub(super) disputed_ever: i128,
    pub(super) open: i128,
    pub(super) lost: i128,
    /// Disputes that were won, without word which.
    pub(super) won: i128,
}

/// A tally for every currency that a payment's facts state.
#[derive(Default)]
pub(super) struct Tallies(pub(super) BTreeMap<Currency, Tally>);

impl Tallies {
    pub(super) fn of(told: &Movements<'_>) -> Self {
        let mut tallies = Self::default();
        for stated in told.all() {
            tallies.add(stated, |_, _| ());
        }
        tallies.count_authorizations(told);
        tallies.count_captures(told);
        tallies.count_refunds(told);
        tallies.count_disputes(told);
        tallies
    }

    fn count_authorizations(&mut self, told: &Movements<'_>) {
        let movements = told
            .of_kind(Kind::Authorized)
            .chunk_by(|a, b| (a.reference, a.currency) == (b.reference, b.currency));
        for movement in movements {
            let of = |basis: Basis| movement.iter().filter(move |stated| stated.basis == basis);
            // What a reservation was changed to holds whatever the clock says of the others: both may bear one second.
            let adjusted = of(Basis::Adjusting).max_by_key(|stated| (stated.at, stated.amount));
            let amount = adjusted.map_or_else(|| largest(movement), |stated| stated.amount);
            let is_standalone = of(Basis::Standalone).next().is_some();
            self.add_movement(movement, amount, |tally, amount| {
                tally.authorized += amount;
                if is_standalone {
                    tally.standalone += amount;
                }
            });
        }
        for movement in told.each(Kind::Authorized, Basis::Presumed) {
            self.add_movement(movement, largest(movement), |tally, amount| tally.presumed += amount);
        }
    }

    fn count_captures(&mut self, told: &Movements<'_>) {
        for movement in told.each(Kind::Captured, Basis::Own) {
            // What is captured again after it failed counts.
            let failed_at = movement.first().and_then(|first| taken_back_at(told, first.reference));
            let standing = movement.partition_point(|stated| failed_at.is_some_and(|at| stated.at <= at));
            let amount = largest(&movement[standing..]);
            self.add_movement(movement, amount, |tally, amount| tally.captured_singly += amount);
        }
        for latest in told.each(Kind::Captured, Basis::Total).filter_map(<[_]>::last) {
            self.add(latest, |tally, amount| tally.captured_in_total += amount);
        }
        for movement in told.each(Kind::CaptureFailed, Basis::Unreferenced) {
            self.add_movement(movement, largest(movement), |tally, amount| tally.taken_back += amount);
        }
    }

    fn count_refunds(&mut self, told: &Movements<'_>) {
        for movement in told.each(Kind::Refunded, Basis::Own) {
            if movement.first().is_some_and(|first| refund_stands(told, first.reference)) {
                self.add_movement(movement, largest(movement), |tally, amount| {
                    tally.refunded_singly += amount
                });
            }
        }
        for movement in told.each(Kind::Refunded, Basis::Reversal) {
            self.add_movement(movement, largest(movement), |tally, amount| tally.reversed += amount);
        }
        let totals = || told.each(Kind::Refunded, Basis::Total).filter_map(<[_]>::last);
        let Some(last_total_at) = totals().map(|latest| latest.at).max() else { return };
        for latest in totals() {
            self.add(latest, |tally, amount| tally.refunded_in_total += amount);
        }
        // A total that is told after a failure knows of it; the failure's first word tells when it happened.
        let failures = told
            .of_kind(Kind::RefundFailed)
            .chunk_by(|a, b| (a.reference, a.currency) == (b.reference, b.currency));
        for failure in failures.filter(|failure| failure.iter().all(|stated| stated.at >= last_total_at)) {
            self.add_movement(failure, largest(failure), |tally, amount| tally.refunded_in_total -= amount);
        }
    }

    /// Disputes close and reopen, change their amount, and clocks tick in seconds: the latest word counts, of one moment
    /// lost over won over open.
    fn count_disputes(&mut self, told: &Movements<'_>) {
        let stated = [Kind::Disputed, Kind::DisputeWon, Kind::DisputeLost]
            .into_iter()
            .flat_map(|kind| told.of_kind(kind))
            .filter(|stated| stated.basis != Basis::Unreferenced);
        let mut disputes: BTreeMap<_, Vec<&Stated<'_>>> = BTreeMap::new();
        for stated in stated {
            disputes.entry((stated.reference, stated.currency)).or_default().push(stated);
        }
        for dispute in disputes.values() {
            let largest = dispute.iter().max_by_key(|stated| stated.amount);
            let latest = dispute.iter().max_by_key(|stated| (stated.at, stated.kind, stated.amount));
            let (Some(largest), Some(latest)) = (largest, latest) else { continue };
            self.add(largest, |tally, amount| tally.disputed_ever += amount);
            self.add(latest, |tally, amount| match latest.kind {
                Kind::Disputed => tally.open += amount,
                Kind::DisputeLost => tally.lost += amount,
                _ => {}
            });
        }
        for movement in told.each(Kind::DisputeWon, Basis::Unreferenced) {
            self.add_movement(movement, largest(movement), |tally, amount| tally.won += amount);
        }
    }

    fn add(&mut self, stated: &Stated<'_>, count: impl FnOnce(&mut Tally, i128)) {
        self.add_movement(std::slice::from_ref(stated), stated.amount, count);
    }

    /// Counts `amount` in the movement's currency; a statement without one has no amount.
    fn add_movement(&mut self, movement: &[Stated<'_>], amount: i64, count: impl FnOnce(&mut Tally, i128)) {
        if let Some(currency) = movement.first().and_then(|first| first.currency) {
            count(self.0.entry(currency).or_default(), i128::from(amount));
        }
    }
}

/// When a movement was last taken back by its reference.
pub(super) fn taken_back_at(told: &Movements<'_>, reference: &Id) -> Option<UnixMicros> {
    let failures = told.about(Kind::CaptureFailed, reference).iter();
    failures.filter(|stated| stated.basis != Basis::Unreferenced).map(|stated| stated.at).max()
}

/// Whether no word took a refund back. A failed capture that names no capture may name a refund: a void of one.
pub(super) fn refund_stands(told: &Movements<'_>, reference: &Id) -> bool {
    let is_voided =
        told.about(Kind::Captured, reference).is_empty() && taken_back_at(told, reference).is_some();
    told.about(Kind::RefundFailed, reference).is_empty() && !is_voided
}
