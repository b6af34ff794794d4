//! Signs as the provider would, for replay and development.

mod frame;
mod insert;
mod sample;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) use self::insert::replace_part;
pub(super) use self::sample::Samples;
use super::fields::{Selector, View};
use super::signature::Scheme;
use super::{Signed, Webhook};

/// Where a webhook goes, and when.
struct To<'a> {
    path_and_query: &'a str,
    /// Unix seconds.
    now: String,
}

impl Scheme {
    /// What makes `body` verify with the first secret, with `given` headers by their names in lower case. A scheme that signs
    /// with a certificate leaves it unsigned.
    pub(super) fn sign(
        &self,
        (path_and_query, now): (&str, i64),
        given: &BTreeMap<String, String>,
        body: &Bytes,
    ) -> Signed {
        let to = &To { path_and_query, now: now.to_string() };
        let mut headers = self.samples.headers(given, body, now);
        let mut body = body.clone();
        match self.from.first() {
            Some(Selector::Header(name)) => {
                if let Some(proof) = self.proof_of(&headers, &body, &body, to) {
                    headers.push((name.to_string(), self.render(&proof, &to.now)));
                }
            }
            Some(Selector::Form(name)) => {
                body = self.as_form(body);
                if let Some(proof) = self.proof_of(&headers, &body, &body, to) {
                    let pair = [(name.as_str(), self.render(&proof, &to.now))];
                    let signature =
                        form_urlencoded::Serializer::new(String::new()).extend_pairs(pair).finish();
                    body = [signature.as_bytes(), b"&", &body].concat().into();
                }
            }
            Some(Selector::Field(slot)) => {
                let path = self.selectors.item.steps(*slot);
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                body = self.sign_items(&headers, &body, to, &path).map_or(body, Bytes::from);
            }
            Some(
                Selector::Envelope(_)
                | Selector::Query(_)
                | Selector::Part(_)
                | Selector::Setting(_)
                | Selector::Secret
                | Selector::Body
                | Selector::Crc32
                | Selector::Digest
                | Selector::Sorted
                | Selector::Named(_)
                | Selector::FirstPart(_)
                | Selector::LastPart(_),
            )
            | None => {}
        }
        Signed { headers, body }
    }

    /// An XML body goes into its form field.
    fn as_form(&self, body: Bytes) -> Bytes {
        match &self.sample_form {
            Some(field) if body.starts_with(b"<") => {
                let pair = [(field.as_str(), STANDARD.encode(&body))];
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pair).finish().into()
            }
            Some(_) | None => body,
        }
    }

    /// Signs each item inside the body, the last one first, so that the others stay where they are.
    fn sign_items(
        &self,
        headers: &[(String, String)],
        body: &Bytes,
        to: &To<'_>,
        path: &[&str],
    ) -> Option<String> {
        let whole = std::str::from_utf8(body).ok()?;
        let envelope = self.selectors.envelope.read_if_asked(body).ok()?;
        let items = self.each.as_ref().map_or(Ok(vec![whole]), |each| each.items(&envelope)).ok()?;
        let mut signed = whole.to_owned();
        for item in items.into_iter().rev() {
            let proof = self.proof_of(headers, body, item.as_bytes(), to)?;
            let from = (item.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
            let tail = signed.split_off(from);
            let (_, after) = tail.split_at_checked(item.len())?;
            signed = [&signed, insert::set_text(item, path, &self.render(&proof, &to.now))?.as_str(), after]
                .concat();
        }
        Some(signed)
    }

    /// The first secret's proof of an item, which often is the body.
    fn proof_of(
        &self,
        headers: &[(String, String)],
        body: &Bytes,
        item: &[u8],
        to: &To<'_>,
    ) -> Option<String> {
        let sent: HeaderMap = headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        let webhook = Webhook { path_and_query: to.path_and_query, headers: &sent, body };
        let view = View {
            webhook: &webhook,
            item: self.selectors.item.read_if_asked(item).ok()?,
            envelope: self.selectors.envelope.read_if_asked(body).ok()?,
            parts: self.selectors.parts.iter().map(|name| Some(self.part(name, &to.now))).collect(),
        };
        self.first_proof(&view)
    }
}
