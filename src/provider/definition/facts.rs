//! `[facts]`: how events are read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Texts, Unit};
use crate::order::Kind;

/// `[facts]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct FactsTable {
    /// The list whose every element is an event.
    pub(in crate::provider) each: Option<String>,
    /// Where base64 XML is that is the event, where the body is not JSON.
    pub(in crate::provider) xml: Option<String>,
    /// Texts of the event that are themselves JSON; pointers go on inside them. From the outside in.
    #[serde(default)]
    pub(in crate::provider) inside: Vec<InsideTable>,
    /// The event's id; several selectors are joined with `:`. `a|b` is the first that is there.
    pub(in crate::provider) id: Texts,
    /// What happened; several selectors are joined with `.`.
    #[serde(rename = "type")]
    pub(in crate::provider) type_name: Texts,
    /// When: the first that is there and readable.
    pub(in crate::provider) time: Vec<Time>,
    /// Which field tells live from test.
    pub(in crate::provider) mode: Option<ModeField>,
    /// Where the merchant's order id may be, best first.
    #[serde(default)]
    pub(in crate::provider) order: Texts,
    /// Why no event of this provider states a fact, if none does.
    pub(in crate::provider) only: Option<String>,
    /// How amounts are written.
    #[serde(default)]
    pub(in crate::provider) unit: AmountUnit,
    /// The currencies whose decimals the provider counts otherwise than ISO 4217.
    #[serde(default)]
    pub(in crate::provider) exponents: BTreeMap<String, u32>,
    /// Events of one shape; the first family that a type belongs to reads it.
    #[serde(default, rename = "family")]
    pub(in crate::provider) families: Vec<FamilyTable>,
}

/// `inside = [{ at = .., written = .. }]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct InsideTable {
    /// The text's pointer.
    pub(in crate::provider) at: String,
    pub(in crate::provider) written: Written,
}

/// How JSON is written inside a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Written {
    /// As it is.
    Json,
    /// As base64, of the standard alphabet or the URL's.
    Base64,
    /// As the claims of a JWS in compact form; that its signature holds is for `[signature]` to prove.
    Jws,
}

/// `time = [{ from = .., unit = .. }]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Time {
    pub(in crate::provider) from: String,
    pub(in crate::provider) unit: Unit,
}

/// `mode = { .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct ModeField {
    pub(in crate::provider) from: String,
    pub(in crate::provider) live: String,
    pub(in crate::provider) test: String,
}

/// How amounts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum AmountUnit {
    /// Whole minor units.
    #[default]
    Minor,
    /// Decimal major units.
    Major,
    /// Thousandths of a major unit.
    Milli,
}

/// `[[facts.family]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct FamilyTable {
    /// `charge.succeeded`, `charge.*` for all that begin so, or `param:NAME` for a source's own list.
    pub(in crate::provider) types: Texts,
    /// The provider's payment: the first that is there.
    #[serde(default)]
    pub(in crate::provider) payment: Texts,
    /// The movement of money; the payment where nothing is said.
    #[serde(default)]
    pub(in crate::provider) reference: Texts,
    /// Where the merchant's order id is in events of this shape, if not where [`FactsTable::order`] says, below which it ranks.
    #[serde(default)]
    pub(in crate::provider) order: Texts,
    /// How much, where a rule does not say otherwise.
    #[serde(default)]
    pub(in crate::provider) amount: Texts,
    #[serde(default)]
    pub(in crate::provider) currency: Texts,
    /// What an event of this shape says: the first that fits.
    pub(in crate::provider) rules: Vec<RuleTable>,
}

/// A line of `rules`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct RuleTable {
    /// Any type of the family where nothing is said.
    #[serde(default, rename = "type")]
    pub(in crate::provider) types: Texts,
    /// What selectors must hold: one of these texts; `*` is anything, an empty text is nothing.
    #[serde(default)]
    pub(in crate::provider) when: BTreeMap<String, Texts>,
    /// The fact's kind ...
    pub(in crate::provider) kind: Option<KindWord>,
    /// ... or why there is none.
    pub(in crate::provider) noted: Option<String>,
    /// ... or why a person has to look.
    pub(in crate::provider) parked: Option<String>,
    #[serde(default)]
    pub(in crate::provider) amount: Texts,
    #[serde(default)]
    pub(in crate::provider) reference: Texts,
    /// The amount is a running total of the reference.
    #[serde(default)]
    pub(in crate::provider) cumulative: bool,
}

/// A kind by its word.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::provider) struct KindWord(pub(in crate::provider) Kind);

impl TryFrom<String> for KindWord {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let words = || Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        Kind::from_word(&word)
            .map(Self)
            .ok_or_else(|| format!("unknown kind `{word}`; expected one of {}", words()))
    }
}
