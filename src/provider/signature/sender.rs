//! Signs as the provider would, for replay and development.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::place::{Place, View};
use super::super::{Signed, Webhook};
use super::{Prover, Scheme, inside, read_if_asked};

impl Scheme {
    /// What makes `body` verify with the first secret. A scheme that signs with a certificate leaves it unsigned.
    pub(in crate::provider) fn sign(&self, body: &Bytes, now: i64) -> Signed {
        let mut headers = self.samples.headers(body, now);
        let mut body = body.clone();
        let now = now.to_string();
        match self.from.first() {
            Some(Place::Header(name)) => {
                if let Some(proof) = self.proof_of(&headers, &body, &body, &now) {
                    headers.push((name.to_string(), self.render(&proof, &now)));
                }
            }
            Some(Place::Form(name)) => {
                body = self.as_form(body);
                if let Some(proof) = self.proof_of(&headers, &body, &body, &now) {
                    let pair = [(name.as_str(), self.render(&proof, &now))];
                    let signature =
                        form_urlencoded::Serializer::new(String::new()).extend_pairs(pair).finish();
                    body = [signature.as_bytes(), b"&", &body].concat().into();
                }
            }
            Some(Place::Field(slot)) => {
                let path = self.places.item.steps(*slot);
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                body = self.sign_items(&headers, &body, &now, &path).map_or(body, Bytes::from);
            }
            Some(
                Place::Envelope(_)
                | Place::Query(_)
                | Place::Part(_)
                | Place::Setting(_)
                | Place::Secret
                | Place::Body
                | Place::Crc32
                | Place::Digest
                | Place::LastPart(_),
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

    /// Signs each item inside the body, the last one first, so that the places of the others stay.
    fn sign_items(
        &self,
        headers: &[(String, String)],
        body: &Bytes,
        now: &str,
        path: &[&str],
    ) -> Option<String> {
        let whole = std::str::from_utf8(body).ok()?;
        let envelope = read_if_asked(&self.places.envelope, body).ok()?;
        let items = self.each.as_ref().map_or(Ok(vec![whole]), |each| each.items(&envelope)).ok()?;
        let mut signed = whole.to_owned();
        for item in items.into_iter().rev() {
            let proof = self.proof_of(headers, body, item.as_bytes(), now)?;
            let from = (item.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
            let tail = signed.split_off(from);
            let (_, after) = tail.split_at_checked(item.len())?;
            signed =
                [&signed, inside::set_text(item, path, &self.render(&proof, now))?.as_str(), after].concat();
        }
        Some(signed)
    }

    /// The first secret's proof of an item, which often is the body.
    fn proof_of(&self, headers: &[(String, String)], body: &Bytes, item: &[u8], now: &str) -> Option<String> {
        let Prover::Keys(keys, encoding) = &self.prover else { return None };
        let sent: HeaderMap = headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        let webhook = Webhook { path_and_query: "/", headers: &sent, body };
        let view = View {
            webhook: &webhook,
            item: read_if_asked(&self.places.item, item).ok()?,
            envelope: read_if_asked(&self.places.envelope, body).ok()?,
            parts: vec![Some(now); self.places.parts.len()],
        };
        let proof = self.proofs(keys.first()?, *encoding, &view).ok()?.into_iter().next()?;
        String::from_utf8(proof).ok()
    }

    pub(super) fn render(&self, proof: &str, now: &str) -> String {
        let parts: Vec<_> = self.places.parts.iter().map(|name| (name.as_str(), now)).collect();
        self.format.render(proof, &parts, &self.list_settings)
    }
}
