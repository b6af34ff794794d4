//! Selectors: where a text is, in a header, a field of the body, a part of the signature, a setting. Compiled once.

use http::HeaderName;

use super::super::SourceSettings;
use super::super::definition::Texts;
use super::json::FieldReader;
use super::tree::Slot;

/// Where one text is.
#[derive(Debug, Clone)]
pub(in crate::provider) enum Selector {
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
    /// `sig:NAME`: a part of the signature, by its index in [`Selectors::parts`].
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
    /// `sorted-body`: the body as JSON with its members sorted.
    Sorted,
    /// `headers-named-by:SELECTOR`: the values of the headers whose names another selector lists, joined with dots.
    Named(Box<Selector>),
    /// `first-part-of:SELECTOR`: what comes before the first `-`.
    FirstPart(Box<Selector>),
    /// `last-part-of:SELECTOR`: what comes after the last `/` of a URL.
    LastPart(Box<Selector>),
}

/// Everything that a part of a definition reads.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct Selectors {
    /// Fields of the event, or of the body where it is one event.
    pub(in crate::provider) item: FieldReader,
    /// Fields of the body around the events.
    pub(in crate::provider) envelope: FieldReader,
    /// Headers.
    pub(in crate::provider) headers: Vec<HeaderName>,
    /// Parts of the signature.
    pub(in crate::provider) parts: Vec<String>,
}

impl Selectors {
    /// Compiles a selector's text.
    ///
    /// # Errors
    /// What was expected.
    pub(in crate::provider) fn compile(
        &mut self,
        text: &str,
        source: &SourceSettings,
    ) -> Result<Selector, String> {
        if text.starts_with('/') {
            return self.item.slot(text).map(Selector::Field);
        }
        match text.split_once(':').unwrap_or((text, "")) {
            ("envelope", pointer) => self.envelope.slot(pointer).map(Selector::Envelope),
            ("header", name) => {
                let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header name"))?;
                if !self.headers.contains(&name) {
                    self.headers.push(name.clone());
                }
                Ok(Selector::Header(name))
            }
            ("query", name) if !name.is_empty() => Ok(Selector::Query(name.to_owned())),
            ("form", name) if !name.is_empty() => Ok(Selector::Form(name.to_owned())),
            ("sig", name) if !name.is_empty() => {
                let known = self.parts.iter().position(|part| part == name);
                Ok(Selector::Part(known.unwrap_or_else(|| {
                    self.parts.push(name.to_owned());
                    self.parts.len() - 1
                })))
            }
            // The setting names the selector; without one nothing is found.
            ("selector-in-param", name) => match source.params.get(name) {
                None => Err(format!("param `{name}` is not declared under [params]")),
                Some(selector) if selector.is_empty() => Ok(Selector::Setting(String::new())),
                Some(selector) => {
                    self.compile(selector, source).map_err(|problem| format!("params.{name}: {problem}"))
                }
            },
            ("headers-named-by", selector) => Ok(Selector::Named(Box::new(self.compile(selector, source)?))),
            ("sorted-body", "") => Ok(Selector::Sorted),
            ("first-part-of", selector) => Ok(Selector::FirstPart(Box::new(self.compile(selector, source)?))),
            ("last-part-of", selector) => Ok(Selector::LastPart(Box::new(self.compile(selector, source)?))),
            ("param", name) => source
                .params
                .get(name)
                .map(|value| Selector::Setting(value.clone()))
                .ok_or_else(|| format!("param `{name}` is not declared under [params]")),
            ("url", "") => Ok(Selector::Setting(source.public_url.clone().unwrap_or_default())),
            ("secret", "") => Ok(Selector::Secret),
            ("body", "") => Ok(Selector::Body),
            ("crc32", "") => Ok(Selector::Crc32),
            ("body-sha256", "") => Ok(Selector::Digest),
            _ => Err(format!(
                "`{text}` is not a selector; expected /pointer, envelope:/pointer, header:NAME, query:NAME, form:NAME, sig:NAME, param:NAME, url, secret or body"
            )),
        }
    }

    /// Compiles `a|b`: the first that is there.
    ///
    /// # Errors
    /// As [`Selectors::compile`].
    pub(in crate::provider) fn any_of(
        &mut self,
        texts: &str,
        source: &SourceSettings,
    ) -> Result<Vec<Selector>, String> {
        texts.split('|').map(|text| self.compile(text, source)).collect()
    }

    /// Compiles several.
    ///
    /// # Errors
    /// As [`Selectors::compile`].
    pub(in crate::provider) fn all(
        &mut self,
        texts: &Texts,
        source: &SourceSettings,
    ) -> Result<Vec<Selector>, String> {
        texts.0.iter().map(|text| self.compile(text, source)).collect()
    }
}
