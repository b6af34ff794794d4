//! Reads a few fields of a JSON document in one pass over its bytes.
//!
//! The pointers of a definition are compiled once into a tree. A walk descends only where the tree does, keeps the JSON
//! text of the values it was asked for (numbers exactly as spelled) and skips everything else without building it.
//! Skipping does not recurse, so depth costs no stack. Beside members and positions a step may be `[rel=up]`: the element of
//! a list whose member `rel` is `up`. A member that is asked for and occurs twice is refused: which of
//! the two counts would be a guess.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most different members of one object that a definition can ask for: one bit each while reading.
const MEMBERS_MAX: usize = 128;

/// Which of a reader's pointers a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// Pointers, compiled.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    root: Node,
    pointers: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    slot: Option<usize>,
    children: Vec<(String, Node)>,
}

impl Node {
    /// The children of a list's elements that are chosen by a member: its name, its value, the child.
    fn chosen(&self) -> impl Iterator<Item = (&str, &str, &Self)> {
        self.children.iter().filter_map(|(step, node)| {
            let (member, value) = step.strip_prefix('[')?.strip_suffix(']')?.split_once('=')?;
            Some((member, value, node))
        })
    }
}

impl Reader {
    /// Adds an RFC 6901 pointer, once however often it is asked for.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn slot(&mut self, pointer: &str) -> Result<Slot, String> {
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
    pub(super) fn steps(&self, slot: Slot) -> Vec<String> {
        let pointer = self.pointers.get(slot.0).map_or("", String::as_str);
        pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
    }

    /// What is read of a document without any of the fields.
    pub(super) fn nothing<'a>(&self) -> Fields<'a> {
        Fields(vec![None; self.pointers.len()])
    }

    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }

    /// How many fields are asked for.
    pub(super) fn count(&self) -> usize {
        self.pointers.len()
    }

    /// The fields of `json`.
    ///
    /// # Errors
    /// Why it is not one readable JSON object.
    pub(super) fn read<'a>(&self, json: &'a [u8]) -> Result<Fields<'a>, String> {
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
pub(super) struct Fields<'a>(Vec<Option<&'a str>>);

impl<'a> Fields<'a> {
    /// A value's JSON text.
    pub(super) fn json(&self, slot: Slot) -> Option<&'a str> {
        self.0.get(slot.0).copied().flatten()
    }

    /// A value as a scalar.
    pub(super) fn scalar(&self, slot: Slot) -> Scalar<'a> {
        self.json(slot).map_or(Scalar::Absent, Scalar::of)
    }
}

/// A JSON value, as far as facts are made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar<'a> {
    /// Not there, or null.
    Absent,
    /// A string's text, a number as spelled, or `true` or `false`.
    Text(Cow<'a, str>),
    /// An object, an array, or a string that is no Unicode.
    Unreadable,
}

impl<'a> Scalar<'a> {
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

/// One value of the document, at one node of the tree.
struct Walk<'r, 'f, 'a> {
    node: &'r Node,
    fields: &'f mut Fields<'a>,
}

impl<'a> DeserializeSeed<'a> for Walk<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, value: D) -> Result<(), D::Error> {
        let Some(slot) = self.node.slot else { return value.deserialize_any(self) };
        let raw = <&RawValue as serde::Deserialize>::deserialize(value)?.get();
        if let Some(field) = self.fields.0.get_mut(slot) {
            *field = Some(raw);
        }
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
        let mut seen = 0_u128;
        while let Some(element) = elements.next_element::<&RawValue>()? {
            for (at, (member, value, node)) in self.node.chosen().enumerate() {
                let mut probe = Reader::default();
                let slot = probe.slot(&format!("/{member}")).map_err(A::Error::custom)?;
                let own = probe.read(element.get().as_bytes()).map(|fields| fields.scalar(slot));
                if own != Ok(Scalar::Text(Cow::Borrowed(value))) {
                    continue;
                }
                if seen & (1 << at) != 0 {
                    return Err(A::Error::custom(format_args!("two elements where `{member}` is `{value}`")));
                }
                seen |= 1 << at;
                Walk { node, fields: &mut *self.fields }
                    .deserialize(&mut serde_json::Deserializer::from_str(element.get()))
                    .map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }
}

/// The name of a member: which child of the node it is, if any.
struct Member<'r>(&'r Node);

