//! Signature schemes: a handful of building blocks, set by a definition's `[signature]` table.

mod certificate;
mod format;
mod inside;
mod key;
mod sample;
mod template;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq;

use self::certificate::Certificates;
use self::key::Key;
use self::sample::Samples;
use self::template::{Template, Unwritable};
use super::definition::{
    Definition, Encoding, Format, Hash, HmacProof, KeyEncoding, Proof, SignatureTime, Unit,
};
use super::place::{Each, Missing, Place, Places, View};
use super::reader::{Fields, Reader, Scalar};
use super::{Mistake, Rejection, Signed, SourceSettings, Webhook, at};

/// A source's scheme, compiled: nothing of it is interpreted from text per request.
#[derive(Clone)]
pub(super) struct Scheme {
    places: Places,
    each: Option<Each>,
    from: Vec<Place>,
    format: Format,
    list_settings: Vec<(String, String)>,
    signed: Vec<Template>,
    prover: Prover,
    time: Option<TimeRule>,
    require: Vec<Vec<Place>>,
    alphabet: Vec<(Place, Vec<bool>)>,
    sample_form: Option<String>,
    samples: Samples,
}

/// What a candidate is held against.
#[derive(Clone)]
enum Prover {
    /// Each secret's own proof, as text in this encoding, or as it is.
    Keys(Vec<Key>, Option<Encoding>),
    Certificates(Certificates),
}

#[derive(Debug, Clone)]
struct TimeRule {
    from: Vec<Place>,
    unit: Unit,
    max_age_s: i64,
    max_ahead_s: Option<i64>,
}

impl TimeRule {
    fn new(time: &SignatureTime, places: &mut Places, source: &SourceSettings) -> Result<Self, String> {
        let max_age_s = i64::try_from(source.tolerance_s.unwrap_or(time.max_age_s)).unwrap_or(i64::MAX);
        let max_ahead_s = time.ahead.then_some(max_age_s);
        Ok(Self { from: places.all(&time.from, source)?, unit: time.unit, max_age_s, max_ahead_s })
    }
}

impl Scheme {
    /// Compiles a definition's scheme for a source.
    ///
    /// # Errors
    /// The key and what was expected, as `signature.time: ..` for the definition's mistakes and `secrets: ..` for the source's.
    pub(super) fn new(definition: &Definition, source: &SourceSettings) -> Result<Self, Mistake> {
        let signature = &definition.signature;
        let mut places = Places::default();
        let each =
            signature.each.as_ref().map(|pointer| Each::new(pointer, &mut places.envelope)).transpose();
        let each = at("signature.each", each)?;
        let from = at("signature.from", places.all(&signature.from, source))?;
        // What is left after this is kept with the events; a signature is not.
        let own_headers = std::mem::take(&mut places.headers);
        let time = signature.time.as_ref().map(|time| TimeRule::new(time, &mut places, source)).transpose();
        let time = at("signature.time", time)?.filter(|rule| rule.max_age_s > 0);
        let signed = signature.signed.0.iter().map(|text| Template::new(text, &mut places, source)).collect();
        let signed = at("signature.signed", signed)?;
        let any_of = |any: &String| places.any_of(any, source);
        let require = at("signature.require", signature.require.0.iter().map(any_of).collect())?;
        let only =
            |(place, letters): (&String, &String)| Ok((places.place(place, source)?, letter_set(letters)));
        let alphabet = at("signature.alphabet", signature.alphabet.iter().map(only).collect())?;
        let list_settings = at("signature.format", list_settings(&signature.format, source))?;
        let samples = at("signature.sample", Samples::new(&signature.samples, source))?;
        let prover = match &signature.proof {
            Proof::Certificate(proof) => {
                Prover::Certificates(at("cert_dir", Certificates::load(proof, &mut places, source))?)
            }
            Proof::Hmac(_) | Proof::Digest(_) | Proof::Token => {
                let (keys, encoding) = keys(definition, source)?;
                Prover::Keys(keys, encoding)
            }
        };
        places.headers.retain(|name| !own_headers.contains(name));
        Ok(Self {
            places,
            each,
            from,
            format: signature.format.clone(),
            list_settings,
            signed,
            prover,
            time,
            require,
            alphabet,
            sample_form: signature.sample_form.clone(),
            samples,
        })
    }

