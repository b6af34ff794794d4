//! Providers: how payment companies sign their webhooks and shape their payloads, as data.
//!
//! A provider is a file `providers/NAME.toml` ([`definition`]): where its signature is, what is signed and how
//! ([`signature`]), and where its events say what happened ([`facts`]). A [`Source`] is an account of it, compiled once;
//! per request nothing is interpreted from text, nothing is copied from the body, and only the asked-for fields are read.

mod builtin;
mod definition;
mod document;
mod facts;
mod moment;
mod place;
mod reader;
mod signature;
#[cfg(test)]
mod tests;
mod xml;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use http::HeaderMap;
use rand::RngExt as _;

use self::definition::{Definition, KeyEncoding, Proof};
use self::facts::Facts;
use self::signature::Scheme;
use crate::order::{Event, Id, UnixMicros};
use crate::secret::Secret;

/// The webhook as it came.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'a> {
    /// Path and query as received (`/webhooks/square?x=1`).
    pub path_and_query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The exact bytes.
    pub body: &'a Bytes,
}

/// One account of a provider, as configured.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The name in the URL: `POST /webhooks/{name}`.
    pub name: Id,
    /// The definition's name.
    pub provider: String,
    /// Any may match.
    pub secrets: Vec<Secret>,
    /// Seconds; `None` = the definition's own.
    pub tolerance_s: Option<u64>,
    /// Events of the other mode are noted.
    pub mode: Option<Mode>,
    /// JSON pointers to the merchant's order id, ahead of the definition's own.
    pub order: Vec<String>,
    /// For providers that sign the URL.
    pub public_url: Option<String>,
    /// For providers that sign with a certificate.
    pub cert_dir: Option<PathBuf>,
    /// What the definition asks for beside secrets.
    pub params: BTreeMap<String, String>,
}

/// Whether money is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words are the setting's values")]
pub enum Mode {
    Live,
    Test,
}

/// All definitions by name.
#[derive(Debug, Clone)]
pub struct Providers {
    definitions: BTreeMap<String, Arc<Definition>>,
}

impl Providers {
    /// The built-in definitions, overridden and extended by `dir/*.toml`.
    ///
    /// # Errors
    /// A definition that is wrong: file, table, key and what was expected.
    pub fn load(dir: Option<&Path>) -> Result<Self, BadDefinition> {
        let mut definitions = BTreeMap::new();
        for (name, text) in builtin::DEFINITIONS {
            definitions.insert((*name).to_owned(), read_definition(name, text)?);
        }
        for file in dir.map(toml_files).transpose()?.unwrap_or_default() {
            let shown = file.display();
            let name = file.file_stem().and_then(|stem| stem.to_str());
            let name = name.ok_or_else(|| BadDefinition(format!("{shown}: the name is not UTF-8")))?;
            let text =
                std::fs::read_to_string(&file).map_err(|error| BadDefinition(format!("{shown}: {error}")))?;
            definitions.insert(name.to_owned(), read_definition(&shown.to_string(), &text)?);
        }
        Ok(Self { definitions })
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(String::as_str)
    }

    /// Whether a source of this provider needs nothing but a secret, so that `dev` can offer it.
    #[must_use]
    pub fn needs_only_a_secret(&self, name: &str) -> bool {
        self.definitions.get(name).is_some_and(|definition| {
            definition.params.values().all(|param| param.default.is_some())
                && !definition.signs_the_url()
                && !matches!(definition.signature.proof, Proof::Certificate(_))
        })
    }

    /// A secret in the provider's own shape, for development.
    #[must_use]
    pub fn generate_secret(&self, name: &str) -> Secret {
        let bytes: [u8; 32] = rand::rng().random();
        let definition = self.definitions.get(name);
        let prefix = definition.map_or("", |definition| &definition.secret_prefix);
        let is_base64 = definition.is_some_and(|definition| match &definition.signature.proof {
            Proof::Hmac(hmac) => {
                let settings = definition.settings_of_nobody(name);
                settings.is_ok_and(|source| signature::key_encoding(hmac, &source) == Ok(KeyEncoding::Base64))
            }
            Proof::Digest(_) | Proof::Token | Proof::Certificate(_) => false,
        });
        let text = if is_base64 {
            base64::engine::general_purpose::STANDARD.encode(bytes)
        } else {
            hex::encode(bytes)
        };
        Secret::new(format!("{prefix}{text}"))
    }
}

