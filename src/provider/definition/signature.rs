//! `[signature]`: how requests are signed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Texts, Unit};

/// `[signature]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Signature {
    /// Where the signature is: the first that is there.
    pub(in crate::provider) from: Texts,
    /// How it is written there.
    #[serde(default)]
    pub(in crate::provider) format: Format,
    /// The list whose every element is signed on its own.
    pub(in crate::provider) each: Option<String>,
    /// The text that is signed; of several, any may be.
    #[serde(default)]
    pub(in crate::provider) signed: Texts,
    /// What proves it.
    pub(in crate::provider) proof: Proof,
    /// What proves it beside, for senders that sign with a private key.
    pub(in crate::provider) public_key: Option<PublicKeyBeside>,
    /// How the provider asks by GET whether the endpoint holds the secret.
    pub(in crate::provider) challenge: Option<ChallengeTable>,
    /// How old a signature may be.
    pub(in crate::provider) time: Option<SignatureTime>,
    /// Selectors that must hold something.
    #[serde(default)]
    pub(in crate::provider) require: Texts,
    /// Selectors that may hold only these characters (`A-Z` is a range).
    #[serde(default)]
    pub(in crate::provider) alphabet: BTreeMap<String, String>,
    /// The form field that a replayed XML body goes into as base64.
    pub(in crate::provider) sample_form: Option<String>,
    /// Headers to send beside the signature when this program is the sender: replay and development.
    #[serde(default, rename = "sample")]
    pub(in crate::provider) samples: Vec<SampleTable>,
}

/// `[[signature.sample]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct SampleTable {
    /// The bodies that these headers suit, as in `Rule::when`; any where nothing is said.
    #[serde(default)]
    pub(in crate::provider) when: BTreeMap<String, Texts>,
    /// Their values; `{now}` is the time, `{id}` a digest of the body. What an earlier sample set stays.
    pub(in crate::provider) headers: BTreeMap<String, String>,
}

/// How a signature is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Format {
    /// The text itself, perhaps after a prefix.
    Plain(Plain),
    /// `t=1,v1=ab,v1=cd`
    Pairs(Pairs),
    /// `v1,ab v1,cd`
    List(List),
    /// `1789000000,ab,cd`
    Sequence(Sequence),
}

impl Default for Format {
    fn default() -> Self {
        Self::Plain(Plain::default())
    }
}

/// `format = { plain = .. }`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Plain {
    /// What comes before the signature.
    #[serde(default)]
    pub(in crate::provider) prefix: String,
    /// Whether it may be left out.
    #[serde(default)]
    pub(in crate::provider) prefix_optional: bool,
}

/// `format = { pairs = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Pairs {
    /// Between two pairs.
    pub(in crate::provider) separator: char,
    /// The name of the pairs that are signatures.
    pub(in crate::provider) take: String,
    /// Blanks around names and values, and the case of names, do not matter; of several pairs of one name the last counts.
    /// Otherwise a name that is signed with must not come twice, and any of several signatures may match.
    #[serde(default)]
    pub(in crate::provider) lenient: bool,
    /// What pairs hold when this program is the sender; the others the time.
    #[serde(default)]
    pub(in crate::provider) sample: BTreeMap<String, String>,
}

/// `format = { sequence = .. }`: a fixed number of named parts, then signatures.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct Sequence {
    /// Between two elements.
    pub(in crate::provider) separator: char,
    /// The names of the first elements; any of those after them may be the signature.
    pub(in crate::provider) parts: Vec<String>,
}

/// `format = { list = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct List {
    /// Between two elements.
    pub(in crate::provider) separator: char,
    /// Between two fields of an element.
    pub(in crate::provider) field_separator: char,
    /// The fields of an element.
    pub(in crate::provider) fields: Vec<String>,
    /// What some of them must be; other elements are skipped.
    #[serde(rename = "where", default)]
    pub(in crate::provider) only: BTreeMap<String, String>,
    /// The field that is the signature.
    pub(in crate::provider) take: String,
}

/// What proves that the signed text is the provider's.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Proof {
    /// A MAC under the secret.
    Hmac(HmacProof),
    /// A plain hash of a text that contains the secret.
    Digest(DigestProof),
    /// The secret itself.
    Token,
    /// An RSA signature by a certificate that the webhook names.
    Certificate(CertificateProof),
    /// A signature under one of the source's secrets, which are public keys of the sender.
    PublicKey(PublicKeyProof),
    /// A JWS that carries its certificates.
    Jws(JwsProof),
}

