//! What a provider's TOML file may say. Shapes only: `super::signature` and `super::facts` compile them.

mod facts;
mod params;
mod report;
mod review;
mod signature;

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{SeqAccess, Visitor};

pub(in crate::provider) use self::facts::{
    AmountUnit, Difference, FactsTable, FamilyTable, InsideTable, ModeField, NotedTable, RuleTable, Written,
};
pub(in crate::provider) use self::report::{ReportFormat, ReportRule, ReportTable, ReportTime, SectionLine};
pub(in crate::provider) use self::signature::{
    Algorithm, AudienceTable, CertificateProof, ChallengeTable, Encoding, Format, Hash, HmacProof, JwsProof,
    KeyEncoding, Pairs, Proof, SampleTable, Signature, SignatureTime,
};

/// One file `providers/NAME.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Definition {
    /// The company's name for its product.
    pub(in crate::provider) title: String,
    /// What people should know; rendered into `docs/providers.md`.
    pub(in crate::provider) docs: Docs,
    /// What its signing secrets begin with: for making one up, and for recognising one that was pasted without.
    #[serde(default)]
    pub(in crate::provider) secret_prefix: String,
    /// What its API keys begin with, which people paste for signing secrets.
    #[serde(default)]
    pub(in crate::provider) api_key_prefixes: Vec<String>,
    /// What a source has to say beside its secrets.
    #[serde(default)]
    pub(in crate::provider) params: BTreeMap<String, Param>,
    /// The body that the provider wants on success, if not ours.
    pub(in crate::provider) success_body: Option<String>,
    /// How requests are signed.
    pub(in crate::provider) signature: Signature,
    /// How events are read.
    pub(in crate::provider) facts: FactsTable,
    /// The provider's own record of money, to compare the facts with.
    #[serde(default, rename = "report")]
    pub(in crate::provider) reports: Vec<ReportTable>,
}

/// For `docs/providers.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Docs {
    /// That the company closed it, and when.
    pub(in crate::provider) closed: Option<String>,
    /// From nothing to the first live event, step by step.
    #[serde(default)]
    pub(in crate::provider) setup: Vec<String>,
    /// Where the merchant puts the order's id.
    #[serde(default)]
    pub(in crate::provider) order_id: String,
    /// What the signature covers, in words.
    pub(in crate::provider) verified: String,
    /// The provider's retry schedule.
    pub(in crate::provider) retries: String,
    /// The events to subscribe to.
    pub(in crate::provider) subscribe: Vec<String>,
    /// What one should know before trusting it.
    #[serde(default)]
    pub(in crate::provider) gaps: Vec<String>,
}

/// A setting `params.NAME` of a source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Param {
    /// What it is.
    pub(in crate::provider) about: String,
    /// The words that it may be, if not any text.
    #[serde(default)]
    pub(in crate::provider) values: Vec<String>,
    /// Without one, the source must give it.
    pub(in crate::provider) default: Option<String>,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Unit {
    /// Unix seconds.
    S,
    /// Unix milliseconds.
    Ms,
    /// Either, told apart by size.
    SOrMs,
    /// With its offset.
    Rfc3339,
    /// Without an offset: UTC.
    Utc,
    /// Without an offset: UTC+5:30, the clock of India.
    #[serde(rename = "utc-plus5-30")]
    UtcPlus530,
    /// Without an offset: UTC+7, the clock of Jakarta.
    UtcPlus7,
    /// `2026/01/31 12:00:00 -0800`.
    Slashed,
    /// Not at all: the time of arrival stands in.
    Received,
}

/// One text or a list of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::provider) struct Texts(pub(in crate::provider) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct TextOrList;
        impl<'de> Visitor<'de> for TextOrList {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        value.deserialize_any(TextOrList)
    }
}
