//! What a provider's TOML file may say. Shapes only: [`super::signature`] and [`super::facts`] compile them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{SeqAccess, Visitor};

use crate::order::Kind;

/// One file `providers/NAME.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Definition {
    /// The company's name for its product.
    pub(super) title: String,
    /// What people should know; rendered into `docs/providers.md`.
    pub(super) docs: Docs,
    /// The shape of a generated secret, apart from what its key encoding demands.
    #[serde(default)]
    pub(super) secret_prefix: String,
    /// What a source has to say beside its secrets.
    #[serde(default)]
    pub(super) params: BTreeMap<String, Param>,
    /// The body that the provider wants on success, if not ours.
    pub(super) success_body: Option<String>,
    /// How requests are signed.
    pub(super) signature: Signature,
    /// How events are read.
    pub(super) facts: Facts,
}

/// For `docs/providers.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Docs {
    /// What the signature covers, in words.
    pub(super) verified: String,
    /// The provider's retry schedule.
    pub(super) retries: String,
    /// The events to subscribe to.
    pub(super) subscribe: Vec<String>,
    /// What one should know before trusting it.
    #[serde(default)]
    pub(super) gaps: Vec<String>,
}

/// A setting `params.NAME` of a source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Param {
    /// What it is.
    pub(super) about: String,
    /// The words that it may be, if not any text.
    #[serde(default)]
    pub(super) values: Vec<String>,
    /// Without one, the source must give it.
    pub(super) default: Option<String>,
}

/// `[signature]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    /// Where the signature is: the first place that is there.
    pub(super) from: Texts,
    /// How it is written there.
    #[serde(default)]
    pub(super) format: Format,
    /// The list whose every element is signed on its own.
    pub(super) each: Option<String>,
    /// The text that is signed; of several, any may be.
    #[serde(default)]
    pub(super) signed: Texts,
    /// What proves it.
    pub(super) proof: Proof,
    /// How old a signature may be.
    pub(super) time: Option<SignatureTime>,
    /// Places that must hold something.
    #[serde(default)]
    pub(super) require: Texts,
    /// Places that may hold only these characters (`A-Z` is a range).
    #[serde(default)]
    pub(super) alphabet: BTreeMap<String, String>,
    /// The form field that a replayed XML body goes into as base64.
    pub(super) sample_form: Option<String>,
    /// Headers to send beside the signature when this program is the sender: replay and development.
    #[serde(default, rename = "sample")]
    pub(super) samples: Vec<Sample>,
}

/// `[[signature.sample]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    /// The bodies that these headers suit, as in [`Rule::when`]; any where nothing is said.
    #[serde(default)]
    pub(super) when: BTreeMap<String, Texts>,
    /// Their values; `{now}` is the time, `{id}` a digest of the body. What an earlier sample set stays.
    pub(super) headers: BTreeMap<String, String>,
}

/// How a signature is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    /// The text itself, perhaps after a prefix.
    Plain(Plain),
    /// `t=1,v1=ab,v1=cd`
    Pairs(Pairs),
    /// `v1,ab v1,cd`
    List(List),
}

impl Default for Format {
    fn default() -> Self {
        Self::Plain(Plain::default())
    }
}

/// `format = { plain = .. }`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {
    /// What comes before the signature.
    #[serde(default)]
    pub(super) prefix: String,
    /// Whether it may be left out.
    #[serde(default)]
    pub(super) prefix_optional: bool,
}

/// `format = { pairs = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pairs {
    /// Between two pairs.
    pub(super) separator: char,
    /// The name of the pairs that are signatures.
    pub(super) take: String,
    /// Blanks around names and values, and the case of names, do not matter; of several pairs of one name the last counts.
    /// Otherwise a name that is signed with must not come twice, and any of several signatures may match.
    #[serde(default)]
    pub(super) lenient: bool,
}

/// `format = { list = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Between two elements.
    pub(super) separator: char,
    /// Between two fields of an element.
    pub(super) field_separator: char,
    /// The fields of an element.
    pub(super) fields: Vec<String>,
    /// What some of them must be; other elements are skipped.
    #[serde(rename = "where", default)]
    pub(super) only: BTreeMap<String, String>,
    /// The field that is the signature.
    pub(super) take: String,
}

/// What proves that the signed text is the provider's.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Proof {
    /// A MAC under the secret.
    Hmac(HmacProof),
    /// A plain hash of a text that contains the secret.
    Digest(DigestProof),
    /// The secret itself.
    Token,
    /// An RSA signature by a certificate that the webhook names.
    Certificate(CertificateProof),
}

/// `proof = { hmac = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HmacProof {
    pub(super) hash: Hash,
    /// How the secret's text becomes the key: a [`KeyEncoding`], or `param:NAME` for one that the source names.
    pub(super) key: String,
    pub(super) encoding: Encoding,
}

/// `proof = { digest = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DigestProof {
    pub(super) hash: Hash,
    pub(super) encoding: Encoding,
}

