//! What a person should look at, with the sums that say why.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::id::Id;
use super::words::words;

/// The most names that a detail lists; of the rest it says how many.
const NAMES_MAX: usize = 8;
/// A longer name is cut and told apart by a digest: a detail is part of a key of the database.
const NAME_BYTES_MAX: usize = 40;

/// What a person should look at. The first that holds stands for all in `orders.anomaly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// Sums that no 63-bit column holds; they are shown as the largest number.
    AmountOverflow,
    /// Money in more than one currency.
    CurrencyMismatch,
    /// Events of more than one of the merchant's accounts.
    AccountMismatch,
    /// More was given back than taken.
    RefundExceedsCapture,
    /// A payment's refunds and disputes come to more than it captured.
    GivenBackTwice,
    /// A payment captured more than was reserved for it.
    CaptureExceedsAuthorization,
    /// A failure is told later than every capture of its movement.
    FailedAfterCaptured,
    /// Claims of the best rank name different orders.
    OrderMismatch,
    /// One movement, two amounts.
    AmountRestated,
}

words!(Anomaly {
    AmountOverflow = "amount_overflow",
    CurrencyMismatch = "currency_mismatch",
    AccountMismatch = "account_mismatch",
    RefundExceedsCapture = "refund_exceeds_capture",
    GivenBackTwice = "given_back_twice",
    CaptureExceedsAuthorization = "capture_exceeds_authorization",
    FailedAfterCaptured = "failed_after_captured",
    OrderMismatch = "order_mismatch",
    AmountRestated = "amount_restated",
});

/// An anomaly that holds, of an order unless another kind is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAnomaly<A = Anomaly> {
    /// Which.
    pub anomaly: A,
    /// All sums that were compared, as a JSON object: whatever changes in them makes it news again.
    pub detail: Value,
}

impl<A: Display> FoundAnomaly<A> {
    /// `{"anomaly": .., "detail": {..}}`, as it is stored and shown.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "anomaly": self.anomaly.to_string(), "detail": self.detail })
    }
}

/// `{"name": [..], "others": n}`: the first few of a list, and how many more there are.
pub(super) fn listed(name: &str, items: impl IntoIterator<Item = Value>) -> Value {
    let mut items = items.into_iter();
    let first: Vec<Value> = items.by_ref().take(NAMES_MAX).collect();
    let mut detail = BTreeMap::from([(name, Value::from(first))]);
    let others = items.count();
    if others > 0 {
        detail.insert("others", others.into());
    }
    json!(detail)
}

/// A name as a detail bears it.
pub(super) fn name(id: &Id) -> String {
    let text = id.as_str();
    if text.len() <= NAME_BYTES_MAX {
        return text.to_owned();
    }
    let digest = hex::encode(&Sha256::digest(text)[..8]);
    let kept = text.floor_char_boundary(NAME_BYTES_MAX - digest.len() - 1);
    format!("{}~{digest}", &text[..kept])
}
