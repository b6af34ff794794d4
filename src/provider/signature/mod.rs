//! Signature schemes: a handful of building blocks, set by a definition's `[signature]` table.

mod format;
mod key;
mod template;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use self::key::Key;
use self::template::{Template, Unwritable};
use super::definition::{
    Definition, Encoding, Format, Hash, HmacProof, KeyEncoding, Proof, SignatureTime, Unit,
};
use super::place::{Each, Missing, Place, Places, View};
use super::reader::{Fields, Scalar};
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
    keys: Vec<Key>,
    encoding: Option<Encoding>,
    time: Option<TimeRule>,
    require: Vec<Vec<Place>>,
    alphabet: Vec<(Place, Vec<bool>)>,
    sample: BTreeMap<String, String>,
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
        let any_of = |any: &String| any.split('|').map(|text| places.place(text, source)).collect();
        let require = at("signature.require", signature.require.0.iter().map(any_of).collect())?;
        let only =
            |(place, letters): (&String, &String)| Ok((places.place(place, source)?, letter_set(letters)));
        let alphabet = at("signature.alphabet", signature.alphabet.iter().map(only).collect())?;
        let list_settings = at("signature.format", list_settings(&signature.format, source))?;
        let (keys, encoding) = keys(definition, source)?;
        places.headers.retain(|name| !own_headers.contains(name));
        Ok(Self {
            places,
            each,
            from,
            format: signature.format.clone(),
            list_settings,
            signed,
            keys,
            encoding,
            time,
            require,
            alphabet,
            sample: signature.sample.clone(),
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
        let position = self.matching_key(&view, &received.candidates)?;
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
    fn matching_key(&self, view: &View<'_>, candidates: &[&str]) -> Result<usize, Rejection> {
        for (position, key) in self.keys.iter().enumerate() {
            for proof in self.proofs(key, view).map_err(|Unwritable| {
                Rejection::new("signature_malformed", "a signed field is there twice, or is no text")
            })? {
                let matches = |candidate: &&str| match self.encoding {
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
        let detail = format!("{} signature(s) tried with {} secret(s)", candidates.len(), self.keys.len());
        Err(Rejection::new("signature_mismatch", detail))
    }

    /// The texts that would prove the view's signed texts under `key`.
    fn proofs(&self, key: &Key, view: &View<'_>) -> Result<Vec<Vec<u8>>, Unwritable> {
        let text = |proof: Vec<u8>| match self.encoding {
            Some(encoding) => encoding.write(&proof).into_bytes(),
            None => proof,
        };
        if let Key::Token(_) = key {
            return Ok(vec![key.prove(|_, _| Ok(()))?]);
        }
        self.signed
            .iter()
            .map(|template| key.prove(|secret, sink| template.write(view, secret, sink)).map(text))
            .collect()
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

    /// Headers that make `body` verify with the first secret.
    pub(super) fn sign(&self, body: &Bytes, now: i64) -> Signed {
        let now = now.to_string();
        let id = hex::encode(Sha256::digest(body)).chars().take(32).collect::<String>();
        let fill = |text: &String| text.replace("{now}", &now).replace("{id}", &id);
        let mut headers: Vec<(String, String)> =
            self.sample.iter().map(|(name, text)| (name.clone(), fill(text))).collect();
        let sent: HeaderMap = headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        let webhook = Webhook { path_and_query: "/", headers: &sent, body };
        let fields = |reader: &super::reader::Reader| read_if_asked(reader, body).unwrap_or_default();
        let view = View {
            webhook: &webhook,
            item: fields(&self.places.item),
            envelope: fields(&self.places.envelope),
            parts: vec![Some(now.as_str()); self.places.parts.len()],
        };
        let parts: Vec<_> = self.places.parts.iter().map(|name| (name.as_str(), now.as_str())).collect();
        let proof = self.keys.first().and_then(|key| self.proofs(key, &view).ok()?.into_iter().next());
        if let (Some(proof), Some(Place::Header(name))) = (proof, self.from.first()) {
            let text = self.format.render(&String::from_utf8_lossy(&proof), &parts, &self.list_settings);
            headers.push((name.to_string(), text));
        }
        Signed { headers, body: body.clone() }
    }
}

/// Does not parse a body of which nothing is read.
fn read_if_asked<'a>(reader: &super::reader::Reader, json: &'a [u8]) -> Result<Fields<'a>, String> {
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
            Proof::Token => Key::Token(secret.clone()),
        });
    }
    if keys.is_empty() {
        return Err(("secrets".to_owned(), "expected at least one secret".to_owned()));
    }
    let encoding = match &definition.signature.proof {
        Proof::Hmac(hmac) => Some(hmac.encoding),
        Proof::Digest(digest) => Some(digest.encoding),
        Proof::Token => None,
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
        Place::Body => "body".to_owned(),
        Place::Field(_) | Place::Envelope(_) => "a field of the body".to_owned(),
        Place::Part(_) | Place::Setting(_) | Place::Secret => "a part of the signature".to_owned(),
    };
    places.iter().map(name).collect::<Vec<_>>().join(" or ")
}
