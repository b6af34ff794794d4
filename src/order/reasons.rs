//! Reasons that are counted, not only read by people.

use super::event::{Outcome, Receipt};
use super::id::Id;

/// Why an event of a type that its provider's definition does not know is noted.
pub const UNMAPPED_TYPE: &str = "unmapped type";
/// The same of a known type with a status that no rule fits.
pub const UNMAPPED_STATUS: &str = "unmapped status";
/// Why an event is noted that is about an account which the source's settings do not list.
pub const FOREIGN_ACCOUNT: &str = "of an account that is none of this source's `accounts`";
/// Why an event is noted that tells of a refund which may still fail. Every definition says it in these words: what waits is
/// found by them, also by an index. The refund's own reference stands behind them, where the event has one.
pub const REFUND_NOT_DONE: &str = "the refund is not done yet";
/// What stands between these words and the reference.
pub const REFUND_NAMED_AFTER: &str = ": ";
/// What begins the reason of an event whose field for the merchant's order holds something that is no id.
pub const UNUSABLE_ORDER: &str = "the order's id";

/// Why an event is noted that tells of this refund, which may still fail.
#[must_use]
pub fn refund_not_done(reference: &Id) -> String {
    format!("{REFUND_NOT_DONE}{REFUND_NAMED_AFTER}{reference}")
}

impl Receipt {
    /// Whether nobody decided what the event's type or status means.
    #[must_use]
    pub fn is_unmapped(&self) -> bool {
        let reason = self.reason.as_deref();
        self.outcome == Outcome::Noted && (reason == Some(UNMAPPED_TYPE) || reason == Some(UNMAPPED_STATUS))
    }

    /// Whether it is about an account that is none of the merchant's.
    #[must_use]
    pub fn is_of_a_foreign_account(&self) -> bool {
        self.outcome == Outcome::Noted && self.reason.as_deref() == Some(FOREIGN_ACCOUNT)
    }

    /// Whether it names an order by something that is no id, so that its payment stands for itself.
    #[must_use]
    pub fn names_an_unusable_order(&self) -> bool {
        self.reason.as_deref().is_some_and(|reason| reason.starts_with(UNUSABLE_ORDER))
    }
}
