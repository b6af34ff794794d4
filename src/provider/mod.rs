//! Providers: how payment companies sign their webhooks and shape their payloads, as data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

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
pub struct Providers {}

impl Providers {
    /// The built-in definitions, overridden and extended by `dir/*.toml`.
    ///
    /// # Errors
    /// A definition that is wrong: file, table, key and what was expected.
    pub fn load(dir: Option<&Path>) -> Result<Self, BadDefinition> {
        let _ = dir;
        todo!()
    }
    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [].into_iter()
    }
    /// Whether a source of this provider needs nothing but a secret, so that `dev` can offer it.
    #[must_use]
    pub fn needs_only_a_secret(&self, name: &str) -> bool {
        let _ = name;
        todo!()
    }
    /// A secret in the provider's own shape, for development.
    #[must_use]
    pub fn generate_secret(&self, name: &str) -> Secret {
        let _ = name;
        todo!()
    }
}

/// A wrong definition.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadDefinition(pub String);

/// A configured source, compiled for speed.
#[derive(Debug, Clone)]
pub struct Source {
    inner: Arc<()>,
}

impl Source {
    /// Compiles settings against their provider's definition.
    ///
    /// # Errors
    /// Every mistake: the setting's name under the source (`secrets`, `params.webhook_id`), and what was expected.
    pub fn new(settings: SourceSettings, providers: &Providers) -> Result<Self, Vec<(String, String)>> {
        let _ = (settings, providers);
        todo!()
    }
    /// The source's name.
    #[must_use]
    pub fn name(&self) -> &Id {
        todo!()
    }
    /// Whether the signature holds over the exact bytes that the scheme signs. `now`: unix seconds.
    ///
    /// # Errors
    /// [`Rejection`]; the caller is never told which.
    pub fn verify<'a>(&'a self, webhook: &'a Webhook<'a>, now: i64) -> Result<Verified<'a>, Rejection> {
        let _ = (webhook, now, &self.inner);
        todo!()
    }
    /// Headers (and body, where the signature lives inside it) that make `body` verify.
    #[must_use]
    pub fn sign(&self, body: &Bytes, now: i64) -> Signed {
        let _ = (body, now);
        todo!()
    }
    /// The body that the provider wants on success, if not ours.
    #[must_use]
    pub fn success_body(&self) -> Option<&str> {
        todo!()
    }
}

/// A webhook whose signature holds. Only this can be read.
#[derive(Debug)]
pub struct Verified<'a> {
    /// Which of the source's secrets matched, counted from 0.
    pub secret_position: usize,
    webhook: &'a Webhook<'a>,
}

impl Verified<'_> {
    /// The events that the webhook carries; unreadable ones as dead events.
    #[must_use]
    pub fn events(&self, received_at: UnixMicros) -> Vec<Event> {
        let _ = (received_at, self.webhook);
        todo!()
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
#[error("{reason}")]
pub struct Rejection {
    /// A stable word: the metric's label (`signature_missing`, `signature_malformed`, `signature_mismatch`, `timestamp_stale`, `timestamp_ahead`).
    pub reason: &'static str,
    /// The facts, without secrets or expected signatures.
    pub detail: String,
}