    /// The headers that are read beside the signature.
    pub(super) fn headers(&self) -> &[HeaderName] {
        &self.places.headers
    }

    /// Which secret's signature holds, counted from 0; of a webhook whose items are signed, the first item's.
    ///
    /// # Errors
    /// Why none does.
    pub(super) fn verify(&self, webhook: &Webhook<'_>, now: i64) -> Result<usize, Rejection> {
        let unreadable = |problem: String| Rejection::new("signature_malformed", problem);
        let envelope = read_if_asked(&self.places.envelope, webhook.body).map_err(unreadable)?;
        let Some(each) = &self.each else {
            let item = read_if_asked(&self.places.item, webhook.body).map_err(unreadable)?;
            return self.verify_item(&View { webhook, item, envelope, parts: Vec::new() }, now);
        };
        let mut first = None;
        for item in each.items(&envelope).map_err(unreadable)? {
            let item = read_if_asked(&self.places.item, item.as_bytes()).map_err(unreadable)?;
            let view = View { webhook, item, envelope: envelope.clone(), parts: Vec::new() };
            let position = self.verify_item(&view, now)?;
            first.get_or_insert(position);
        }
        first.ok_or_else(|| Rejection::new("signature_missing", "the list of events is empty"))
    }

    fn verify_item(&self, view: &View<'_>, now: i64) -> Result<usize, Rejection> {
        self.check_requirements(view)?;
        let text = view.first(&self.from).map_err(|missing| match missing {
            Missing::Absent => Rejection::new("signature_missing", "there is no signature"),
            Missing::Unreadable => {
                Rejection::new("signature_malformed", "the signature is there twice, or is no ASCII text")
            }
        })?;
        let received = self
            .format
            .read(&text, &self.places.parts, &self.list_settings)
            .map_err(|problem| Rejection::new("signature_malformed", problem))?;
        let view = View { parts: received.parts, ..view.clone() };
        let position = match &self.prover {
            Prover::Keys(keys, encoding) => {
                self.matching_key(keys, *encoding, &view, &received.candidates)?
            }
            Prover::Certificates(certificates) => {
                let text = self.signed_text(&view).map_err(|Unwritable| unwritable())?;
                let candidate = received.candidates.first().copied().unwrap_or_default();
                certificates.verify(&view, &text, candidate, now).map(|()| 0)?
            }
        };
        self.check_time(&view, now)?;
        Ok(position)
    }

    fn check_requirements(&self, view: &View<'_>) -> Result<(), Rejection> {
        for any in &self.require {
            view.first(any).map_err(|missing| {
                Rejection::new("requirement_missing", format!("{} {missing}", place_names(any)))
            })?;
        }
        for (place, letters) in &self.alphabet {
            let fits = |text: &str| text.bytes().all(|byte| letters.get(usize::from(byte)) == Some(&true));
            if !matches!(view.scalar(place, ""), Scalar::Text(text) if fits(&text)) {
                return Err(Rejection::new(
                    "signature_malformed",
                    "a signed field has characters it cannot have",
                ));
            }
        }
        Ok(())
    }

