//! Signature schemes: a handful of building blocks, set by a definition's `[signature]` table.

mod certificate;
mod challenge;
mod format;
mod jws;
mod key;
mod proofs;
mod public_key;
mod template;
mod time;

use http::HeaderName;
use subtle::ConstantTimeEq;

pub use self::certificate::Certificates;
use self::challenge::Challenge;
use self::format::{ListSetting, Received, list_settings};
use self::jws::Jws;
pub(super) use self::key::key_encoding;
use self::key::{Key, keys};
use self::template::{Template, Unwritable};
use self::time::TimeRule;
use super::definition::{Definition, Encoding, Format, Proof};
use super::fields::Scalar;
use super::fields::{Each, Missing, Selector, Selectors, View};
use super::signing::Samples;
use super::{Mistake, Rejection, SourceSettings, Webhook, at};

/// A source's scheme, compiled: nothing of it is interpreted from text per request.
#[derive(Clone)]
pub(super) struct Scheme {
    pub(super) selectors: Selectors,
    pub(super) each: Option<Each>,
    pub(super) from: Vec<Selector>,
    format: Format,
    list_settings: Vec<ListSetting>,
    /// The same for what public keys prove, where the source has any.
    public_settings: Option<Vec<ListSetting>>,
    signed: Vec<Template>,
    prover: Prover,
    challenge: Option<Challenge>,
    time: Option<TimeRule>,
    require: Vec<Vec<Selector>>,
    alphabet: Vec<(Selector, Vec<bool>)>,
    pub(super) sample_form: Option<String>,
    pub(super) samples: Samples,
}

/// What a candidate is held against.
#[derive(Clone)]
enum Prover {
    /// Each secret's own proof, as text in this encoding, or as it is.
    Keys(Vec<Key>, Option<Encoding>),
    Certificates(Certificates),
    /// The signature carries its certificates, and the text.
    Jws(Jws),
}

impl Prover {
    fn has_public_keys(&self) -> bool {
        matches!(self, Self::Keys(keys, _) if keys.iter().any(|key| matches!(key, Key::Public(_))))
    }
}

impl Scheme {
    /// Compiles a definition's scheme for a source.
    ///
    /// # Errors
    /// The key and what was expected, as `signature.time: ..` for the definition's mistakes and `secrets: ..` for the source's.
    pub(super) fn new(definition: &Definition, source: &SourceSettings) -> Result<Self, Mistake> {
        let signature = &definition.signature;
        let mut selectors = Selectors::default();
        let each =
            signature.each.as_ref().map(|pointer| Each::new(pointer, &mut selectors.envelope)).transpose();
        let each = at("signature.each", each)?;
        let from = at("signature.from", selectors.all(&signature.from, source))?;
        // What is left after this is kept with the events; a signature is not.
        let own_headers = std::mem::take(&mut selectors.headers);
        let time =
            signature.time.as_ref().map(|time| TimeRule::new(time, &mut selectors, source)).transpose();
        let time = at("signature.time", time)?.filter(|rule| rule.max_age_s > 0);
        let signed =
            signature.signed.0.iter().map(|text| Template::new(text, &mut selectors, source)).collect();
        let signed = at("signature.signed", signed)?;
        let any_of = |any: &String| selectors.any_of(any, source);
        let require = at("signature.require", signature.require.0.iter().map(any_of).collect())?;
        let only = |(selector, letters): (&String, &String)| {
            Ok((selectors.compile(selector, source)?, letter_set(letters)))
        };
        let alphabet = at("signature.alphabet", signature.alphabet.iter().map(only).collect())?;
        let public = signature.public_key.as_ref();
        let public_settings = public.map(|public| list_settings(&public.only, source)).transpose();
        let public_settings = at("signature.public_key", public_settings)?;
        let list_settings = match &signature.format {
            Format::List(list) => at("signature.format", list_settings(&list.only, source))?,
            Format::Plain(_) | Format::Pairs(_) | Format::Sequence(_) => Vec::new(),
        };
        let samples = at("signature.sample", Samples::new(&signature.samples, source))?;
        let prover = match &signature.proof {
            Proof::Certificate(proof) => {
                Prover::Certificates(at("cert_dir", Certificates::load(proof, &mut selectors, source))?)
            }
            Proof::Jws(proof) => Prover::Jws(at("cert_dir", Jws::load(proof, source))?),
            Proof::Hmac(_) | Proof::Digest(_) | Proof::Token | Proof::PublicKey(_) => {
                let (keys, encoding) = keys(definition, source)?;
                Prover::Keys(keys, encoding)
            }
        };
        selectors.headers.retain(|name| !own_headers.contains(name));
        Ok(Self {
            selectors,
            each,
            from,
            format: signature.format.clone(),
            list_settings,
            public_settings: public_settings.filter(|_| prover.has_public_keys()),
            signed,
            prover,
            challenge: signature.challenge.as_ref().map(Challenge::new),
            time,
            require,
            alphabet,
            sample_form: signature.sample_form.clone(),
            samples,
        })
    }

