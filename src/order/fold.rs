//! The fold of one order: its row, determined by the set of events and by nothing else.

use super::event::UnixMicros;
use super::fact::Kind;
use super::money::Currency;
use super::payment::{Entry, PaymentFold, Rank, Sums};
use super::words::words;

/// What an order's row says of it: the first line of the design's table that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the word of the design and of the database")]
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

/// What a person should look at, the first that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// Sums that no 63-bit column holds; they are shown as the largest number.
    AmountOverflow,
    /// Facts in more than one currency.
    CurrencyMismatch,
    /// More was given back than taken.
    RefundExceedsCapture,
    /// A payment captured more than was reserved for it.
    CaptureExceedsAuthorization,
    /// Claims of equal rank name different orders.
    OrderMismatch,
    /// One movement, two amounts.
    AmountRestated,
}

words!(Anomaly {
    AmountOverflow = "amount_overflow",
    CurrencyMismatch = "currency_mismatch",
    RefundExceedsCapture = "refund_exceeds_capture",
    CaptureExceedsAuthorization = "capture_exceeds_authorization",
    OrderMismatch = "order_mismatch",
    AmountRestated = "amount_restated",
});

/// An order's row, apart from its key, version and `updated_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where it stands.
    pub status: Status,
    /// The currency of its sums; unknown until a fact states one.
    pub currency: Option<Currency>,
    /// Minor units reserved.
    pub authorized: i64,
    /// Minor units captured.
    pub captured: i64,
    /// Minor units given back.
    pub refunded: i64,
    /// Minor units in disputes that are open or lost.
    pub disputed: i64,
    /// What a person should look at.
    pub anomaly: Option<Anomaly>,
    /// The earliest event that told of one of its payments.
    pub first_event_at: UnixMicros,
    /// The latest.
    pub last_event_at: UnixMicros,
}

impl Order {
    /// Folds the entries of all payments of one order; `None` when there are none.
    #[must_use]
    pub fn fold(payments: &[&[Entry]]) -> Option<Self> {
        let times = || payments.iter().copied().flatten().map(|entry| entry.occurred_at);
        let (first_event_at, last_event_at) = (times().min()?, times().max()?);
        let folds: Vec<PaymentFold> = payments.iter().map(|entries| PaymentFold::of(entries)).collect();
        let currency = currency(payments);
        let sums = currency.map_or_else(Sums::default, |currency| total(&folds, currency));
        let column = |sum: i128| i64::try_from(sum).unwrap_or(i64::MAX);
        Some(Self {
            status: status(&folds, &sums),
            currency,
            authorized: column(sums.authorized),
            captured: column(sums.captured),
            refunded: column(sums.refunded),
            disputed: column(sums.open + sums.lost),
            anomaly: anomaly(&folds, currency, &sums),
            first_event_at,
            last_event_at,
        })
    }
}

/// The currency of the earliest captured fact, else authorized, else any.
fn currency(payments: &[&[Entry]]) -> Option<Currency> {
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
    payments
        .iter()
        .copied()
        .flatten()
        .filter_map(|entry| {
            let fact = entry.fact.as_ref()?;
            Some((preference(fact.kind), entry.occurred_at, &entry.event, fact.money?.currency))
        })
        .min()
        .map(|(.., currency)| currency)
}

fn total(folds: &[PaymentFold], currency: Currency) -> Sums {
    folds.iter().map(|fold| fold.sums_in(currency)).fold(Sums::default(), |a, b| Sums {
        authorized: a.authorized + b.authorized,
        captured: a.captured + b.captured,
        refunded: a.refunded + b.refunded,
        open: a.open + b.open,
        lost: a.lost + b.lost,
    })
}

fn status(folds: &[PaymentFold], sums: &Sums) -> Status {
    let any = |rank| folds.iter().any(|fold| fold.rank == Some(rank));
    let ended = || folds.iter().all(|fold| matches!(fold.rank, Some(Rank::Canceled | Rank::Failed)));
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

fn anomaly(folds: &[PaymentFold], currency: Option<Currency>, sums: &Sums) -> Option<Anomaly> {
    let any_other_currency =
        || folds.iter().any(|fold| fold.sums.iter().any(|(own, _)| Some(*own) != currency));
    let captured_beyond_authorized = || {
        folds
            .iter()
            .filter_map(|fold| currency.map(|currency| fold.sums_in(currency)))
            .any(|payment| payment.authorized > 0 && payment.captured > payment.authorized)
    };
    let largest = sums.authorized.max(sums.captured).max(sums.refunded).max(sums.open + sums.lost);
    if largest > i128::from(i64::MAX) {
        Some(Anomaly::AmountOverflow)
    } else if any_other_currency() {
        Some(Anomaly::CurrencyMismatch)
    } else if sums.refunded > sums.captured {
        Some(Anomaly::RefundExceedsCapture)
    } else if captured_beyond_authorized() {
        Some(Anomaly::CaptureExceedsAuthorization)
    } else if folds.iter().any(|fold| fold.order_mismatch) {
        Some(Anomaly::OrderMismatch)
    } else {
        folds.iter().any(|fold| fold.amount_restated).then_some(Anomaly::AmountRestated)
    }
}
