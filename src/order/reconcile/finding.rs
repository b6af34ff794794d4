//! What a provider's report and our facts disagree in.

use serde_json::{Value, json};

use super::row::Class;
use crate::order::id::Id;
use crate::order::money::Currency;
use crate::order::words::words;

/// How the two sides disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disagreement {
    /// The report has a movement that no event told us of.
    MissingHere,
    /// An event told us of a movement that the report should have, and has not.
    NotInReport,
    /// Both know of it, with other amounts.
    AmountDiffers,
    /// Both know of it, in other currencies.
    CurrencyDiffers,
    /// Both know of it, for other orders.
    OrderDiffers,
    /// A type of row that no rule of the report knows.
    UnknownType,
    /// A row that came before came again with other numbers.
    RowChanged,
}

words!(Disagreement {
    MissingHere = "missing_here",
    NotInReport = "not_in_report",
    AmountDiffers = "amount_differs",
    CurrencyDiffers = "currency_differs",
    OrderDiffers = "order_differs",
    UnknownType = "unknown_type",
    RowChanged = "row_changed",
});

/// A disagreement about one movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFinding {
    /// How the two sides disagree.
    pub disagreement: Disagreement,
    /// In what; none of a row whose meaning nobody knows.
    pub class: Option<Class>,
    /// The movement, the type or the row.
    pub reference: Id,
    /// The payment.
    pub payment: Option<Id>,
    /// Our amount, in minor units.
    pub ours: Option<i64>,
    /// The report's.
    pub theirs: Option<i64>,
    /// The currency of both amounts, the report's where they differ in it.
    pub currency: Option<Currency>,
    /// Everything that was compared, as a JSON object: with another one, it is not acknowledged any more.
    pub detail: Value,
}

impl ReportFinding {
    /// A finding whose detail is its amounts.
    pub(super) fn of_amounts(
        disagreement: Disagreement,
        (class, reference, payment): (Class, &Id, &Id),
        (ours, theirs): (Option<i64>, Option<i64>),
        currency: Option<Currency>,
    ) -> Self {
        let code = currency.map(|currency| currency.to_string());
        let detail = json!({ "currency": code, "ours": ours, "theirs": theirs });
        Self {
            disagreement,
            class: Some(class),
            reference: reference.clone(),
            payment: Some(payment.clone()),
            ours,
            theirs,
            currency,
            detail,
        }
    }
}