/// `proof = { public-key = .. }`: secrets are PEM texts, or the base64 between their lines.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct PublicKeyProof {
    pub(in crate::provider) algorithm: Algorithm,
    pub(in crate::provider) encoding: Encoding,
}

/// How a private key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Algorithm {
    /// RSA PKCS#1 v1.5 with SHA-256.
    RsaSha256,
    /// RSA PKCS#1 v1.5 with SHA-512.
    RsaSha512,
    /// ECDSA on P-256 with SHA-256, the signature in ASN.1.
    EcdsaP256Sha256,
    Ed25519,
}

/// `proof = { jws = .. }`: ES256, under the first certificate of the header's `x5c`, which leads to the source's `trust.pem`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct JwsProof {
    /// The extension that marks the certificates that may sign, as a dotted object identifier.
    pub(in crate::provider) leaf_extension: String,
    /// The extension that marks the authorities that may issue those.
    pub(in crate::provider) issuer_extension: String,
    /// Whom the claims must name, where the authority signs for many receivers alike.
    pub(in crate::provider) audience: Option<AudienceTable>,
}

/// `audience = { at = .., is = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct AudienceTable {
    /// Pointers into the claims: the first that is there.
    pub(in crate::provider) at: Texts,
    /// The param of the source that lists who it may be, separated by commas: `param:NAME`.
    pub(in crate::provider) is: String,
}

/// `proof = { hmac = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct HmacProof {
    pub(in crate::provider) hash: Hash,
    /// How the secret's text becomes the key: a [`KeyEncoding`], or `param:NAME` for one that the source names.
    pub(in crate::provider) key: String,
    pub(in crate::provider) encoding: Encoding,
}

/// `proof = { digest = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct DigestProof {
    pub(in crate::provider) hash: Hash,
    pub(in crate::provider) encoding: Encoding,
}

/// `proof = { certificate = .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct CertificateProof {
    /// Where the certificate's URL is.
    pub(in crate::provider) url: String,
    /// The hosts that it may be of.
    pub(in crate::provider) hosts: Texts,
    /// Where the algorithm's name is.
    pub(in crate::provider) algorithm_from: String,
    /// What it must be; it means RSA PKCS#1 v1.5 with SHA-256.
    pub(in crate::provider) algorithm: String,
    /// What the certificate's common name must end with.
    pub(in crate::provider) name_suffix: String,
}

/// `public_key = { .. }`: Ed25519, under those of a source's secrets that are public keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct PublicKeyBeside {
    /// What a public key begins with; base64 of its 32 bytes follows.
    pub(in crate::provider) prefix: String,
    /// What the fields of a list's element are that such a key proves; see [`List::only`].
    #[serde(rename = "where")]
    pub(in crate::provider) only: BTreeMap<String, String>,
}

/// `challenge = { .. }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct ChallengeTable {
    /// The field of the URL's query that holds it.
    pub(in crate::provider) query: String,
    /// The only characters that it has (`a-f` is a range).
    pub(in crate::provider) alphabet: String,
    /// How long it is, from and to.
    pub(in crate::provider) length: (usize, usize),
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Hash {
    /// Only for vendors that still sign with it, and only as a digest.
    Md5,
    Sha1,
    Sha256,
    Sha512,
}

/// How a proof is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::provider) enum Encoding {
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
pub(in crate::provider) enum KeyEncoding {
    /// Its UTF-8 bytes.
    Text,
    /// Its characters as bytes, which all must be below 256.
    Raw,
    Hex,
    /// After `Definition::secret_prefix`, if it is there.
    Base64,
    /// The SHA-1 of its UTF-8 bytes.
    Sha1OfText,
}

/// `[signature.time]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::provider) struct SignatureTime {
    pub(in crate::provider) from: Texts,
    pub(in crate::provider) unit: Unit,
    /// Seconds; a source's `tolerance_s` goes before it.
    pub(in crate::provider) max_age_s: u64,
    /// Whether the same limit holds for times ahead of ours.
    #[serde(default)]
    pub(in crate::provider) ahead: bool,
}
