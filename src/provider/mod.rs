//! Providers: how payment companies sign their webhooks and shape their payloads, as data.
//!
//! A provider is a file `providers/NAME.toml` (`definition`): where its signature is, what is signed and how
//! (`signature`), and where its events say what happened (`facts`). A [`Source`] is an account of it, compiled once;
//! per request nothing is interpreted from text, nothing is copied from the body, and only the asked-for fields are read.

mod definition;
mod diagnosis;
mod document;
mod facts;
mod fields;
mod nesting;
mod registry;
mod report;
mod secrets;
mod settings;
mod signature;
mod signing;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use self::definition::Definition;
pub use self::diagnosis::{Cause, Diagnosis};
use self::facts::FactReader;
pub use self::registry::{BadDefinition, Providers};
pub use self::report::{BadReport, Bounded, Line, Report, Taken};
pub(crate) use self::report::{CsvHeader, CsvLines};
pub use self::settings::{CustomerClaims, Mode, SourceSettings};
pub use self::signature::Certificates;
use self::signature::Scheme;
use crate::order::{Event, Fingerprint, Id, UnixMicros};

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

/// A configured source, compiled for speed. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    name: Id,
    scheme: Arc<Scheme>,
    facts: Arc<FactReader>,
    success_body: Option<String>,
    // What it was compiled from, for telling why something does not verify.
    definition: Arc<Definition>,
    settings: Arc<SourceSettings>,
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
        let (params, mut mistakes) = definition.params_of(&settings.params);
        if definition.signs_the_url() && settings.public_url.is_none() {
            let problem =
                format!("expected the URL as it is registered at {}, which signs it", definition.title);
            mistakes.push(("public_url".to_owned(), problem));
        }
        let settings = SourceSettings { params, ..settings };
        let scheme = Scheme::new(definition, &settings);
        let facts = FactReader::new(definition, &settings, scheme.as_ref().map_or(&[], Scheme::headers));
        match (scheme, facts) {
            (Ok(scheme), Ok(facts)) if mistakes.is_empty() => Ok(Self {
                name: settings.name.clone(),
                scheme: Arc::new(scheme),
                facts: Arc::new(facts),
                success_body: definition.success_body.clone(),
                definition: Arc::clone(definition),
                settings: Arc::new(settings),
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

    /// What it was made of, with the params' defaults.
    #[must_use]
    pub fn settings(&self) -> &SourceSettings {
        &self.settings
    }

    /// The kinds of reports that can be compared with its facts.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        // They were compiled when the definition was read.
        report::reports(&self.definition).unwrap_or_default()
    }

    /// Whether the settings say that this type means nothing here.
    #[must_use]
    pub fn ignores(&self, type_name: &str) -> bool {
        facts::Types::listed(&self.settings.ignore_types).include(type_name)
    }

    /// The group of sources that it shares order numbers with; alone unless the settings say otherwise.
    #[must_use]
    pub fn ledger(&self) -> &Id {
        self.settings.ledger.as_ref().unwrap_or(&self.name)
    }

    /// Whether the signature holds over the exact bytes that the scheme signs. `now`: unix seconds.
    ///
    /// # Errors
    /// [`Rejection`]; the caller is never told which.
    pub fn verify<'a>(&'a self, webhook: &'a Webhook<'a>, now: i64) -> Result<Verified<'a>, Rejection> {
        let secret_position = self.scheme.verify(webhook, now)?;
        Ok(Verified::new(secret_position, webhook, &self.facts))
    }

    /// The answer to a GET by which the provider asks whether this endpoint holds the secret, if it is one.
    #[must_use]
    pub fn answer_challenge(&self, path_and_query: &str) -> Option<String> {
        self.scheme.answer(path_and_query)
    }

    /// Headers (and body, where the signature lives inside it) that make `body` verify with the first secret. Only the
    /// holder of its key can sign with a certificate: for such a provider the body comes back unsigned.
    #[must_use]
    pub fn sign(&self, body: &Bytes, now: i64) -> Signed {
        self.sign_for("/", body, now)
    }

    /// The same for a URL, of which some providers sign a part; `path_and_query` as it will be called.
    #[must_use]
    pub fn sign_for(&self, path_and_query: &str, body: &Bytes, now: i64) -> Signed {
        self.scheme.sign((path_and_query, now), &BTreeMap::new(), body)
    }

    /// The same for a body that came before, with what was kept of its headers, so that it says the same again.
    #[must_use]
    pub fn sign_again(&self, path_and_query: &str, kept_headers: &str, body: &Bytes, now: i64) -> Signed {
        let kept: BTreeMap<String, String> = serde_json::from_str(kept_headers).unwrap_or_default();
        let headers = kept.into_iter().filter(|(name, _)| name.parse::<HeaderName>().is_ok()).collect();
        self.scheme.sign((path_and_query, now), &headers, body)
    }

    /// The events of a body without a signature, for which an operator vouches: exported from the provider's API, say.
    /// Never for what a sender sends.
    #[must_use]
    pub fn read_unsigned(&self, body: &Bytes, received_at: UnixMicros) -> Vec<Event> {
        let webhook = Webhook { path_and_query: "/", headers: &HeaderMap::new(), body };
        self.facts.events(&webhook, Sha256::digest(body).into(), received_at)
    }

    /// What a stored event says by today's definition. `headers` and `body` are those of its evidence.
    #[must_use]
    pub fn reread(&self, headers: &str, body: &Bytes, received_at: UnixMicros) -> Event {
        self.facts.reread(headers, body, received_at)
    }

    /// The certificates that its provider signs with, if it does.
    #[must_use]
    pub fn certificates(&self) -> Option<&Certificates> {
        self.scheme.certificates()
    }

    /// The number by which `events.read_by` tells that it has read an event, with today's definition and settings.
    #[must_use]
    pub fn read_by(&self) -> i16 {
        self.facts.read_by()
    }

    /// How many secrets it has; one of them matches a webhook that verifies.
    #[must_use]
    pub fn secrets(&self) -> usize {
        self.scheme.secrets()
    }

    /// The body that the provider wants on success, if not ours.
    #[must_use]
    pub fn success_body(&self) -> Option<&str> {
        self.success_body.as_deref()
    }
}

/// A webhook whose signature holds. Only this can be read.
#[derive(Debug)]
pub struct Verified<'a> {
    /// Which of the source's secrets matched, counted from 0.
    pub secret_position: usize,
    webhook: &'a Webhook<'a>,
    body_sha256: [u8; 32],
    facts: &'a FactReader,
}

impl<'a> Verified<'a> {
    fn new(secret_position: usize, webhook: &'a Webhook<'a>, facts: &'a FactReader) -> Self {
        Self { secret_position, webhook, body_sha256: Sha256::digest(webhook.body).into(), facts }
    }

    /// Stands for all that [`Verified::events`] reads, at a fraction of its cost.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.facts.fingerprint(self.webhook, &self.body_sha256)
    }

    /// The events that the webhook carries; unreadable ones as dead events.
    #[must_use]
    pub fn events(&self, received_at: UnixMicros) -> Vec<Event> {
        self.facts.events(self.webhook, self.body_sha256, received_at)
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

/// A mistake in a definition or a source: the key, and what was expected.
type Mistake = (String, String);

/// Says where a mistake is.
fn at<T>(key: &str, result: Result<T, String>) -> Result<T, Mistake> {
    result.map_err(|problem| (key.to_owned(), problem))
}