fn toml_files(dir: &Path) -> Result<Vec<PathBuf>, BadDefinition> {
    let unreadable =
        |error: std::io::Error| BadDefinition(format!("providers_dir {}: {error}", dir.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a definition and compiles it once for a made-up source, so that its mistakes show at start.
fn read_definition(file: &str, text: &str) -> Result<Arc<Definition>, BadDefinition> {
    let wrong = |problem: String| BadDefinition(format!("provider definition {file}: {problem}"));
    let definition: Definition = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let source = definition.settings_of_nobody("definition").map_err(wrong)?;
    let keyless = |(key, problem): (String, String)| wrong(format!("[{key}] {problem}"));
    let scheme = match Scheme::new(&definition, &source) {
        // A made-up source has no certificates, and no made-up secret has every provider's shape.
        Err((key, _)) if key == "secrets" || key == "cert_dir" => None,
        other => Some(other.map_err(keyless)?),
    };
    Facts::new(&definition, &source, scheme.as_ref().map_or(&[], Scheme::headers)).map_err(keyless)?;
    Ok(Arc::new(definition))
}

impl Definition {
    fn signs_the_url(&self) -> bool {
        self.signature.signed.0.iter().any(|text| text.contains("{url}"))
    }

    /// A source that has every param, to compile a definition with before any source is known.
    fn settings_of_nobody(&self, name: &str) -> Result<SourceSettings, String> {
        let filled = |param: &definition::Param| {
            param.default.clone().or_else(|| param.values.first().cloned()).unwrap_or_else(|| "x".to_owned())
        };
        Ok(SourceSettings {
            name: Id::new(name).map_err(|error| format!("name {error}"))?,
            provider: name.to_owned(),
            secrets: vec![Secret::new("00")],
            tolerance_s: None,
            mode: self.facts.mode.as_ref().map(|_| Mode::Live),
            order: Vec::new(),
            public_url: Some("https://example.test/".to_owned()),
            cert_dir: None,
            params: self.params.iter().map(|(name, param)| (name.clone(), filled(param))).collect(),
        })
    }

    /// The source's params, with defaults filled in.
    fn params_of(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Vec<(String, String)>> {
        let mut mistakes = Vec::new();
        let mut params = BTreeMap::new();
        for (name, param) in &self.params {
            match given.get(name).or(param.default.as_ref()) {
                None => mistakes.push((format!("params.{name}"), format!("expected {}", param.about))),
                Some(value) if !param.values.is_empty() && !param.values.contains(value) => {
                    let expected = format!("expected {}, not `{value}`", param.values.join(" or "));
                    mistakes.push((format!("params.{name}"), expected));
                }
                Some(value) if value.is_empty() && param.default.as_deref() != Some("") => {
                    mistakes.push((format!("params.{name}"), format!("is empty; expected {}", param.about)));
                }
                Some(value) => {
                    params.insert(name.clone(), value.clone());
                }
            }
        }
        let known = if self.params.is_empty() {
            "none".to_owned()
        } else {
            self.params.keys().cloned().collect::<Vec<_>>().join(", ")
        };
        let unknown = given.keys().filter(|name| !self.params.contains_key(*name));
        mistakes.extend(
            unknown.map(|name| (format!("params.{name}"), format!("unknown; {} knows: {known}", self.title))),
        );
        if mistakes.is_empty() { Ok(params) } else { Err(mistakes) }
    }
}

/// A mistake in a definition or a source: the key, and what was expected.
type Mistake = (String, String);

/// Says where a mistake is.
fn at<T>(key: &str, result: Result<T, String>) -> Result<T, Mistake> {
    result.map_err(|problem| (key.to_owned(), problem))
}

/// A wrong definition.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadDefinition(pub String);

/// A configured source, compiled for speed. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    name: Id,
    scheme: Arc<Scheme>,
    facts: Arc<Facts>,
    success_body: Option<String>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Source {
    /// Compiles settings against their provider's definition.
    ///
    /// # Errors
    /// Every mistake: the setting's name under the source (`secrets`, `params.webhook_id`), and what was expected.
    pub fn new(settings: SourceSettings, providers: &Providers) -> Result<Self, Vec<(String, String)>> {
        let Some(definition) = providers.definitions.get(&settings.provider) else {
            let known = providers.names().collect::<Vec<_>>().join(", ");
            let problem = format!("unknown provider `{}`; known: {known}", settings.provider);
            return Err(vec![("provider".to_owned(), problem)]);
        };
        let params = definition.params_of(&settings.params);
        let mut mistakes = params.as_ref().err().cloned().unwrap_or_default();
        if definition.signs_the_url() && settings.public_url.is_none() {
            let problem =
                format!("expected the URL as it is registered at {}, which signs it", definition.title);
            mistakes.push(("public_url".to_owned(), problem));
        }
        let settings =
            SourceSettings { params: params.unwrap_or_else(|_| fallback_params(definition)), ..settings };
        let scheme = Scheme::new(definition, &settings);
        let facts = Facts::new(definition, &settings, scheme.as_ref().map_or(&[], Scheme::headers));
        match (scheme, facts) {
            (Ok(scheme), Ok(facts)) if mistakes.is_empty() => Ok(Self {
                name: settings.name,
                scheme: Arc::new(scheme),
                facts: Arc::new(facts),
                success_body: definition.success_body.clone(),
            }),
            (scheme, facts) => {
                mistakes.extend(scheme.err());
                mistakes.extend(facts.err());
                Err(mistakes)
            }
        }
    }

    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &Id {
        &self.name
    }

    /// Whether the signature holds over the exact bytes that the scheme signs. `now`: unix seconds.
    ///
    /// # Errors
    /// [`Rejection`]; the caller is never told which.
    pub fn verify<'a>(&'a self, webhook: &'a Webhook<'a>, now: i64) -> Result<Verified<'a>, Rejection> {
        let secret_position = self.scheme.verify(webhook, now)?;
        Ok(Verified { secret_position, webhook, facts: &self.facts })
    }

    /// Headers (and body, where the signature lives inside it) that make `body` verify.
    #[must_use]
    pub fn sign(&self, body: &Bytes, now: i64) -> Signed {
        self.scheme.sign(body, now)
    }

    /// The body that the provider wants on success, if not ours.
    #[must_use]
    pub fn success_body(&self) -> Option<&str> {
        self.success_body.as_deref()
    }
}

/// Stands in while other mistakes of the source are looked for.
fn fallback_params(definition: &Definition) -> BTreeMap<String, String> {
    definition.settings_of_nobody("x").map(|source| source.params).unwrap_or_default()
}

/// A webhook whose signature holds. Only this can be read.
#[derive(Debug)]
pub struct Verified<'a> {
    /// Which of the source's secrets matched, counted from 0.
    pub secret_position: usize,
    webhook: &'a Webhook<'a>,
    facts: &'a Facts,
}

impl Verified<'_> {
    /// The events that the webhook carries; unreadable ones as dead events.
    #[must_use]
    pub fn events(&self, received_at: UnixMicros) -> Vec<Event> {
        self.facts.events(self.webhook, received_at)
    }
}

/// What a sender sends.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Signature headers and what they need.
    pub headers: Vec<(String, String)>,
    /// The body to send.
    pub body: Bytes,
}

/// Why a webhook is refused. For logs, metrics and the command line; never for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Rejection {
    /// A stable word, the metric's label: `signature_missing`, `signature_malformed`, `signature_mismatch`,
    /// `timestamp_stale`, `timestamp_ahead`, `requirement_missing`, `certificate_unknown`, `certificate_untrusted`.
    pub reason: &'static str,
    /// The facts, without secrets or expected signatures.
    pub detail: String,
}

impl Rejection {
    fn new(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}
