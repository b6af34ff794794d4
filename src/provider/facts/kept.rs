//! What is kept of a webhook beside what it says, and how its events are read again from that.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use super::Facts;
use crate::order::{Event, Evidence, UnixMicros};
use crate::provider::Webhook;

impl Facts {
    /// The events of a body that was kept, with the headers that were kept; `None` when more is read than was kept.
    pub(in crate::provider) fn events_of_kept(
        &self,
        headers: &str,
        body: &Bytes,
        received_at: UnixMicros,
    ) -> Option<Vec<Event>> {
        if self.places.reads_query {
            return None;
        }
        let arrival = Arrival { headers: headers.to_owned(), received_at };
        let headers = header_map(headers);
        let webhook = Webhook { path_and_query: "/", headers: &headers, body };
        match self.items(body) {
            Ok((envelope, items)) => {
                Some(items.into_iter().map(|item| self.item(&webhook, &envelope, item, &arrival)).collect())
            }
            // Of a webhook with several events each was kept alone, without what stood around it.
            Err(_) if self.each.is_some() => {
                let nothing = self.places.envelope.nothing();
                let is_all = self.places.envelope.count() == 1;
                is_all.then(|| vec![self.item(&webhook, &nothing, body.clone(), &arrival)])
            }
            Err(reason) => Some(vec![self.dead(None, reason, arrival.evidence(body.clone()))]),
        }
    }

    /// The headers that the definition reads, as a JSON object.
    pub(super) fn kept_headers(&self, webhook: &Webhook<'_>) -> String {
        let kept: BTreeMap<&str, Cow<'_, str>> = self
            .headers
            .iter()
            .filter_map(|name| {
                let value = webhook.headers.get(name)?;
                Some((name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            })
            .collect();
        serde_json::to_string(&kept).unwrap_or_default()
    }
}

/// What all events of a webhook share as evidence.
pub(super) struct Arrival {
    pub(super) headers: String,
    pub(super) received_at: UnixMicros,
}

impl Arrival {
    pub(super) fn evidence(&self, body: Bytes) -> Evidence {
        Evidence {
            body_sha256: Sha256::digest(&body).into(),
            body,
            headers: self.headers.clone(),
            received_at: self.received_at,
        }
    }
}

/// The headers of a JSON object as [`Facts::kept_headers`] writes it.
fn header_map(json: &str) -> HeaderMap {
    let kept: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
    let headers = kept.iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    });
    headers.collect()
}
