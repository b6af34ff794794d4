//! The headers and envelope fields that an event is read from beside its own bytes: stored with it, so that it can be read
//! again, and part of the webhook's fingerprint.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use super::super::Webhook;
use super::super::fields::{Fields, Scalar};
use super::FactReader;
use crate::order::{Event, Evidence, FieldsDigest, Fingerprint, UnixMicros};

impl FactReader {
    /// What `events.read_by` says of what it has read.
    pub(in super::super) fn read_by(&self) -> i16 {
        self.read_by
    }

    /// What the definition reads beside an event's own bytes, as a JSON object: headers, and fields around the events as
    /// `envelope:/pointer`.
    pub(super) fn kept_headers(&self, webhook: &Webhook<'_>, envelope: &Fields<'_>) -> String {
        if self.headers.is_empty() && self.selectors.envelope.is_empty() {
            return "{}".to_owned();
        }
        let headers = self.headers.iter().filter_map(|name| {
            let value = webhook.headers.get(name)?;
            Some((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        let around =
            self.selectors.envelope.slots().filter_map(|(pointer, slot)| match envelope.scalar(slot) {
                Scalar::Text(text) => Some((format!("envelope:{pointer}"), text.into_owned())),
                Scalar::Absent | Scalar::Unreadable => None,
            });
        // PostgreSQL's jsonb holds no NUL, and none stands for anything here.
        let kept = headers.chain(around).map(|(name, text)| (name, text.replace('\0', "\u{fffd}")));
        let kept: BTreeMap<String, String> = kept.collect();
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// What a stored event says by this definition.
    pub(in super::super) fn reread(&self, headers: &str, body: &Bytes, received_at: UnixMicros) -> Event {
        let kept: BTreeMap<String, String> = serde_json::from_str(headers).unwrap_or_default();
        let texts: Vec<Option<String>> = self
            .selectors
            .envelope
            .slots()
            .map(|(pointer, _)| {
                kept.get(&format!("envelope:{pointer}"))
                    .map(|text| serde_json::Value::from(text.as_str()).to_string())
            })
            .collect();
        let sent: HeaderMap = kept
            .iter()
            .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?)))
            .collect();
        let webhook = Webhook { path_and_query: "/", headers: &sent, body };
        let body_sha256 = Sha256::digest(body).into();
        let evidence = Evidence {
            body: body.clone(),
            body_sha256,
            headers: headers.to_owned(),
            received_at,
            read_by: Some(self.read_by),
        };
        self.item(&webhook, &Fields::kept(&texts), evidence)
    }

    /// Stands for everything that events can be read from: the source, the body, the query, the headers in use.
    pub(in super::super) fn fingerprint(&self, webhook: &Webhook<'_>, body_sha256: &[u8; 32]) -> Fingerprint {
        let mut digest = FieldsDigest::default();
        let mut field = |bytes: &[u8]| digest.add(bytes);
        field(self.source.as_str().as_bytes());
        field(body_sha256);
        field(webhook.path_and_query.as_bytes());
        for name in &self.selectors.headers {
            for value in webhook.headers.get_all(name) {
                field(name.as_str().as_bytes());
                field(value.as_bytes());
            }
        }
        Fingerprint(digest.finish())
    }
}
