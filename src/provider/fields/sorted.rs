//! JSON as some senders sign it: members sorted at every depth, no blanks, texts with the fewest escapes, numbers as they
//! are spelled.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deeper values are refused.
const DEPTH_MAX: usize = 32;

/// The canonical text, or nothing where `json` is no readable JSON, or names a member twice.
pub(super) fn sorted(json: &[u8]) -> Option<String> {
    let value: &RawValue = serde_json::from_slice(json).ok()?;
    let mut text = String::with_capacity(json.len());
    write(value.get(), &mut text, 0)?;
    Some(text)
}

fn write(json: &str, text: &mut String, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    match json.as_bytes().first()? {
        b'{' => {
            let mut members = serde_json::from_str::<Members<'_>>(json).ok()?.0;
            // As JavaScript sorts: by UTF-16.
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            let is_twice =
                members.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other));
            if is_twice {
                return None;
            }
            text.push('{');
            for (position, (name, value)) in members.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                text.push_str(&serde_json::to_string(&name).ok()?);
                text.push(':');
                write(value.get(), text, depth + 1)?;
            }
            text.push('}');
        }
        b'[' => {
            let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            text.push('[');
            for (position, element) in elements.into_iter().enumerate() {
                if position > 0 {
                    text.push(',');
                }
                write(element.get(), text, depth + 1)?;
            }
            text.push(']');
        }
        b'"' => text.push_str(&serde_json::to_string(&serde_json::from_str::<String>(json).ok()?).ok()?),
        _ => text.push_str(json),
    }
    Some(())
}

/// An object's members in their order, repeated ones too.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let value = map.next_value::<&'de RawValue>().map_err(A::Error::custom)?;
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        value.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::sorted;

    #[test]
    fn members_are_sorted_at_every_depth_and_numbers_keep_their_spelling() {
        let json = r#"{ "b": [ {"z": 1.50, "a": "\u00e9\/x"} ], "a": {"é": null, "Z": true, "A": 1e-7} }"#;
        let expected = r#"{"a":{"A":1e-7,"Z":true,"é":null},"b":[{"a":"é/x","z":1.50}]}"#;
        assert_eq!(sorted(json.as_bytes()).as_deref(), Some(expected));
    }

    #[test]
    fn what_cannot_be_one_text_is_refused() {
        for json in [r#"{"a":1,"a":2}"#, r#"{"a":1"#, "", &("[".repeat(40) + &"]".repeat(40))] {
            assert_eq!(sorted(json.as_bytes()), None, "{json}");
        }
    }
}
