//! The events of a webhook that carries several.

use super::json::FieldReader;
use super::tree::Slot;
use super::values::Fields;

/// The most events of one webhook. The largest batches known hold some hundreds.
pub(in crate::provider) const ITEMS_MAX: usize = 1_000;

/// A list inside the body whose every element is an event: `/list/*` or `/list/*/member`.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Each {
    list: Slot,
    member: Option<(FieldReader, Slot)>,
}

impl Each {
    /// Compiles the pointer; the list is read with the envelope.
    ///
    /// # Errors
    /// What was expected.
    pub(in crate::provider) fn new(pointer: &str, envelope: &mut FieldReader) -> Result<Self, String> {
        let (list, member) =
            pointer.split_once("/*").ok_or_else(|| format!("`{pointer}` has no `*`; expected `/list/*`"))?;
        let member = if member.is_empty() {
            None
        } else {
            let mut reader = FieldReader::default();
            let slot = reader.slot(member)?;
            Some((reader, slot))
        };
        Ok(Self { list: envelope.slot(list)?, member })
    }

    /// The elements' exact JSON texts.
    ///
    /// # Errors
    /// Why there is no such list.
    pub(in crate::provider) fn items<'a>(&self, envelope: &Fields<'a>) -> Result<Vec<&'a str>, String> {
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
