//! What a document's fields hold: JSON texts, and scalars that facts are made of.

use std::borrow::Cow;

use super::tree::{Node, Slot};

/// The JSON texts of the values that were asked for and are there.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct Fields<'a>(Vec<Option<&'a str>>);

impl<'a> Fields<'a> {
    /// Fields that were kept apart from their document, as JSON texts in the order of the reader's slots.
    pub(in crate::provider) fn kept(texts: &'a [Option<String>]) -> Self {
        Self(texts.iter().map(Option::as_deref).collect())
    }

    /// So many fields, none of which is there.
    pub(super) fn none(count: usize) -> Self {
        Self(vec![None; count])
    }

    /// Notes the JSON text of a value.
    pub(super) fn put(&mut self, slot: Slot, json: &'a str) {
        if let Some(field) = self.0.get_mut(slot.0) {
            *field = Some(json);
        }
    }

    /// Makes everything at and below a node unreadable.
    pub(super) fn blur(&mut self, node: &Node) {
        if let Some(slot) = node.slot {
            self.put(slot, "[]");
        }
        for (_, child) in &node.children {
            self.blur(child);
        }
    }

    /// A value's JSON text.
    pub(in crate::provider) fn json(&self, slot: Slot) -> Option<&'a str> {
        self.0.get(slot.0).copied().flatten()
    }

    /// A value as a scalar.
    pub(in crate::provider) fn scalar(&self, slot: Slot) -> Scalar<'a> {
        self.json(slot).map_or(Scalar::Absent, Scalar::of)
    }
}

/// A JSON value, as far as facts are made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::provider) enum Scalar<'a> {
    /// Not there, or null.
    Absent,
    /// A string's text, a number as spelled, or `true` or `false`.
    Text(Cow<'a, str>),
    /// An object, an array, or a string that is no Unicode.
    Unreadable,
}

impl<'a> Scalar<'a> {
    /// The part of a text that `part` makes of it.
    pub(in crate::provider) fn map(self, part: impl FnOnce(&str) -> Option<String>) -> Self {
        match self {
            Self::Text(text) => part(&text).map_or(Self::Absent, |part| Self::Text(Cow::Owned(part))),
            other @ (Self::Absent | Self::Unreadable) => other,
        }
    }

    fn of(json: &'a str) -> Self {
        match json.as_bytes().first() {
            Some(b'n') | None => Self::Absent,
            Some(b'{' | b'[') => Self::Unreadable,
            Some(b'"') => match json.get(1..json.len() - 1) {
                Some(plain) if !plain.contains('\\') => Self::Text(Cow::Borrowed(plain)),
                Some(_) | None => serde_json::from_str::<String>(json)
                    .map_or(Self::Unreadable, |text| Self::Text(Cow::Owned(text))),
            },
            Some(_) => Self::Text(Cow::Borrowed(json)),
        }
    }
}
