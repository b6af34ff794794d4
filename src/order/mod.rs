//! The domain: events, facts, claims, payments, orders. Pure: no I/O, no clock, no logs, no provider's JSON.
//!
//! An *event* states at most one *fact* about a payment and may *claim* the merchant's order for it. The facts and
//! claims of a payment fold to sums and a link; the payments of an order fold to its row. Both folds depend on the set
//! of events only, so shuffled, late or repeated delivery ends in the same rows. [`decide()`] applies this to a batch.

mod anomalies;
mod anomaly;
mod coupon;
mod decide;
mod decide_again;
mod digest;
mod entry;
mod event;
mod expectation;
mod fact;
mod fold;
mod id;
mod ledger;
mod link;
mod money;
mod movements;
mod part;
mod payment;
mod reasons;
mod reconcile;
mod settlement;
mod tally;
#[cfg(test)]
mod tests;
mod words;

pub use anomaly::{Anomaly, FoundAnomaly};
pub use coupon::{Redeemed, Redemption};
pub use decide::{Changes, Decided, Known, Relink, Rewrite, Snapshot, decide};
pub use decide_again::decide_again;
pub use digest::FieldsDigest;
pub use entry::{Entry, Member};
pub use event::{About, Event, Evidence, Fingerprint, Outcome, Receipt, Statement, UnixMicros};
pub use expectation::{Expectation, Stated, Terms};
pub use fact::{Basis, Claim, Fact, Kind};
pub use fold::{Order, Status};
pub use id::{BadId, ID_CHARS_MAX, Id, Key};
pub use ledger::Ledgers;
pub use link::{ASSIGNED_RANK, ASSIGNED_TYPE, Link, Standing};
pub use money::{BadAmount, Currency, Money, display_amount, minor_units};
pub use payment::{PaymentFold, Rank, Sums};
pub use reasons::{
    FOREIGN_ACCOUNT, REFUND_NAMED_AFTER, REFUND_NOT_DONE, UNMAPPED_STATUS, UNMAPPED_TYPE, UNUSABLE_ORDER,
    refund_not_done,
};
pub use reconcile::{
    BothSides, Class, Compared, Coverage, Disagreement, Disagreements, MatchedBy, ReportFinding, ReportRow,
    RowFact, RowMoney, TimeSpan, reconcile,
};
pub use settlement::{Settled, Settlement, SettlementAnomaly};
pub(crate) use words::words;
