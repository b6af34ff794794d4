//! Why a webhook does not verify: what would have to be different for its signature to hold.
//!
//! Everything here is found by trying: with the secrets of other sources, with a secret as people paste it, with the body
//! as programs rewrite it. What holds is a hint for whoever operates this, and never lets a webhook in.
//!
//! It reads what strangers send, so nothing here recurses, and each diagnosis has an allowance of [`Work`]. It still costs
//! some dozen times what verifying costs: callers ration it.

mod body;
mod json;
mod keys;
mod settings;
#[cfg(test)]
mod tests;
mod work;

use std::fmt;

use bytes::Bytes;

use self::body::{as_document, changed_bodies};
use self::work::Work;
use super::signature::Scheme;
use super::{Rejection, Source, SourceSettings, Webhook};
use crate::secret::Secret;

/// What probably led to a rejection. For logs and the command line; never for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// What it is.
    pub cause: Cause,
    /// The facts and the way out, without secrets or expected signatures.
    pub detail: String,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "docs/errors.md says what each means")]
pub enum Cause {
    SecretAltered,
    OtherSource,
    BodyChanged,
    ApiKey,
    OtherUrl,
    BodyRewritten,
    OtherSettings,
    WrongSecret,
    ClockAhead,
    ClockBehind,
}

impl Cause {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 10] = [
        Self::SecretAltered,
        Self::OtherSource,
        Self::BodyChanged,
        Self::ApiKey,
        Self::OtherUrl,
        Self::BodyRewritten,
        Self::OtherSettings,
        Self::WrongSecret,
        Self::ClockAhead,
        Self::ClockBehind,
    ];

    /// Its stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretAltered => "secret_altered",
            Self::OtherSource => "other_source",
            Self::BodyChanged => "body_changed",
            Self::ApiKey => "api_key",
            Self::OtherUrl => "other_url",
            Self::BodyRewritten => "body_rewritten",
            Self::OtherSettings => "other_settings",
            Self::WrongSecret => "wrong_secret",
            Self::ClockAhead => "clock_ahead",
            Self::ClockBehind => "clock_behind",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Source {
    /// What probably led to `rejection` of the webhook at `now` (unix seconds), if anything is found. `others` are the
    /// sources whose secrets may have been mistaken for this one's.
    #[must_use]
    pub fn diagnose<'a>(
        &self,
        rejection: &Rejection,
        webhook: &Webhook<'_>,
        now: i64,
        others: impl IntoIterator<Item = &'a Self>,
    ) -> Option<Diagnosis> {
        let diagnosis = |(cause, detail)| Diagnosis { cause, detail };
        let trial = &Trial { webhook, now, work: Work::default() };
        match rejection.reason {
            "timestamp_stale" => Some((
                Cause::ClockAhead,
                format!(
                    "the signature holds, and was {}: this machine's clock is ahead, or the webhook was held up or sent again from a log",
                    rejection.detail
                ),
            )),
            "timestamp_ahead" => Some((
                Cause::ClockBehind,
                format!("the signature holds, and was {}: this machine's clock is behind", rejection.detail),
            )),
            "signature_mismatch" => self
                .altered_secret(trial)
                .or_else(|| self.other_source(trial, others))
                .or_else(|| self.changed_body(trial))
                .or_else(|| self.api_key())
                .or_else(|| self.other_url(trial))
                .or_else(|| rewritten_body(webhook))
                .or_else(|| self.other_settings())
                .or_else(|| Some(self.wrong_secret(trial))),
            _ => self.other_source(trial, others),
        }
        .map(diagnosis)
    }

    /// How a secret that cannot be right looks, if one does: for advice before the first webhook comes.
    #[must_use]
    pub fn doubtful_secret(&self) -> Option<String> {
        self.api_key().map(|(_, detail)| detail)
    }

    /// A secret in quotes, with space around it, or without the beginning that belongs to it.
    fn altered_secret(&self, trial: &Trial<'_>) -> Option<(Cause, String)> {
        let prefix = &self.definition.secret_prefix;
        for (position, secret) in (1..).zip(&self.settings.secrets) {
            let bare = secret.expose().trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
            for (meant, how) in [
                (bare.to_owned(), "without the quotes or spaces around it".to_owned()),
                (format!("{prefix}{bare}"), format!("with `{prefix}` before it")),
            ] {
                if meant != secret.expose() && trial.holds(&self.with_secrets(&[Secret::new(meant)])?) {
                    let detail =
                        format!("the signature holds with secret {position} {how}: correct the setting");
                    return Some((Cause::SecretAltered, detail));
                }
            }
        }
        None
    }

    /// Another source, or this one with another's secrets.
    fn other_source<'a>(
        &self,
        trial: &Trial<'_>,
        others: impl IntoIterator<Item = &'a Self>,
    ) -> Option<(Cause, String)> {
        others.into_iter().filter(|other| other.name != self.name).find_map(|other| {
            let name = &other.name;
            let detail = if trial.holds(&other.scheme) {
                format!(
                    "it is signed for source {name}: the URL that the provider calls is this source's, or the secrets of both are swapped"
                )
            } else if self.with_secrets(&other.settings.secrets).is_some_and(|own| trial.holds(&own)) {
                format!("the signature holds with a secret of source {name}: the settings have it there instead of here")
            } else {
                return None;
            };
            Some((Cause::OtherSource, detail))
        })
    }

    /// The body as programs on the way rewrite it.
    fn changed_body(&self, trial: &Trial<'_>) -> Option<(Cause, String)> {
        let (_, how) = changed_bodies(trial.webhook.body)
            .take_while(|_| trial.work.is_left())
            .find(|(body, _)| trial.holds_for(body, &self.scheme))?;
        let detail = format!(
            "the signature holds for the body {how}: something on the way changed it, a proxy that parses JSON or `curl -d` \
             (`--data-binary` does not); the exact bytes must be passed on"
        );
        Some((Cause::BodyChanged, detail))
    }

    /// A secret that begins as the provider's API keys do.
    fn api_key(&self) -> Option<(Cause, String)> {
        let position = self.settings.secrets.iter().position(|secret| {
            self.definition.api_key_prefixes.iter().any(|prefix| secret.expose().starts_with(prefix))
        })?;
        let detail = format!(
            "secret {} looks like one of {}'s API keys: the signing secret is another text, shown where the endpoint is set up",
            position + 1,
            self.definition.title
        );
        Some((Cause::ApiKey, detail))
    }

    fn wrong_secret(&self, trial: &Trial<'_>) -> (Cause, String) {
        let is_tried = trial.work.is_left() && as_document(trial.webhook.body).is_some();
        let tried = if is_tried {
            "of the body as it is or as programs rewrite it"
        } else {
            "of the body as it is, and it is too long or too deep to be tried as programs rewrite it"
        };
        let settings: String =
            self.signed_settings().iter().map(|setting| format!("; {setting} is signed too")).collect();
        let secrets = match self.settings.secrets.len() {
            1 => "the source's only secret does not make".to_owned(),
            several => format!("none of the source's {several} secrets makes"),
        };
        let detail = format!(
            "{secrets} this signature, {tried}: compare with the secret that the provider shows for \
             this very endpoint, test and live apart{settings}"
        );
        (Cause::WrongSecret, detail)
    }

    /// This source's scheme with other secrets; none where they cannot be its.
    fn with_secrets(&self, secrets: &[Secret]) -> Option<Scheme> {
        let settings = SourceSettings { secrets: secrets.to_vec(), ..SourceSettings::clone(&self.settings) };
        Scheme::new(&self.definition, &settings).ok()
    }
}

