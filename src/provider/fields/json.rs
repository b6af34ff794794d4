//! Reads a few fields of a JSON document in one pass over its bytes.
//!
//! The pointers of a definition are compiled once into a tree. A walk descends only where the tree does, keeps the JSON
//! text of the values it was asked for (numbers exactly as spelled) and skips everything else without building it.
//! Skipping does not recurse, so depth costs no stack. Beside members and positions a step may be `[rel=up]`: the element of
//! a list whose member `rel` is `up`. A member that is asked for and occurs twice is refused: which of
//! the two counts would be a guess.

use std::borrow::Cow;

use serde::de::DeserializeSeed as _;

use super::walk::Walk;

/// The most different members of one object that a definition can ask for: one bit each while reading.
const MEMBERS_MAX: usize = 128;

/// Which of a reader's pointers a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) struct Slot(usize);

/// Pointers, compiled.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct FieldReader {
    root: Node,
    pointers: Vec<String>,
}

/// A step of some pointers.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) slot: Option<usize>,
    pub(super) children: Vec<(String, Node)>,
}

impl Node {
    /// The children of a list's elements that are chosen by a member: its name, its value, the child.
    pub(super) fn chosen(&self) -> impl Iterator<Item = (&str, &str, &Self)> {
        self.children.iter().filter_map(|(step, node)| {
            let (member, value) = step.strip_prefix('[')?.strip_suffix(']')?.split_once('=')?;
            Some((member, value, node))
        })
    }
}

impl FieldReader {
    /// Adds an RFC 6901 pointer, once however often it is asked for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::provider) fn slot(&mut self, pointer: &str) -> Result<Slot, String> {
        if let Some(known) = self.pointers.iter().position(|own| own == pointer) {
            return Ok(Slot(known));
        }
        let Some(path) = pointer.strip_prefix('/') else {
            return Err(format!("`{pointer}` is not a JSON pointer; expected `/member/member`"));
        };
        let mut node = &mut self.root;
        for step in path.split('/') {
            let name = step.replace("~1", "/").replace("~0", "~");
            let known = node.children.iter().position(|(own, _)| *own == name);
            let at = known.unwrap_or_else(|| {
                node.children.push((name, Node::default()));
                node.children.len() - 1
            });
            let members = node.children.len();
            match node.children.get_mut(at) {
                Some((_, child)) if members <= MEMBERS_MAX => node = child,
                Some(_) | None => {
                    return Err(format!("more than {MEMBERS_MAX} members of one object are read"));
                }
            }
        }
        let slot = self.pointers.len();
        node.slot = Some(slot);
        self.pointers.push(pointer.to_owned());
        Ok(Slot(slot))
    }

    /// The member names on the way to a slot.
    pub(in crate::provider) fn steps(&self, slot: Slot) -> Vec<String> {
        let pointer = self.pointers.get(slot.0).map_or("", String::as_str);
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
    }

    /// Every pointer with its slot.
    pub(in crate::provider) fn slots(&self) -> impl Iterator<Item = (&str, Slot)> {
        self.pointers.iter().enumerate().map(|(slot, pointer)| (pointer.as_str(), Slot(slot)))
    }

    /// What is read of a document without any of the fields.
    pub(in crate::provider) fn nothing<'a>(&self) -> Fields<'a> {
        Fields(vec![None; self.pointers.len()])
    }

    /// Whether nothing is asked for.
    pub(in crate::provider) fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }

    /// The fields of `json`, which is not looked at where nothing is asked for.
    ///
    /// # Errors
    /// As [`FieldReader::read`].
    pub(in crate::provider) fn read_if_asked<'a>(&self, json: &'a [u8]) -> Result<Fields<'a>, String> {
        if self.is_empty() { Ok(Fields::default()) } else { self.read(json) }
    }

    /// The fields of `json`.
    ///
    /// # Errors
    /// Why it is not one readable JSON object.
    pub(in crate::provider) fn read<'a>(&self, json: &'a [u8]) -> Result<Fields<'a>, String> {
        let text = std::str::from_utf8(json).map_err(|error| format!("body is not UTF-8: {error}"))?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err("body is not a JSON object".to_owned());
        }
        let mut fields = self.nothing();
        let mut json = serde_json::Deserializer::from_str(text);
        Walk { node: &self.root, fields: &mut fields }
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| format!("body is not readable JSON: {error}"))?;
        Ok(fields)
    }
}

/// The JSON texts of the values that were asked for and are there.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct Fields<'a>(pub(super) Vec<Option<&'a str>>);

impl<'a> Fields<'a> {
    /// Fields that were kept apart from their document, as JSON texts in the order of the reader's slots.
    pub(in crate::provider) fn kept(texts: &'a [Option<String>]) -> Self {
        Self(texts.iter().map(Option::as_deref).collect())
    }

    /// Makes everything at and below a node unreadable.
    pub(super) fn blur(&mut self, node: &Node) {
        if let Some(field) = node.slot.and_then(|slot| self.0.get_mut(slot)) {
            *field = Some("[]");
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
