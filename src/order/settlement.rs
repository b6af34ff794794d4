//! What came of an expectation: the fold of the order's payments, in every source of its ledger, against the terms.
//!
//! Less than expected is judged by what was ever captured, more by what is held now: a refund is the merchant's own act and no
//! underpayment, and a double payment that was given back is settled. What is expected counts in its own currency only.

use serde_json::{Value, json};

use super::anomaly::FoundAnomaly;
use super::event::UnixMicros;
use super::expectation::Terms;
use super::payment::{PaymentFold, Sums};
use super::words::words;

/// An event is due this long after the customer came back from the provider, in microseconds.
const RETURN_GRACE: i64 = 10 * 60 * 1_000_000;

/// What came of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Settlement {
    /// Something is expected, and nothing was captured.
    Unpaid,
    /// Less was captured than is expected.
    Underpaid,
    /// As expected.
    Settled,
    /// More is held than is expected.
    Overpaid,
}

words!(Settlement { Unpaid = "unpaid", Underpaid = "underpaid", Settled = "settled", Overpaid = "overpaid" });

/// What a person should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SettlementAnomaly {
    /// Money is held in another currency.
    CurrencyUnexpected,
    /// Money is held for an order that the merchant canceled.
    PaidThoughClosed,
    /// More is held than is expected, and one of several payments alone covers it.
    PaidTwice,
    /// More is held than is expected.
    Overpaid,
    /// Money is held, and less was captured than is expected.
    Underpaid,
    /// Nothing was captured by the time that it was due.
    Unpaid,
}

words!(SettlementAnomaly {
    CurrencyUnexpected = "currency_unexpected",
    PaidThoughClosed = "paid_though_closed",
    PaidTwice = "paid_twice",
    Overpaid = "overpaid",
    Underpaid = "underpaid",
    Unpaid = "unpaid",
});

/// An order of a ledger, settled. Amounts are minor units of the expected currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// What came of the expectation.
    pub settlement: Settlement,
    /// Captured, less captures that failed.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
    /// In disputes that are lost.
    pub lost: i64,
    /// The money that is there.
    pub held: i64,
    /// What is missing of the expected amount.
    pub due: i64,
    /// All that a person should look at whatever the time, in the order of [`SettlementAnomaly::ALL`].
    pub anomalies: Vec<FoundAnomaly<SettlementAnomaly>>,
    /// From when on it is an anomaly that nothing was captured.
    pub unpaid_at: Option<UnixMicros>,
}

impl Settled {
    /// Settles the payments of one order, in any order, of all sources of the ledger. `returned_at` is when the customer first
    /// came back from the provider.
    #[must_use]
    pub fn fold(terms: &Terms, payments: &[PaymentFold], returned_at: Option<UnixMicros>) -> Self {
        let of_each = || payments.iter().map(|payment| payment.sums_in(terms.currency));
        let sums = of_each().fold(Sums::default(), |sums, own| sums.plus(&own));
        let expected = if terms.closed { 0 } else { i128::from(terms.amount) };
        let (missing, excess) = (expected - sums.captured, held(&sums) - expected);
        let settlement = if sums.captured == 0 && expected > 0 {
            Settlement::Unpaid
        } else if missing > i128::from(terms.tolerance_under) && !terms.closed {
            Settlement::Underpaid
        } else if excess > tolerance_over(terms) {
            Settlement::Overpaid
        } else {
            Settlement::Settled
        };
        let over = || match () {
            () if terms.closed => SettlementAnomaly::PaidThoughClosed,
            () if is_covered_by_one(of_each(), terms) => SettlementAnomaly::PaidTwice,
            () => SettlementAnomaly::Overpaid,
        };
        let found = match settlement {
            Settlement::Overpaid => Some(over()),
            Settlement::Underpaid if held(&sums) > 0 => Some(SettlementAnomaly::Underpaid),
            Settlement::Underpaid | Settlement::Unpaid | Settlement::Settled => None,
        };
        let elsewhere = held_elsewhere(terms, payments);
        let unexpected = (!elsewhere.is_empty()).then(|| FoundAnomaly {
            anomaly: SettlementAnomaly::CurrencyUnexpected,
            detail: json!({ "expected": terms.currency.as_str(), "held": elsewhere }),
        });
        let compared = found.map(|anomaly| FoundAnomaly { anomaly, detail: compared(terms, &sums) });
        Self {
            settlement,
            captured: clamped(sums.captured),
            refunded: clamped(sums.refunded),
            lost: clamped(sums.lost),
            held: clamped(held(&sums)),
            due: clamped((expected - held(&sums)).max(0)),
            anomalies: unexpected.into_iter().chain(compared).collect(),
            unpaid_at: unpaid_at(terms, returned_at.filter(|_| payments.is_empty()))
                .filter(|_| settlement == Settlement::Unpaid),
        }
    }

    /// All that a person should look at at this moment.
    #[must_use]
    pub fn anomalies_at(&self, now: UnixMicros) -> Vec<FoundAnomaly<SettlementAnomaly>> {
        let is_late = self.unpaid_at.is_some_and(|at| at <= now);
        let unpaid = is_late
            .then(|| FoundAnomaly { anomaly: SettlementAnomaly::Unpaid, detail: json!({ "due": self.due }) });
        self.anomalies.iter().cloned().chain(unpaid).collect()
    }
}

/// The money that is there.
fn held(sums: &Sums) -> i128 {
    sums.captured - sums.refunded - sums.lost
}

fn tolerance_over(terms: &Terms) -> i128 {
    if terms.closed { 0 } else { i128::from(terms.tolerance_over) }
}

/// Whether one payment would have done: two of them hold money, and one alone covers what is expected.
fn is_covered_by_one(payments: impl Iterator<Item = Sums>, terms: &Terms) -> bool {
    let holding: Vec<i128> = payments.map(|sums| held(&sums)).filter(|held| *held > 0).collect();
    let enough = i128::from(terms.amount) - i128::from(terms.tolerance_under);
    terms.amount > 0 && holding.len() > 1 && holding.iter().any(|held| *held >= enough)
}

/// What is held in other currencies, by their codes, sorted.
fn held_elsewhere(terms: &Terms, payments: &[PaymentFold]) -> serde_json::Map<String, Value> {
    let mut currencies: Vec<_> =
        payments.iter().flat_map(|payment| payment.sums.iter().map(|(currency, _)| *currency)).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let others = currencies.into_iter().filter(|currency| *currency != terms.currency);
    let held_in = others.map(|currency| {
        let sum: i128 = payments.iter().map(|payment| held(&payment.sums_in(currency))).sum();
        (currency, sum)
    });
    held_in
        .filter(|(_, sum)| *sum != 0)
        .map(|(currency, sum)| (currency.to_string(), clamped(sum).into()))
        .collect()
}

/// All sums that are compared.
fn compared(terms: &Terms, sums: &Sums) -> Value {
    json!({
        "currency": terms.currency.as_str(), "expected": terms.amount,
        "captured": clamped(sums.captured), "held": clamped(held(sums)),
    })
}

/// When what is unpaid becomes an anomaly: at the latest by `due_at`; and soon after the customer came back, if no event did.
fn unpaid_at(terms: &Terms, returned_at: Option<UnixMicros>) -> Option<UnixMicros> {
    let event_is_due = returned_at.map(|at| UnixMicros(at.0.saturating_add(RETURN_GRACE)));
    terms.due_at.into_iter().chain(event_is_due).min()
}

/// A sum as a column holds it. What does not fit is told by the order's own anomaly `amount_overflow`.
fn clamped(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
