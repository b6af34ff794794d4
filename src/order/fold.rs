//! The fold of one order: its row, determined by the set of events and by nothing else.

use serde_json::Value;

use super::anomalies::{anomalies, column};
use super::anomaly::{Anomaly, FoundAnomaly};
use super::entry::{Entry, Member};
use super::event::UnixMicros;
use super::fact::Kind;
use super::money::Currency;
use super::part::{Part, total};
use super::payment::{Rank, Sums};
use super::words::words;

/// What an order's row says of it: the first line of the table in docs/lifecycle.md that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the word in the database, explained in docs/lifecycle.md")]
pub enum Status {
    ChargedBack,
    Disputed,
    Refunded,
    PartiallyRefunded,
    Paid,
    Authorized,
    Canceled,
    Failed,
    Pending,
}

words!(Status {
    ChargedBack = "charged_back",
    Disputed = "disputed",
    Refunded = "refunded",
    PartiallyRefunded = "partially_refunded",
    Paid = "paid",
    Authorized = "authorized",
    Canceled = "canceled",
    Failed = "failed",
    Pending = "pending",
});

/// An order's row, apart from its key, version and `updated_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where it stands.
    pub status: Status,
    /// The currency of its sums; unknown until a fact states one.
    pub currency: Option<Currency>,
    /// Minor units that were ever reserved.
    pub authorized: i64,
    /// Minor units that are reserved now, and may still be captured.
    pub reserved: i64,
    /// Minor units captured.
    pub captured: i64,
    /// Minor units given back.
    pub refunded: i64,
    /// Minor units in disputes that are open or lost.
    pub disputed: i64,
    /// Minor units in disputes that are lost.
    pub lost: i64,
    /// All that a person should look at, in the order of [`Anomaly::ALL`].
    pub anomalies: Vec<FoundAnomaly>,
    /// The earliest event that told of one of its payments.
    pub first_event_at: UnixMicros,
    /// The latest.
    pub last_event_at: UnixMicros,
}

impl Order {
    /// Folds all payments of one order, in any order; `None` when nothing is told of them.
    #[must_use]
    pub fn fold(members: &[Member<'_>]) -> Option<Self> {
        let entries = || members.iter().flat_map(|member| member.entries);
        let times = || entries().map(|entry| entry.occurred_at);
        let (first_event_at, last_event_at) = (times().min()?, times().max()?);
        let mut parts: Vec<Part<'_>> = members.iter().map(Part::of).collect();
        parts.sort_unstable_by_key(|part| part.payment);
        let currency = currency(entries());
        let sums = total(&parts, currency);
        Some(Self {
            status: status(&parts, &sums),
            currency,
            authorized: column(sums.authorized),
            reserved: column(sums.reserved),
            captured: column(sums.captured),
            refunded: column(sums.refunded),
            disputed: column(sums.open + sums.lost),
            lost: column(sums.lost),
            anomalies: anomalies(&parts, currency, &sums),
            first_event_at,
            last_event_at,
        })
    }

    /// All anomalies, as they are stored and shown: `[{"anomaly": .., "detail": {..}}]`.
    #[must_use]
    pub fn anomalies_json(&self) -> String {
        Value::from_iter(self.anomalies.iter().map(FoundAnomaly::to_json)).to_string()
    }

    /// The first anomaly that holds.
    #[must_use]
    pub fn anomaly(&self) -> Option<Anomaly> {
        self.anomalies.first().map(|found| found.anomaly)
    }
}

/// The currency of the earliest captured fact, else authorized, else any.
fn currency<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<Currency> {
    let preference = |kind: Kind| match kind {
        Kind::Captured => 0,
        Kind::Authorized => 1,
        Kind::CaptureFailed
        | Kind::Failed
        | Kind::Canceled
        | Kind::Refunded
        | Kind::RefundFailed
        | Kind::Disputed
        | Kind::DisputeWon
        | Kind::DisputeLost => 2,
    };
    let stated = entries.filter_map(|entry| {
        let fact = entry.fact.as_ref()?;
        Some((preference(fact.kind), entry.occurred_at, &entry.event, fact.money?.currency))
    });
    stated.min().map(|(.., currency)| currency)
}

fn status(parts: &[Part<'_>], sums: &Sums) -> Status {
    let any = |rank| parts.iter().any(|part| part.fold.rank == Some(rank));
    let ended = || parts.iter().all(|part| matches!(part.fold.rank, Some(Rank::Canceled | Rank::Failed)));
    if sums.lost > 0 {
        Status::ChargedBack
    } else if sums.open > 0 {
        Status::Disputed
    } else if sums.refunded > 0 && sums.refunded >= sums.captured {
        Status::Refunded
    } else if sums.refunded > 0 {
        Status::PartiallyRefunded
    } else if sums.captured > 0 {
        Status::Paid
    } else if any(Rank::Authorized) {
        Status::Authorized
    } else if ended() && any(Rank::Canceled) {
        Status::Canceled
    } else if ended() {
        Status::Failed
    } else {
        Status::Pending
    }
}