/// A webhook that is tried with one scheme after the other, until the allowance is used up.
struct Trial<'a> {
    webhook: &'a Webhook<'a>,
    now: i64,
    work: Work,
}

impl Trial<'_> {
    fn holds(&self, scheme: &Scheme) -> bool {
        self.holds_for(self.webhook.body, scheme)
    }

    /// Whether the signature holds for this body, whatever its time; no, once there is no allowance left.
    fn holds_for(&self, body: &Bytes, scheme: &Scheme) -> bool {
        if !self.work.spend(body.len() * scheme.secrets().max(1)) {
            return false;
        }
        match scheme.verify(&Webhook { body, ..*self.webhook }, self.now) {
            Ok(_) => true,
            Err(rejection) => matches!(rejection.reason, "timestamp_stale" | "timestamp_ahead"),
        }
    }
}

/// Keys in alphabetical order: what the provider's order was cannot be told any more.
fn rewritten_body(webhook: &Webhook<'_>) -> Option<(Cause, String)> {
    let detail = "the keys of the body are in alphabetical order, as programs write that parse JSON and write it again: \
                  if the provider's are not, the exact bytes must be passed on; else compare the secrets";
    let text = as_document(webhook.body)?;
    keys::has_sorted_keys(text).then(|| (Cause::BodyRewritten, detail.to_owned()))
}
