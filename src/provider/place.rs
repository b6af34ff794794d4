//! Where a text is: a header, a field of the body, a part of the signature, a setting. Compiled once, read per request.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::HeaderName;
use sha2::{Digest, Sha256};

use super::definition::Texts;
use super::reader::{Fields, Reader, Scalar, Slot};
use super::{SourceSettings, Webhook};

/// The most events of one webhook. The largest batches known hold some hundreds.
pub(super) const ITEMS_MAX: usize = 1_000;

/// Where a text is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// `/pointer`: a field of the event.
    Field(Slot),
    /// `envelope:/pointer`: a field of the body around the events.
    Envelope(Slot),
    /// `header:NAME`
    Header(HeaderName),
    /// `query:NAME`
    Query(String),
    /// `form:NAME`: a field of a form body.
    Form(String),
    /// `sig:NAME`: a part of the signature, by its index in [`Places::parts`].
    Part(usize),
    /// `url` and `param:NAME`: known once the source is.
    Setting(String),
    /// `secret`
    Secret,
    /// `body`; what is signed streams its bytes instead of asking for their text.
    Body,
    /// `crc32`: the body's CRC-32 as an unsigned decimal number.
    Crc32,
    /// `body-sha256`: for events that have no id.
    Digest,
    /// `last-part-of:PLACE`: what comes after the last `/` of a URL.
    LastPart(Box<Place>),
}

/// Everything that a part of a definition reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// Fields of the event, or of the body where it is one event.
    pub(super) item: Reader,
    /// Fields of the body around the events.
    pub(super) envelope: Reader,
    /// Headers.
    pub(super) headers: Vec<HeaderName>,
    /// Parts of the signature.
    pub(super) parts: Vec<String>,
}

impl Places {
    /// Compiles a place's text.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn place(&mut self, text: &str, source: &SourceSettings) -> Result<Place, String> {
        if text.starts_with('/') {
            return self.item.slot(text).map(Place::Field);
        }
        match text.split_once(':').unwrap_or((text, "")) {
            ("envelope", pointer) => self.envelope.slot(pointer).map(Place::Envelope),
            ("header", name) => {
                let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header name"))?;
                if !self.headers.contains(&name) {
                    self.headers.push(name.clone());
                }
                Ok(Place::Header(name))
            }
            ("query", name) if !name.is_empty() => Ok(Place::Query(name.to_owned())),
            ("form", name) if !name.is_empty() => Ok(Place::Form(name.to_owned())),
            ("sig", name) if !name.is_empty() => {
                let known = self.parts.iter().position(|part| part == name);
                Ok(Place::Part(known.unwrap_or_else(|| {
                    self.parts.push(name.to_owned());
                    self.parts.len() - 1
                })))
            }
            // The setting names the place; without one there is none.
            ("place-in-param", name) => match source.params.get(name) {
                None => Err(format!("param `{name}` is not declared under [params]")),
                Some(place) if place.is_empty() => Ok(Place::Setting(String::new())),
                Some(place) => {
                    self.place(place, source).map_err(|problem| format!("params.{name}: {problem}"))
                }
            },
            ("last-part-of", place) => Ok(Place::LastPart(Box::new(self.place(place, source)?))),
            ("param", name) => source
                .params
                .get(name)
                .map(|value| Place::Setting(value.clone()))
                .ok_or_else(|| format!("param `{name}` is not declared under [params]")),
            ("url", "") => Ok(Place::Setting(source.public_url.clone().unwrap_or_default())),
            ("secret", "") => Ok(Place::Secret),
            ("body", "") => Ok(Place::Body),
            ("crc32", "") => Ok(Place::Crc32),
            ("body-sha256", "") => Ok(Place::Digest),
            _ => Err(format!(
                "`{text}` is no place; expected /pointer, envelope:/pointer, header:NAME, query:NAME, form:NAME, sig:NAME, param:NAME, url, secret or body"
            )),
        }
    }

    /// Compiles a `when` table.
    ///
    /// # Errors
    /// As [`Places::place`].
    pub(super) fn conditions(
        &mut self,
        when: &BTreeMap<String, Texts>,
        source: &SourceSettings,
    ) -> Result<Vec<Condition>, String> {
        when.iter()
            .map(|(place, texts)| Ok(Condition { place: self.place(place, source)?, texts: texts.0.clone() }))
            .collect()
    }

    /// Compiles `a|b`: the first that is there.
    ///
    /// # Errors
    /// As [`Places::place`].
    pub(super) fn any_of(&mut self, texts: &str, source: &SourceSettings) -> Result<Vec<Place>, String> {
        texts.split('|').map(|text| self.place(text, source)).collect()
    }

    /// Compiles several.
    ///
    /// # Errors
    /// As [`Places::place`].
    pub(super) fn all(&mut self, texts: &Texts, source: &SourceSettings) -> Result<Vec<Place>, String> {
        texts.0.iter().map(|text| self.place(text, source)).collect()
    }
}

/// That a place holds one of some texts. `*` is anything, an empty text is nothing.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    place: Place,
    texts: Vec<String>,
}

impl Condition {
    /// Whether it does.
    pub(super) fn holds(&self, view: &View<'_>) -> bool {
        match view.scalar(&self.place) {
            Scalar::Text(text) if text.is_empty() => self.texts.iter().any(String::is_empty),
            Scalar::Text(text) => self.texts.iter().any(|own| *own == text || own == "*"),
            Scalar::Absent => self.texts.iter().any(String::is_empty),
            Scalar::Unreadable => self.texts.iter().any(|own| own == "*"),
        }
    }
}