/// `proof = { certificate = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateProof {
    /// Where the certificate's URL is.
    pub(super) url: String,
    /// The hosts that it may be of.
    pub(super) hosts: Texts,
    /// Where the algorithm's name is.
    pub(super) algorithm_from: String,
    /// What it must be; it means RSA PKCS#1 v1.5 with SHA-256.
    pub(super) algorithm: String,
    /// What the certificate's common name must end with.
    pub(super) name_suffix: String,
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// How a proof is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoding {
    /// Lower case.
    Hex,
    /// Upper case when sent, either when received.
    HexAnyCase,
    /// Padded, standard alphabet.
    Base64,
}

/// How a secret's text becomes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KeyEncoding {
    /// Its UTF-8 bytes.
    Text,
    /// Its characters as bytes, which all must be below 256.
    Raw,
    Hex,
    /// After [`Definition::secret_prefix`], if it is there.
    Base64,
    /// The SHA-1 of its UTF-8 bytes.
    Sha1OfText,
}

/// `[signature.time]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignatureTime {
    pub(super) from: Texts,
    pub(super) unit: Unit,
    /// Seconds; a source's `tolerance_s` goes before it.
    pub(super) max_age_s: u64,
    /// Whether the same limit holds for times ahead of ours.
    #[serde(default)]
    pub(super) ahead: bool,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unit {
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
    /// Without an offset: UTC+7, the clock of Jakarta.
    UtcPlus7,
    /// Not at all: the time of arrival stands in.
    Received,
}

/// `[facts]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    /// The list whose every element is an event.
    pub(super) each: Option<String>,
    /// The place of base64 XML that is the event, where the body is not JSON.
    pub(super) xml: Option<String>,
    /// The event's id; several places are joined with `:`. `a|b` is the first that is there.
    pub(super) id: Joined,
    /// What happened; several places are joined with `.`.
    #[serde(rename = "type")]
    pub(super) type_name: Joined,
    /// When: the first that is there and readable.
    pub(super) time: Vec<Time>,
    /// Which field tells live from test.
    pub(super) mode: Option<ModeField>,
    /// Where the merchant's order id may be, best first.
    #[serde(default)]
    pub(super) order: Texts,
    /// Why no event of this provider states a fact, if none does.
    pub(super) only: Option<String>,
    /// How amounts are written.
    #[serde(default)]
    pub(super) unit: AmountUnit,
    /// The currencies whose decimals the provider counts otherwise than ISO 4217.
    #[serde(default)]
    pub(super) exponents: BTreeMap<String, u32>,
    /// Events of one shape; the first family that a type belongs to reads it.
    #[serde(default, rename = "family")]
    pub(super) families: Vec<Family>,
}

/// `time = [{ from = .., unit = .. }]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Time {
    pub(super) from: String,
    pub(super) unit: Unit,
}

/// `mode = { .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModeField {
    pub(super) from: String,
    pub(super) live: String,
    pub(super) test: String,
}

/// How amounts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AmountUnit {
    /// Whole minor units.
    #[default]
    Minor,
    /// Decimal major units.
    Major,
}

/// `[[facts.family]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Family {
    /// `charge.succeeded`, `charge.*` for all that begin so, or `param:NAME` for a source's own list.
    pub(super) types: Texts,
    /// The provider's payment: the first place that is there.
    #[serde(default)]
    pub(super) payment: Texts,
    /// The movement of money; the payment where nothing is said.
    #[serde(default)]
    pub(super) reference: Texts,
    /// Where the merchant's order id is in events of this shape, if not where [`Facts::order`] says.
    #[serde(default)]
    pub(super) order: Texts,
    /// How much, where a rule does not say otherwise.
    #[serde(default)]
    pub(super) amount: Texts,
    #[serde(default)]
    pub(super) currency: Texts,
    /// What an event of this shape says: the first that fits.
    pub(super) rules: Vec<Rule>,
}

/// A line of `rules`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Any type of the family where nothing is said.
    #[serde(default, rename = "type")]
    pub(super) types: Texts,
    /// What places must hold: one of these texts; `*` is anything, an empty text is nothing.
    #[serde(default)]
    pub(super) when: BTreeMap<String, Texts>,
    /// The fact's kind ...
    pub(super) kind: Option<KindWord>,
    /// ... or why there is none.
    pub(super) noted: Option<String>,
    /// ... or why a person has to look.
    pub(super) parked: Option<String>,
    #[serde(default)]
    pub(super) amount: Texts,
    #[serde(default)]
    pub(super) reference: Texts,
    /// The amount is a running total of the reference.
    #[serde(default)]
    pub(super) cumulative: bool,
}

/// A kind by its word.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct KindWord(pub(super) Kind);

impl TryFrom<String> for KindWord {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let words = || Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        Kind::from_word(&word)
            .map(Self)
            .ok_or_else(|| format!("unknown kind `{word}`; expected one of {}", words()))
    }
}

/// One text or a list of texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Texts(pub(super) Vec<String>);

/// Places whose texts are joined.
pub(super) type Joined = Texts;

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
