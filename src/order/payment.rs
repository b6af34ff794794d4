//! The fold of one payment: what the facts of its events come to, in whatever order they arrived.

use super::entry::Entry;
use super::fact::{Basis, Kind};
use super::money::Currency;
use super::movements::Movements;
use super::tally::{Tallies, Tally, taken_back_at};

/// How far a payment has come. The order of the variants is their rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// An attempt failed, or every capture did.
    Failed,
    /// Money is reserved.
    Authorized,
    /// Given up, by the merchant or by time.
    Canceled,
    /// Money moved.
    Captured,
}

/// What a payment comes to in one currency. 128 bits hold any number of 63-bit amounts that a database can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Ever reserved.
    pub authorized: i128,
    /// Reserved now, to be captured by this payment.
    pub reserved: i128,
    /// Reserved now, to be captured by payments of their own.
    pub standalone: i128,
    /// Captured, less captures that failed.
    pub captured: i128,
    /// Given back.
    pub refunded: i128,
    /// In open disputes.
    pub open: i128,
    /// In lost disputes.
    pub lost: i128,
}

impl Sums {
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            authorized: self.authorized + other.authorized,
            reserved: self.reserved + other.reserved,
            standalone: self.standalone + other.standalone,
            captured: self.captured + other.captured,
            refunded: self.refunded + other.refunded,
            open: self.open + other.open,
            lost: self.lost + other.lost,
        }
    }
}

/// What a payment's entries come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentFold {
    /// Sums by currency, sorted by it; nearly always one.
    pub sums: Vec<(Currency, Sums)>,
    /// How far it has come, if its facts say.
    pub rank: Option<Rank>,
}

impl PaymentFold {
    /// Folds entries in any order.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        Self::of_movements(&Movements::of(entries))
    }

    pub(super) fn of_movements(told: &Movements<'_>) -> Self {
        let tallies = Tallies::of(told).0;
        let is_presumed = presumption_holds(told);
        let is_captured = tallies.values().any(|tally| captured(tally, is_presumed) > 0);
        let rank = if is_captured { Some(Rank::Captured) } else { rank_uncaptured(told) };
        let sums = tallies.iter().map(|(currency, tally)| (*currency, sums(tally, is_presumed, rank)));
        Self { sums: sums.collect(), rank }
    }

    /// The sums in `currency`.
    #[must_use]
    pub fn sums_in(&self, currency: Currency) -> Sums {
        self.sums.iter().find(|(own, _)| *own == currency).map(|(_, sums)| *sums).unwrap_or_default()
    }
}

/// Whether an authorization of an account that captures at once still counts as captured: any word of a capture, of its
/// failure, of an end or of another amount says that there is more to it.
pub(super) fn presumption_holds(told: &Movements<'_>) -> bool {
    !told.has(Kind::Captured)
        && !told.has(Kind::CaptureFailed)
        && !told.has(Kind::Canceled)
        && told.of_kind(Kind::Authorized).iter().all(|stated| stated.basis != Basis::Adjusting)
}

fn sums(tally: &Tally, is_presumed: bool, rank: Option<Rank>) -> Sums {
    let is_reserved = rank == Some(Rank::Authorized);
    let in_reserve = |amount| if is_reserved { amount } else { 0 };
    // What was won without word which dispute it was is taken off the open ones first.
    let open = (tally.open - tally.won).max(0);
    let lost = tally.lost - (tally.won - tally.open).clamp(0, tally.lost);
    Sums {
        authorized: tally.authorized,
        reserved: in_reserve(tally.authorized - tally.standalone),
        standalone: in_reserve(tally.standalone),
        captured: captured(tally, is_presumed),
        refunded: refunded(tally),
        open,
        lost,
    }
}

/// Single captures and totals tell the same money twice, so the larger account stands: they are never added.
fn captured(tally: &Tally, is_presumed: bool) -> i128 {
    let told = tally.captured_singly.max(tally.captured_in_total);
    let captured = if is_presumed { tally.presumed } else { told };
    (captured - tally.taken_back).max(0)
}

/// Single refunds and totals likewise. A reversal is the other side of a dispute, where both are told: only what exceeds the
/// disputes was given back beside them.
fn refunded(tally: &Tally) -> i128 {
    let given_back = tally.refunded_in_total.max(tally.refunded_singly).max(0);
    given_back + (tally.reversed - tally.disputed_ever).max(0)
}

/// The rank of a payment that holds no captured money.
fn rank_uncaptured(told: &Movements<'_>) -> Option<Rank> {
    let is_authorized = told.has(Kind::Authorized);
    if told.has(Kind::Canceled) || reservation_is_voided(told) {
        Some(Rank::Canceled)
    } else if told.each(Kind::CaptureFailed, Basis::Unreferenced).next().is_some() {
        Some(Rank::Failed)
    } else if is_authorized {
        Some(Rank::Authorized)
    } else {
        (told.has(Kind::Failed) || told.has(Kind::CaptureFailed)).then_some(Rank::Failed)
    }
}

/// Whether what failed names nothing but a reservation: then that is what was taken back.
fn reservation_is_voided(told: &Movements<'_>) -> bool {
    told.of_kind(Kind::Authorized).iter().any(|stated| {
        taken_back_at(told, stated.reference).is_some()
            && told.about(Kind::Captured, stated.reference).is_empty()
            && told.about(Kind::Refunded, stated.reference).is_empty()
    })
}
