//! Reads a few fields of a JSON document in one pass over its bytes.
//!
//! The pointers of a definition are compiled once into a tree. A walk descends only where the tree does, keeps the JSON
//! text of the values it was asked for (numbers exactly as spelled) and skips everything else without building it.
//! Skipping does not recurse, so depth costs no stack. Beside members and positions a step may be `[rel=up]`: the element of
//! a list whose member `rel` is `up`. A member that is asked for and occurs twice is refused: which of
//! the two counts would be a guess.

use serde::de::DeserializeSeed as _;

use super::tree::{Node, Slot};
use super::values::Fields;
use super::walk::Walk;

/// Pointers, compiled.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct FieldReader {
    root: Node,
    pointers: Vec<String>,
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
        if !pointer.starts_with('/') {
            return Err(format!("`{pointer}` is not a JSON pointer; expected `/member/member`"));
        }
        let slot = Slot(self.pointers.len());
        self.root.below(&steps(pointer))?.slot = Some(slot);
        self.pointers.push(pointer.to_owned());
        Ok(slot)
    }

    /// The member names on the way to a slot.
    pub(in crate::provider) fn steps(&self, slot: Slot) -> Vec<String> {
        self.pointers.get(slot.0).map_or_else(Vec::new, |pointer| steps(pointer))
    }

    /// Every pointer with its slot.
    pub(in crate::provider) fn slots(&self) -> impl Iterator<Item = (&str, Slot)> {
        self.pointers.iter().enumerate().map(|(slot, pointer)| (pointer.as_str(), Slot(slot)))
    }

    /// What is read of a document without any of the fields.
    pub(in crate::provider) fn nothing<'a>(&self) -> Fields<'a> {
        Fields::none(self.pointers.len())
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

/// The member names of a pointer.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}
