//! What the merchant says an order should cost.

use super::event::UnixMicros;
use super::id::Id;
use super::money::Currency;
use super::words::words;

/// What the merchant says an order should cost. Of several the highest revision counts, so that any order of arrival ends the
/// same; under one revision the first terms stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The order, by the merchant's number.
    pub order: Id,
    /// The sources that share these numbers.
    pub ledger: Id,
    /// The merchant's own count of changes to the order.
    pub revision: i64,
    /// What is expected.
    pub terms: Terms,
}

/// What is expected of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Minor units; 0 for a free order.
    pub amount: i64,
    /// Of what.
    pub currency: Currency,
    /// Minor units that may be missing.
    pub tolerance_under: i64,
    /// Minor units that may be too much, such as a tip.
    pub tolerance_over: i64,
    /// Unpaid after this moment, a person should look at it. Most checkouts are abandoned, so there is none by default.
    pub due_at: Option<UnixMicros>,
    /// The merchant canceled the order: nothing is due any more.
    pub closed: bool,
}

/// What became of a statement of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stated {
    /// It counts from now on.
    Stated,
    /// It stood already, with the same terms.
    Held,
    /// It is kept; a higher revision counts.
    Superseded,
    /// Its revision stands with other terms, which count.
    Conflict,
}

words!(Stated { Stated = "stated", Held = "held", Superseded = "superseded", Conflict = "conflict" });

impl Stated {
    /// What became of `terms`, where `stands` are those that are kept under their revision and `is_latest` whether no revision
    /// is higher.
    #[must_use]
    pub fn of(terms: &Terms, stands: &Terms, is_new: bool, is_latest: bool) -> Self {
        if terms != stands {
            Self::Conflict
        } else if !is_latest {
            Self::Superseded
        } else if is_new {
            Self::Stated
        } else {
            Self::Held
        }
    }
}
