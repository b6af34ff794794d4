//! `[facts]`: how events are read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Texts, Unit};
use crate::order::{Basis, Kind};

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
    /// Which of the merchant's accounts an event is about: the first that is there.
    #[serde(default)]
    pub(in crate::provider) account: Texts,
    /// The account of events that name none, where that means one.
    pub(in crate::provider) account_absent: Option<String>,
    /// Where the merchant's order id may be, best first; `buyer:SELECTOR` where the buyer can set it.
    #[serde(default)]
    pub(in crate::provider) order: Texts,
    /// Why no event of this provider states a fact, if none does.
    pub(in crate::provider) only: Option<String>,
    /// Why fields may state money that no signature covers, if they may.
    pub(in crate::provider) unsigned: Option<String>,
    /// How amounts are written.
    #[serde(default)]
    pub(in crate::provider) unit: AmountUnit,
    /// The currencies whose decimals the provider counts otherwise than ISO 4217.
    #[serde(default)]
    pub(in crate::provider) exponents: BTreeMap<String, u32>,
    /// Events of one shape; the first family that a type belongs to reads it.
    #[serde(default, rename = "family")]
    pub(in crate::provider) families: Vec<FamilyTable>,
    /// Types that are known to state no money. Any other that no family's rule names is unmapped.
    #[serde(default)]
    pub(in crate::provider) noted: Vec<NotedTable>,
}

/// `[[facts.noted]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct NotedTable {
    /// As in a family.
    pub(in crate::provider) types: Texts,
    /// Why they state no money.
    pub(in crate::provider) reason: String,
    /// The vendor's page that says so.
    pub(in crate::provider) page: String,
    /// The day on which it was read, YYYY-MM-DD.
    pub(in crate::provider) read: String,
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
    pub(in crate::provider) from: Texts,
    pub(in crate::provider) live: String,
    pub(in crate::provider) test: String,
    /// What an event is that does not say it: one of the two texts. Neither, where nothing is said.
    pub(in crate::provider) absent: Option<String>,
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
    /// Hundredths of a major unit, whatever the currency has.
    Hundredths,
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
    /// How the amount is to be taken: its own where nothing is said.
    #[serde(default)]
    pub(in crate::provider) basis: BasisWord,
    /// What is taken off the amount.
    pub(in crate::provider) less: Option<Difference>,
    /// The kind of the whole amount where nothing is left of it.
    pub(in crate::provider) if_nothing: Option<KindWord>,
    /// The provider writes what it gives back as a negative amount.
    #[serde(default)]
    pub(in crate::provider) absolute: bool,
}

/// `less = { from = .., take = .. }`: what is left of `from` without `take`, if there is one; never less than nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Difference {
    pub(in crate::provider) from: Texts,
    #[serde(default)]
    pub(in crate::provider) take: Texts,
}

/// A basis by its word.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(in crate::provider) struct BasisWord(pub(in crate::provider) Basis);

impl Default for BasisWord {
    fn default() -> Self {
        Self(Basis::Own)
    }
}

impl TryFrom<String> for BasisWord {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let words = || Basis::ALL.iter().map(|basis| basis.as_str()).collect::<Vec<_>>().join(", ");
        Basis::from_word(&word)
            .map(Self)
            .ok_or_else(|| format!("unknown basis `{word}`; expected one of {}", words()))
    }
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