    /// Compares as text and in constant time, each candidate with each secret's proof of each template.
    fn matching_key(
        &self,
        keys: &[Key],
        encoding: Option<Encoding>,
        view: &View<'_>,
        candidates: &[&str],
    ) -> Result<usize, Rejection> {
        for (position, key) in keys.iter().enumerate() {
            for proof in self.proofs(key, encoding, view).map_err(|Unwritable| unwritable())? {
                let matches = |candidate: &&str| match encoding {
                    Some(Encoding::HexAnyCase) => {
                        bool::from(candidate.to_ascii_uppercase().as_bytes().ct_eq(&proof))
                    }
                    Some(Encoding::Hex | Encoding::Base64) | None => {
                        bool::from(candidate.as_bytes().ct_eq(&proof))
                    }
                };
                if candidates.iter().any(matches) {
                    return Ok(position);
                }
            }
        }
        let detail = format!("{} signature(s) tried with {} secret(s)", candidates.len(), keys.len());
        Err(Rejection::new("signature_mismatch", detail))
    }

    /// The texts that would prove the view's signed texts under `key`.
    fn proofs(
        &self,
        key: &Key,
        encoding: Option<Encoding>,
        view: &View<'_>,
    ) -> Result<Vec<Vec<u8>>, Unwritable> {
        if let Key::Token(_) = key {
            return Ok(vec![key.prove(|_, _| Ok(()))?]);
        }
        let prove = |template: &Template| {
            let proof = key.prove(|secret, sink| template.write(view, secret, sink))?;
            Ok(encoding.map_or_else(|| proof.clone(), |encoding| encoding.write(&proof).into_bytes()))
        };
        self.signed.iter().map(prove).collect()
    }

    /// The signed text as bytes; only for schemes whose text does not hold the body.
    fn signed_text(&self, view: &View<'_>) -> Result<Vec<u8>, Unwritable> {
        let mut text = Vec::new();
        for template in self.signed.iter().take(1) {
            template.write(view, "", &mut |piece| text.extend_from_slice(piece))?;
        }
        Ok(text)
    }