impl<'a> DeserializeSeed<'a> for Member<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Member<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.children.iter().position(|(own, _)| own == name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Scalar};
    use proptest::prelude::*;

    fn read(pointers: &[&str], json: &str) -> Result<Vec<Option<String>>, String> {
        let mut reader = Reader::default();
        let slots: Vec<_> = pointers.iter().map(|pointer| reader.slot(pointer).unwrap()).collect();
        let fields = reader.read(json.as_bytes())?;
        let text = |slot| match fields.scalar(slot) {
            Scalar::Text(text) => Some(text.into_owned()),
            Scalar::Absent => None,
            Scalar::Unreadable => Some("?".to_owned()),
        };
        Ok(slots.into_iter().map(text).collect())
    }

    fn one(pointer: &str, json: &str) -> Option<String> {
        read(&[pointer], json).unwrap().remove(0)
    }

    #[test]
    fn numbers_keep_their_spelling() {
        for number in ["1e400", "123456789012345678901234567890", "10.00", "-0", "1E2"] {
            assert_eq!(one("/a", &format!("{{\"a\": {number} }}")).as_deref(), Some(number));
        }
    }

    #[test]
    fn members_are_found_whatever_surrounds_them() {
        let json = r#"{"x":[{"a":{"b":"no"}}],"a":{"z":{},"b":"yes","c":[1,{"d":true}]},"e~/f":null}"#;
        assert_eq!(
            read(&["/a/b", "/a/c/1/d", "/a/c/0", "/e~0~1f", "/a/missing", "/a/z"], json).unwrap(),
            [Some("yes".into()), Some("true".into()), Some("1".into()), None, None, Some("?".into())]
        );
    }

    #[test]
    fn an_element_can_be_chosen_by_a_member() {
        let json = r#"{"l":[{"rel":"self","href":"a"},7,{"href":"b","rel":"up"}]}"#;
        assert_eq!(one("/l/[rel=up]/href", json).as_deref(), Some("b"));
        assert_eq!(one("/l/[rel=down]/href", json), None);
        assert!(
            read(&["/l/[rel=x]/href"], r#"{"l":[{"rel":"x"},{"rel":"x"}]}"#)
                .unwrap_err()
                .contains("two elements")
        );
    }

    #[test]
    fn a_field_can_be_read_both_whole_and_in_part() {
        let both = ["/a", "/a/id"];
        assert_eq!(read(&both, r#"{"a":"x"}"#).unwrap(), [Some("x".into()), None]);
        assert_eq!(read(&both, r#"{"a":{"id":"y"}}"#).unwrap(), [Some("?".into()), Some("y".into())]);
    }

    #[test]
    fn a_member_given_twice_is_refused_however_its_name_is_spelled() {
        assert!(read(&["/a/b"], r#"{"a":{"b":1,"\u0062":2}}"#).unwrap_err().contains("duplicate key `b`"));
        assert!(read(&["/a/b"], r#"{"a":{"b":1},"a":{}}"#).unwrap_err().contains("duplicate key `a`"));
        assert_eq!(one("/a", r#"{"a":1,"other":1,"other":2}"#).as_deref(), Some("1"));
    }

    #[test]
    fn what_is_not_one_json_object_is_refused() {
        for json in ["", "[]", "1", "null", "{", "{}x", "\u{feff}{}", "{\"a\":01}", "{'a':1}"] {
            assert!(read(&["/a"], json).is_err(), "{json:?}");
        }
        let mut reader = Reader::default();
        reader.slot("/a").unwrap();
        assert!(reader.read(b"{\"b\":\"\xff\"}").unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = "[".repeat(500_000) + &"]".repeat(500_000);
        assert_eq!(one("/a", &format!("{{\"b\":{deep},\"a\":7}}")).as_deref(), Some("7"));
        assert_eq!(one("/a", &format!("{{\"a\":{deep}}}")).as_deref(), Some("?"));
    }

    #[test]
    fn a_string_that_is_no_unicode_is_unreadable_only_where_it_is_read() {
        assert_eq!(one("/a", r#"{"a":"\ud800"}"#).as_deref(), Some("?"));
        assert_eq!(one("/a", r#"{"b":"\ud800","a":"\u0041"}"#).as_deref(), Some("A"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = Reader::default();
            reader.slot("/a/b").unwrap();
            let _ = reader.read(&bytes);
        }

        #[test]
        fn arbitrary_json_like_text_never_panics(text in r#"\{("[ab]"|[\[\]{}:,"\\0-9eEtrufalsn. -]){0,60}"#) {
            let mut reader = Reader::default();
            reader.slot("/a/b").unwrap();
            reader.slot("/a").unwrap();
            let _ = reader.read(text.as_bytes());
        }
    }
}