/// A request, opened as far as places need it.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    pub(super) webhook: &'a Webhook<'a>,
    pub(super) item: Fields<'a>,
    pub(super) envelope: Fields<'a>,
    pub(super) parts: Vec<Option<&'a str>>,
}

impl<'a> View<'a> {
    /// What is at a place. A header, query or form field that is there twice is unreadable: which counts would be a guess.
    pub(super) fn scalar(&'a self, place: &'a Place) -> Scalar<'a> {
        self.scalar_with(place, "")
    }

    /// The same where the secret may be asked for, which only a signed text does.
    pub(super) fn scalar_with(&'a self, place: &'a Place, secret: &'a str) -> Scalar<'a> {
        match place {
            Place::Field(slot) => self.item.scalar(*slot),
            Place::Envelope(slot) => self.envelope.scalar(*slot),
            Place::Header(name) => {
                let mut values = self.webhook.headers.get_all(name).iter();
                let first = values.next().map(http::HeaderValue::to_str);
                match (first, values.next()) {
                    (None, _) => Scalar::Absent,
                    (Some(Ok(text)), None) => Scalar::Text(Cow::Borrowed(text)),
                    (Some(_), _) => Scalar::Unreadable,
                }
            }
            Place::Query(name) => {
                let query = self.webhook.path_and_query.split_once('?').map_or("", |(_, query)| query);
                only(query.as_bytes(), name)
            }
            Place::Form(name) => only(self.webhook.body, name),
            Place::Part(at) => self
                .parts
                .get(*at)
                .copied()
                .flatten()
                .map_or(Scalar::Absent, |text| Scalar::Text(Cow::Borrowed(text))),
            Place::Setting(value) => Scalar::Text(Cow::Borrowed(value)),
            Place::Secret => Scalar::Text(Cow::Borrowed(secret)),
            Place::Body => Scalar::Text(match std::str::from_utf8(self.webhook.body) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(self.webhook.body),
            }),
            Place::Crc32 => Scalar::Text(Cow::Owned(crc32fast::hash(self.webhook.body).to_string())),
            Place::Digest => Scalar::Text(Cow::Owned(hex::encode(Sha256::digest(self.webhook.body)))),
            Place::LastPart(place) => match self.scalar_with(place, secret) {
                Scalar::Text(url) => Scalar::Text(
                    url.rsplit('/').next().map(|part| Cow::Owned(part.to_owned())).unwrap_or_default(),
                ),
                other @ (Scalar::Absent | Scalar::Unreadable) => other,
            },
        }
    }

    /// The text of the first place that has one.
    ///
    /// # Errors
    /// [`Missing`] when none has.
    pub(super) fn first(&'a self, places: &'a [Place]) -> Result<Cow<'a, str>, Missing> {
        let mut missing = Missing::Absent;
        for place in places {
            match self.scalar(place) {
                Scalar::Text(text) if !text.is_empty() => return Ok(text),
                Scalar::Text(_) | Scalar::Absent => {}
                Scalar::Unreadable => missing = Missing::Unreadable,
            }
        }
        Err(missing)
    }
}

/// Why there is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error("is missing")]
    Absent,
    #[error("is unreadable")]
    Unreadable,
}

/// The one value of a name in `a=b&c=d`.
pub(super) fn only<'a>(form: &'a [u8], name: &str) -> Scalar<'a> {
    let mut values = form_urlencoded::parse(form).filter(|(own, _)| own == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Scalar::Absent,
        (Some(value), None) => Scalar::Text(value),
        (Some(_), Some(_)) => Scalar::Unreadable,
    }
}

/// A list inside the body whose every element is an event: `/list/*` or `/list/*/member`.
#[derive(Debug, Clone)]
pub(super) struct Each {
    list: Slot,
    member: Option<(Reader, Slot)>,
}

impl Each {
    /// Compiles the pointer; the list is read with the envelope.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn new(pointer: &str, envelope: &mut Reader) -> Result<Self, String> {
        let (list, member) =
            pointer.split_once("/*").ok_or_else(|| format!("`{pointer}` has no `*`; expected `/list/*`"))?;
        let member = if member.is_empty() {
            None
        } else {
            let mut reader = Reader::default();
            let slot = reader.slot(member)?;
            Some((reader, slot))
        };
        Ok(Self { list: envelope.slot(list)?, member })
    }

    /// The elements' exact JSON texts.
    ///
    /// # Errors
    /// Why there is no such list.
    pub(super) fn items<'a>(&self, envelope: &Fields<'a>) -> Result<Vec<&'a str>, String> {
        let list = envelope.json(self.list).ok_or("the list of events is missing")?;
        let elements: Vec<&'a serde_json::value::RawValue> =
            serde_json::from_str(list).map_err(|_| "the list of events is no list")?;
        if elements.len() > ITEMS_MAX {
            return Err(format!("more than {ITEMS_MAX} events in one webhook"));
        }
        elements
            .into_iter()
            .map(|element| match &self.member {
                None => Ok(element.get()),
                Some((reader, slot)) => reader
                    .read(element.get().as_bytes())?
                    .json(*slot)
                    .ok_or_else(|| "an event of the list is empty".to_owned()),
            })
            .collect()
    }
}