    /// The headers that are read beside the signature.
    pub(super) fn headers(&self) -> &[HeaderName] {
        &self.selectors.headers
    }

    /// The certificates that its provider signs with, if it does.
    pub(super) fn certificates(&self) -> Option<&Certificates> {
        match &self.prover {
            Prover::Certificates(certificates) => Some(certificates),
            Prover::Keys(..) | Prover::Jws(_) => None,
        }
    }

    /// How many secrets a signature is held against; certificates count as one.
    pub(super) fn secrets(&self) -> usize {
        match &self.prover {
            Prover::Keys(keys, _) => keys.len(),
            Prover::Certificates(_) | Prover::Jws(_) => 1,
        }
    }

    /// Which secret's signature holds, counted from 0; of a webhook whose items are signed, the first item's.
    ///
    /// # Errors
    /// Why none does.
    pub(super) fn verify(&self, webhook: &Webhook<'_>, now: i64) -> Result<usize, Rejection> {
        let unreadable = |problem: String| Rejection::new("signature_malformed", problem);
        let envelope = self.selectors.envelope.read_if_asked(webhook.body).map_err(unreadable)?;
        let Some(each) = &self.each else {
            let item = self.selectors.item.read_if_asked(webhook.body).map_err(unreadable)?;
            return self.verify_item(&View { webhook, item, envelope, parts: Vec::new() }, now);
        };
        let mut first = None;
        for item in each.items(&envelope).map_err(unreadable)? {
            let item = self.selectors.item.read_if_asked(item.as_bytes()).map_err(unreadable)?;
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
        let mut received = self
            .format
            .read(&text, &self.selectors.parts, &self.list_settings, self.public_settings.as_deref())
            .map_err(|problem| Rejection::new("signature_malformed", problem))?;
        let view = View { parts: std::mem::take(&mut received.parts), ..view.clone() };
        self.refuse_a_challenge(&view)?;
        let position = match &self.prover {
            Prover::Keys(keys, encoding) => self.matching_key(keys, *encoding, &view, &received)?,
            Prover::Certificates(certificates) => {
                let text = self.signed_text(&view).map_err(|Unwritable| unwritable())?;
                let candidate = received.candidates.first().copied().unwrap_or_default();
                certificates.verify(&view, &text, candidate, now).map(|()| 0)?
            }
            Prover::Jws(jws) => {
                let candidate = received.candidates.first().copied().unwrap_or_default();
                jws.verify(candidate, now).map(|()| 0)?
            }
        };
        self.time.as_ref().map_or(Ok(()), |rule| rule.check(&view, now))?;
        Ok(position)
    }

    fn check_requirements(&self, view: &View<'_>) -> Result<(), Rejection> {
        for any in &self.require {
            view.first(any).map_err(|missing| {
                Rejection::new("requirement_missing", format!("{} {missing}", selector_names(any)))
            })?;
        }
        for (selector, letters) in &self.alphabet {
            let fits = |text: &str| text.bytes().all(|byte| letters.get(usize::from(byte)) == Some(&true));
            if !matches!(view.scalar(selector), Scalar::Text(text) if fits(&text)) {
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
        Received { candidates, for_public_keys, .. }: &Received<'_>,
    ) -> Result<usize, Rejection> {
        for (position, key) in keys.iter().enumerate() {
            if let Key::Public(key) = key {
                let text = self.signed_text(view).map_err(|Unwritable| unwritable())?;
                let encoding = encoding.unwrap_or(Encoding::Base64);
                let signatures = if self.public_settings.is_some() { for_public_keys } else { candidates };
                if signatures.iter().any(|signature| key.verifies(&text, signature, encoding)) {
                    return Ok(position);
                }
                continue;
            }
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
        let tried = candidates.len() + for_public_keys.len();
        let detail = format!("{tried} signature(s) tried with {} secret(s)", keys.len());
        Err(Rejection::new("signature_mismatch", detail))
    }
}

fn unwritable() -> Rejection {
    Rejection::new("signature_malformed", "a signed field is there twice, or is no text")
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

fn selector_names(selectors: &[Selector]) -> String {
    let name = |selector: &Selector| match selector {
        Selector::Header(name) => format!("header {name}"),
        Selector::Query(name) => format!("query field {name}"),
        Selector::Form(name) => format!("form field {name}"),
        Selector::Body | Selector::Crc32 | Selector::Digest | Selector::Sorted => "body".to_owned(),
        Selector::Named(_) => "the headers that the signature names".to_owned(),
        Selector::FirstPart(selector) | Selector::LastPart(selector) => {
            selector_names(std::slice::from_ref(selector))
        }
        Selector::Field(_) | Selector::Envelope(_) => "a field of the body".to_owned(),
        Selector::Part(_) | Selector::Setting(_) | Selector::Secret => "a part of the signature".to_owned(),
    };
    selectors.iter().map(name).collect::<Vec<_>>().join(" or ")
}
