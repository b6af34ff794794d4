//! A row of a provider's report, in our words.

use crate::order::event::UnixMicros;
use crate::order::fact::Kind;
use crate::order::id::Id;
use crate::order::money::Currency;
use crate::order::words::words;

/// What a report's row and our facts are matched in: kinds that move the same money back and forth are one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Captures, less those that failed.
    Captured,
    /// Refunds, less those that failed.
    Refunded,
    /// Disputes, in whatever state.
    Disputed,
}

words!(Class { Captured = "captured", Refunded = "refunded", Disputed = "disputed" });

impl Class {
    /// The class of a kind, and whether it adds to it or takes off it. Reservations are in no report of money.
    #[must_use]
    pub fn of(kind: Kind) -> Option<(Self, i64)> {
        match kind {
            Kind::Captured => Some((Self::Captured, 1)),
            Kind::CaptureFailed => Some((Self::Captured, -1)),
            Kind::Refunded => Some((Self::Refunded, 1)),
            Kind::RefundFailed => Some((Self::Refunded, -1)),
            Kind::Disputed | Kind::DisputeWon | Kind::DisputeLost => Some((Self::Disputed, 1)),
            Kind::Authorized | Kind::Failed | Kind::Canceled => None,
        }
    }
}

/// By what a row finds our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchedBy {
    /// The movement of money that its reference names.
    Reference,
    /// All that its payment comes to in its class: the report names no movement that our facts name too.
    Payment,
}

words!(MatchedBy { Reference = "reference", Payment = "payment" });

/// What has to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compared {
    /// The amount and the currency.
    Amount,
    /// That both sides know of it: the report has the amount in another currency.
    Presence,
}

words!(Compared { Amount = "amount", Presence = "presence" });

/// What a row says about a movement of a customer's money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFact {
    /// What happened.
    pub kind: Kind,
    /// The provider's payment.
    pub payment: Id,
    /// The movement of money.
    pub reference: Id,
    /// What our facts may call it instead.
    pub other_reference: Option<Id>,
    /// The merchant's order, where the report names it.
    pub order: Option<Id>,
    /// By what it finds our side.
    pub matched_by: MatchedBy,
    /// What has to agree.
    pub compared: Compared,
}

/// Minor units, below zero where the row takes something off its movement, and of what.
pub type RowMoney = (i64, Currency);

/// A row of a provider's report. Only what is compared is kept of it: no names, no cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Its own id in all reports of its kind.
    pub id: Id,
    /// The provider's name for what it tells.
    pub type_name: String,
    /// What it says about a customer's money; none of a type that no rule knows.
    pub fact: Option<RowFact>,
    /// How much.
    pub money: Option<RowMoney>,
    /// How much in the currency of the merchant's balance, where the report tells both.
    pub settled: Option<RowMoney>,
    /// What the provider keeps of it, in minor units of the settled currency, else of its own.
    pub fee: Option<i64>,
    /// The payout that it is part of.
    pub payout: Option<Id>,
    /// When it happened, by the clock of the report.
    pub occurred_at: Option<UnixMicros>,
}

/// The time that a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    /// Its earliest row.
    pub from: UnixMicros,
    /// Its latest row.
    pub to: UnixMicros,
}

impl TimeSpan {
    /// Made wider to hold `at`.
    #[must_use]
    pub fn with(span: Option<Self>, at: UnixMicros) -> Self {
        span.map_or(Self { from: at, to: at }, |span| Self { from: span.from.min(at), to: span.to.max(at) })
    }

    /// What is certainly within, where each end may be off by so many microseconds.
    #[must_use]
    pub fn less(self, slack: i64) -> Self {
        Self {
            from: UnixMicros(self.from.0.saturating_add(slack)),
            to: UnixMicros(self.to.0.saturating_sub(slack)),
        }
    }

    /// Whether `at` is within.
    #[must_use]
    pub fn holds(&self, at: UnixMicros) -> bool {
        (self.from..=self.to).contains(&at)
    }
}