    fn check_time(&self, view: &View<'_>, now: i64) -> Result<(), Rejection> {
        let Some(rule) = &self.time else { return Ok(()) };
        let text = view
            .first(&rule.from)
            .map_err(|missing| Rejection::new("signature_malformed", format!("timestamp {missing}")))?;
        let signed_at = rule
            .unit
            .read(&text)
            .ok_or_else(|| Rejection::new("signature_malformed", "timestamp is unreadable"))?;
        let age_s = now.saturating_sub(signed_at.0.div_euclid(1_000_000));
        if age_s > rule.max_age_s {
            let detail = format!("signed {age_s} s ago; at most {} s are allowed", rule.max_age_s);
            return Err(Rejection::new("timestamp_stale", detail));
        }
        match rule.max_ahead_s {
            Some(limit_s) if age_s.saturating_neg() > limit_s => {
                let detail =
                    format!("signed {} s ahead of this clock; at most {limit_s} s are allowed", -age_s);
                Err(Rejection::new("timestamp_ahead", detail))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What makes `body` verify with the first secret. A scheme that signs with a certificate leaves it unsigned.
    pub(super) fn sign(&self, body: &Bytes, now: i64) -> Signed {
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

    fn render(&self, proof: &str, now: &str) -> String {
        let parts: Vec<_> = self.places.parts.iter().map(|name| (name.as_str(), now)).collect();
        self.format.render(proof, &parts, &self.list_settings)
    }
}

fn unwritable() -> Rejection {
    Rejection::new("signature_malformed", "a signed field is there twice, or is no text")
}

/// Does not parse a body of which nothing is read.
fn read_if_asked<'a>(reader: &Reader, json: &'a [u8]) -> Result<Fields<'a>, String> {
    if reader.is_empty() { Ok(Fields::default()) } else { reader.read(json) }
}

fn keys(definition: &Definition, source: &SourceSettings) -> Result<(Vec<Key>, Option<Encoding>), Mistake> {
    let mut keys = Vec::with_capacity(source.secrets.len());
    for (position, secret) in source.secrets.iter().enumerate() {
        let problem = |problem: String| ("secrets".to_owned(), format!("secret {} {problem}", position + 1));
        if secret.expose().is_empty() {
            return Err(problem("is empty".to_owned()));
        }
        keys.push(match &definition.signature.proof {
            Proof::Hmac(hmac) => {
                let encoding = key_encoding(hmac, source)?;
                Key::hmac(hmac.hash, encoding, &definition.secret_prefix, secret).map_err(problem)?
            }
            Proof::Digest(digest) => match digest.hash {
                Hash::Sha512 => Key::Sha512(secret.clone()),
                Hash::Sha1 | Hash::Sha256 => {
                    return Err(("signature.proof".to_owned(), "digest knows only sha512".to_owned()));
                }
            },
            Proof::Token | Proof::Certificate(_) => Key::Token(secret.clone()),
        });
    }
    if keys.is_empty() {
        return Err(("secrets".to_owned(), "expected at least one secret".to_owned()));
    }
    let encoding = match &definition.signature.proof {
        Proof::Hmac(hmac) => Some(hmac.encoding),
        Proof::Digest(digest) => Some(digest.encoding),
        Proof::Token | Proof::Certificate(_) => None,
    };
    Ok((keys, encoding))
}

/// The key's encoding, which may be a param of the source.
pub(super) fn key_encoding(hmac: &HmacProof, source: &SourceSettings) -> Result<KeyEncoding, Mistake> {
    let key = || "signature.proof.hmac.key".to_owned();
    let word = match hmac.key.strip_prefix("param:") {
        None => Cow::Borrowed(&hmac.key),
        Some(name) => Cow::Owned(
            source
                .params
                .get(name)
                .cloned()
                .ok_or_else(|| (key(), format!("param `{name}` is not declared")))?,
        ),
    };
    match word.as_str() {
        "text" => Ok(KeyEncoding::Text),
        "raw" => Ok(KeyEncoding::Raw),
        "hex" => Ok(KeyEncoding::Hex),
        "base64" => Ok(KeyEncoding::Base64),
        "sha1-of-text" => Ok(KeyEncoding::Sha1OfText),
        other => Err((key(), format!("unknown `{other}`; expected text, raw, hex, base64 or sha1-of-text"))),
    }
}

/// The `where` of a list format, with params filled in.
fn list_settings(format: &Format, source: &SourceSettings) -> Result<Vec<(String, String)>, String> {
    let Format::List(list) = format else { return Ok(Vec::new()) };
    list.only
        .iter()
        .map(|(field, wanted)| match wanted.strip_prefix("param:") {
            None => Ok((field.clone(), wanted.clone())),
            Some(name) => {
                let value =
                    source.params.get(name).ok_or_else(|| format!("param `{name}` is not declared"))?;
                Ok((field.clone(), value.clone()))
            }
        })
        .collect()
}

/// `A-Za-z0-9+` as a table of bytes.
fn letter_set(letters: &str) -> Vec<bool> {
    let bytes = letters.as_bytes();
    let is_listed = |byte: u8| {
        bytes.contains(&byte) && byte != b'-'
            || bytes
                .windows(3)
                .any(|range| matches!(range, [from, b'-', to] if (*from..=*to).contains(&byte)))
    };
    (0..=u8::MAX).map(is_listed).collect()
}

fn place_names(places: &[Place]) -> String {
    let name = |place: &Place| match place {
        Place::Header(name) => format!("header {name}"),
        Place::Query(name) => format!("query field {name}"),
        Place::Form(name) => format!("form field {name}"),
        Place::Body | Place::Crc32 | Place::Digest => "body".to_owned(),
        Place::LastPart(place) => place_names(std::slice::from_ref(place)),
        Place::Field(_) | Place::Envelope(_) => "a field of the body".to_owned(),
        Place::Part(_) | Place::Setting(_) | Place::Secret => "a part of the signature".to_owned(),
    };
    places.iter().map(name).collect::<Vec<_>>().join(" or ")
}
