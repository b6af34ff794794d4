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
    /// ... and that of a row.
    pub(in crate::provider) body: Option<String>,
    /// Those of lines that hold no row. A line that begins with something else is told of.
    #[serde(default)]
    pub(in crate::provider) others: Texts,
    /// The one of a line whose second cell counts the rows since the header: a file that is cut off is told of.
    pub(in crate::provider) count: Option<String>,
    /// The one of the last line, which closes a file without a count where its rows go on in another.
    pub(in crate::provider) end: Option<String>,
    /// The cell with the merchant's account ...
    pub(in crate::provider) account: Option<String>,
    /// ... or the line that names it for the rows behind it.
    pub(in crate::provider) section: Option<SectionLine>,
    /// Of JSON: the member of a page that says something where another page follows, such as `/cursor`.
    pub(in crate::provider) more: Option<String>,
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

/// `section = { line = "SH", account = 4 }`: the first cell of a line, and which of its cells has the account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct SectionLine {
    pub(in crate::provider) line: String,
    pub(in crate::provider) account: usize,
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
    /// Cells that stand in for those, by a clock that the report does not name.
    #[serde(default)]
    pub(in crate::provider) local: Texts,
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
