//! A request, opened: what selectors find in it.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::super::Webhook;
use super::selector::Selector;
use super::sorted::sorted;
use super::values::{Fields, Scalar};

/// A request, opened as far as selectors need it.
#[derive(Debug, Clone)]
pub(in crate::provider) struct View<'a> {
    pub(in crate::provider) webhook: &'a Webhook<'a>,
    pub(in crate::provider) item: Fields<'a>,
    pub(in crate::provider) envelope: Fields<'a>,
    pub(in crate::provider) parts: Vec<Option<&'a str>>,
}

impl<'a> View<'a> {
    /// What a selector finds. A header, query or form field that is there twice is unreadable: which counts would be a guess.
    pub(in crate::provider) fn scalar(&'a self, selector: &'a Selector) -> Scalar<'a> {
        self.scalar_with(selector, "")
    }

    /// The same where the secret may be asked for, which only a signed text does.
    pub(in crate::provider) fn scalar_with(&'a self, selector: &'a Selector, secret: &'a str) -> Scalar<'a> {
        match selector {
            Selector::Field(slot) => self.item.scalar(*slot),
            Selector::Envelope(slot) => self.envelope.scalar(*slot),
            Selector::Header(name) => self.header(name.as_str()),
            Selector::Named(selector) => match self.scalar_with(selector, secret) {
                Scalar::Text(names) => self.headers_named(&names),
                other @ (Scalar::Absent | Scalar::Unreadable) => other,
            },
            Selector::Sorted => {
                sorted(self.webhook.body).map_or(Scalar::Unreadable, |text| Scalar::Text(Cow::Owned(text)))
            }
            Selector::Query(name) => {
                let query = self.webhook.path_and_query.split_once('?').map_or("", |(_, query)| query);
                only(query.as_bytes(), name)
            }
            // A form cannot begin with a brace: that is JSON, in whose texts anything may look like a field.
            Selector::Form(_) if self.webhook.body.trim_ascii_start().starts_with(b"{") => Scalar::Absent,
            Selector::Form(name) => only(self.webhook.body, name),
            Selector::Part(at) => self
                .parts
                .get(*at)
                .copied()
                .flatten()
                .map_or(Scalar::Absent, |text| Scalar::Text(Cow::Borrowed(text))),
            Selector::Setting(value) => Scalar::Text(Cow::Borrowed(value)),
            Selector::Secret => Scalar::Text(Cow::Borrowed(secret)),
            Selector::Body => Scalar::Text(match std::str::from_utf8(self.webhook.body) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(self.webhook.body),
            }),
            Selector::Crc32 => Scalar::Text(Cow::Owned(crc32fast::hash(self.webhook.body).to_string())),
            Selector::Digest => Scalar::Text(Cow::Owned(hex::encode(Sha256::digest(self.webhook.body)))),
            Selector::FirstPart(selector) => {
                self.scalar_with(selector, secret).map(|text| text.split('-').next().map(str::to_owned))
            }
            Selector::LastPart(selector) => {
                self.scalar_with(selector, secret).map(|url| url.rsplit('/').next().map(str::to_owned))
            }
        }
    }

    fn header(&self, name: &str) -> Scalar<'a> {
        let mut values = self.webhook.headers.get_all(name).iter();
        let first = values.next().map(http::HeaderValue::to_str);
        match (first, values.next()) {
            (None, _) => Scalar::Absent,
            (Some(Ok(text)), None) => Scalar::Text(Cow::Borrowed(text)),
            (Some(_), _) => Scalar::Unreadable,
        }
    }

    /// The values of some headers, joined with dots; one that is absent is empty.
    fn headers_named(&self, names: &str) -> Scalar<'a> {
        let value = |name: &str| match self.header(name) {
            Scalar::Text(text) => Some(text),
            Scalar::Absent => Some(Cow::Borrowed("")),
            Scalar::Unreadable => None,
        };
        let values: Option<Vec<_>> = names.split(' ').map(value).collect();
        values.map_or(Scalar::Unreadable, |values| Scalar::Text(Cow::Owned(values.join("."))))
    }

    /// The text of the first selector that finds one.
    ///
    /// # Errors
    /// [`Missing`] when none has.
    pub(in crate::provider) fn first(&'a self, selectors: &'a [Selector]) -> Result<Cow<'a, str>, Missing> {
        let mut missing = Missing::Absent;
        for selector in selectors {
            match self.scalar(selector) {
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
pub(in crate::provider) enum Missing {
    #[error("is missing")]
    Absent,
    #[error("is unreadable")]
    Unreadable,
}

/// The one value of a name in `a=b&c=d`.
pub(in crate::provider) fn only<'a>(form: &'a [u8], name: &str) -> Scalar<'a> {
    let mut values = form_urlencoded::parse(form).filter(|(own, _)| own == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Scalar::Absent,
        (Some(value), None) => Scalar::Text(value),
        (Some(_), Some(_)) => Scalar::Unreadable,
    }
}
