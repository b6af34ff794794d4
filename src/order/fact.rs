//! What an event says about money, and which order it names for it.

use std::fmt;

use super::id::Id;
use super::money::Money;
use super::words::words;

/// The kinds of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the word in the database, explained in docs/lifecycle.md")]
pub enum Kind {
    Authorized,
    Captured,
    CaptureFailed,
    Failed,
    Canceled,
    Refunded,
    RefundFailed,
    Disputed,
    DisputeWon,
    DisputeLost,
}

words!(Kind {
    Authorized = "authorized",
    Captured = "captured",
    CaptureFailed = "capture_failed",
    Failed = "failed",
    Canceled = "canceled",
    Refunded = "refunded",
    RefundFailed = "refund_failed",
    Disputed = "disputed",
    DisputeWon = "dispute_won",
    DisputeLost = "dispute_lost",
});

/// How a fact's amount is to be taken. Most kinds know `own` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// The amount of its reference alone.
    Own,
    /// What its reference comes to so far: a running total.
    Total,
    /// An authorization of an account that captures at once: it counts as captured until something else is told.
    Presumed,
    /// What its authorization is changed to.
    Adjusting,
    /// An authorization whose captures are payments of their own.
    Standalone,
    /// It takes its amount off; its message does not name the movement that it takes it from.
    Unreferenced,
    /// A reversal, which may be told as a dispute too.
    Reversal,
}

words!(Basis {
    Own = "own",
    Total = "total",
    Presumed = "presumed",
    Adjusting = "adjusting",
    Standalone = "standalone",
    Unreferenced = "unreferenced",
    Reversal = "reversal",
});

/// The money meaning of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What happened.
    pub kind: Kind,
    /// The movement of money, not the message: events that state one movement share it.
    pub reference: Id,
    /// How much. Only `failed` and `canceled` may say nothing of it.
    pub money: Option<Money>,
    /// How the amount is to be taken.
    pub basis: Basis,
}

impl Fact {
    /// Whether it lacks the amount that its kind needs.
    #[must_use]
    pub fn lacks_money(&self) -> bool {
        self.money.is_none() && !matches!(self.kind, Kind::Failed | Kind::Canceled)
    }
}

impl fmt::Display for Fact {
    /// `captured 1000 USD`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.money {
            Some(money) => write!(f, "{} {money}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// That an event names the merchant's order of its payment. The smallest rank wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The order that it names.
    pub order: Id,
    /// The rank of the field that named it. A definition's fields count from 0, a source's own come below.
    pub rank: i16,
}
