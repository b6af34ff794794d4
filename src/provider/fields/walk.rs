//! The one pass over a document's bytes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::{Node, Slot};
use super::values::{Fields, Scalar};

/// One value of the document, at one node of the tree.
pub(super) struct Walk<'r, 'f, 'a> {
    pub(super) node: &'r Node,
    pub(super) fields: &'f mut Fields<'a>,
}

impl<'a> DeserializeSeed<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, value: D) -> Result<(), D::Error> {
        let Some(slot) = self.node.slot else { return value.deserialize_any(self) };
        let raw = <&RawValue as serde::Deserialize>::deserialize(value)?.get();
        self.fields.put(slot, raw);
        if self.node.children.is_empty() {
            return Ok(());
        }
        serde_json::Deserializer::from_str(raw).deserialize_any(self).map_err(D::Error::custom)
    }
}

impl<'a> Visitor<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = 0_u128;
        while let Some(child) = members.next_key_seed(Member(self.node))? {
            let Some(at) = child else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            let Some((name, node)) = self.node.children.get(at) else { continue };
            if seen & (1 << at) != 0 {
                return Err(A::Error::custom(format_args!("duplicate key `{name}`")));
            }
            seen |= 1 << at;
            members.next_value_seed(Walk { node, fields: &mut *self.fields })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
        if self.node.chosen().next().is_some() {
            return self.choose_elements(elements);
        }
        let mut index = 0_usize;
        loop {
            let child = self.node.children.iter().find(|(name, _)| name.parse() == Ok(index));
            let more = match child {
                Some((_, node)) => {
                    elements.next_element_seed(Walk { node, fields: &mut *self.fields })?.is_some()
                }
                None => elements.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
            index += 1;
        }
    }

    // A scalar where members were asked for has none of them.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

impl<'a> Walk<'_, '_, 'a> {
    fn choose_elements<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
        let choices = self.node.chosen();
        let mut choices: Vec<_> =
            choices.map(|(member, value, node)| (only(member), value, node, false)).collect();
        while let Some(element) = elements.next_element::<&RawValue>()? {
            for (member, value, node, is_found) in &mut choices {
                if scalar_of(element.get(), member) != Some(Scalar::Text(Cow::Borrowed(value))) {
                    continue;
                }
                // Which of two is meant would be a guess: neither can be read, and the rest of the document can.
                if std::mem::replace(is_found, true) {
                    self.fields.blur(node);
                    continue;
                }
                Walk { node, fields: &mut *self.fields }
                    .deserialize(&mut serde_json::Deserializer::from_str(element.get()))
                    .map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// A tree that asks for one member.
fn only(member: &str) -> Node {
    let leaf = Node { slot: Some(Slot(0)), children: Vec::new() };
    Node { slot: None, children: vec![(member.to_owned(), leaf)] }
}

/// The one member that `tree` asks for, of an object.
fn scalar_of<'a>(json: &'a str, tree: &Node) -> Option<Scalar<'a>> {
    let mut fields = Fields::none(1);
    let walk = Walk { node: tree, fields: &mut fields };
    walk.deserialize(&mut serde_json::Deserializer::from_str(json)).ok()?;
    json.starts_with('{').then(|| fields.scalar(Slot(0)))
}

/// The name of a member: which child of the node it is, if any.
struct Member<'r>(&'r Node);

impl<'a> DeserializeSeed<'a> for Member<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Member<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    // As bytes: a name that is no Unicode, which a buyer may have written, is no name that is asked for.
    fn visit_bytes<E>(self, name: &[u8]) -> Result<Option<usize>, E> {
        Ok(self.0.children.iter().position(|(own, _)| own.as_bytes() == name))
    }
}
