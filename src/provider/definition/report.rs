//! `[[report]]`: how the provider's own record of money is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::facts::{AmountUnit, KindWord};
use super::{Texts, Unit};

/// A file that the provider makes of what it did with money. Cells are named by the header of a CSV, or by pointers into a
/// JSON row (`/id`); `last-part-of:CELL` is what follows its last slash. Of a list of cells the first that is not empty
/// counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct ReportTable {
    /// What `--report` calls it.
    pub(in crate::provider) name: String,
    /// The vendor's page about it.
    pub(in crate::provider) page: String,
    /// How to get it.
    pub(in crate::provider) get: String,
    pub(in crate::provider) format: ReportFormat,
    /// Of JSON: where the rows are, such as `/items/*`.
    #[serde(default)]
    pub(in crate::provider) rows: String,
    /// Of a CSV whose first cell says what a line is: the one of the header ...
    pub(in crate::provider) header: Option<String>,
    /// ... and that of a row. Lines that begin with something else are passed over.
    pub(in crate::provider) body: Option<String>,
    /// The row's own id; several cells are joined.
    pub(in crate::provider) row: Texts,
    /// What it tells.
    #[serde(rename = "type")]
    pub(in crate::provider) type_name: String,
    /// When it happened.
    pub(in crate::provider) time: Option<ReportTime>,
    /// Whether it lists what was paid out by its end, some days after it happened, and not all that happened until then.
    #[serde(default)]
    pub(in crate::provider) settles: bool,
    #[serde(default)]
    pub(in crate::provider) unit: AmountUnit,
    /// The provider's payment.
    #[serde(default)]
    pub(in crate::provider) payment: Texts,
    /// How much, in whatever sign: a rule's kind says which way the money went.
    pub(in crate::provider) amount: Texts,
    /// Of what: one for each cell of `amount`, or one for all.
    pub(in crate::provider) currency: Texts,
    /// The same in the currency of the merchant's balance.
    pub(in crate::provider) settled: Option<String>,
    pub(in crate::provider) settled_currency: Option<String>,
    pub(in crate::provider) fee: Option<String>,
    /// The payout that the row is part of.
    pub(in crate::provider) payout: Option<String>,
    /// The merchant's order, where a capture's row names it.
    #[serde(default)]
    pub(in crate::provider) order: Texts,
    /// Cells that must be in the header although a row may leave them empty, and what to tick in the export to have them.
    #[serde(default)]
    pub(in crate::provider) require: BTreeMap<String, String>,
    /// The first that fits. A type without a rule is told of.
    pub(in crate::provider) rules: Vec<ReportRule>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::provider) enum ReportFormat {
    Csv,
    Json,
}

/// `time = { from = .., unit = .., zone = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct ReportTime {
    pub(in crate::provider) from: Texts,
    pub(in crate::provider) unit: Unit,
    /// The cell with the clock's name, where the unit is without an offset and the report says whose clock it is.
    pub(in crate::provider) zone: Option<String>,
}

/// A line of `rules`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct ReportRule {
    /// Of these types; `T00*` for all that begin so.
    #[serde(rename = "type")]
    pub(in crate::provider) types: Texts,
    /// What cells must hold: one of these texts; `*` is anything, an empty text is nothing.
    #[serde(default)]
    pub(in crate::provider) when: BTreeMap<String, Texts>,
    /// What happened to a customer's money ...
    pub(in crate::provider) kind: Option<KindWord>,
    /// ... or why nothing did.
    pub(in crate::provider) ignored: Option<String>,
    /// Takes its amount off its movement, where this is -1.
    #[serde(default = "plus")]
    pub(in crate::provider) sign: i64,
    /// The provider's payment, where it is not where the report says.
    #[serde(default)]
    pub(in crate::provider) payment: Texts,
    /// The movement of money: the first is the report's name for it, the second what our facts may call it instead.
    #[serde(default)]
    pub(in crate::provider) reference: Texts,
    /// What its payment comes to is compared, not a movement.
    #[serde(default)]
    pub(in crate::provider) by_payment: bool,
    /// Only that both sides know of it is compared, not the amount.
    #[serde(default)]
    pub(in crate::provider) presence: bool,
}

fn plus() -> i64 {
    1
}
