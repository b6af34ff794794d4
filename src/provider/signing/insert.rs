//! Puts a signature inside a JSON body, for providers that keep it there. Only a sender needs this.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Replaces or adds the text at `path`; every other byte stays.
pub(super) fn set_text(json: &str, path: &[&str], text: &str) -> Option<String> {
    let (step, rest) = path.split_first()?;
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    let quoted = |text: &str| serde_json::to_string(text).ok();
    match members.get(*step) {
        Some(old) => {
            let new = if rest.is_empty() { quoted(text)? } else { set_text(old.get(), rest, text)? };
            Some(replace_part(json, old.get(), &new))
        }
        None => {
            let mut new = quoted(text)?;
            for step in path.iter().skip(1).rev() {
                new = format!("{{{}:{new}}}", quoted(step)?);
            }
            let (open, inside) = json.split_at(json.find('{')? + 1);
            let comma = if members.is_empty() { "" } else { "," };
            Some(format!("{open}{}:{new}{comma}{inside}", quoted(step)?))
        }
    }
}

/// Replaces `part`, which is a slice of `whole`, wherever else the same text may occur.
pub(in crate::provider) fn replace_part(whole: &str, part: &str, new: &str) -> String {
    let from = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    let before = whole.get(..from).unwrap_or_default();
    let after = whole.get(from + part.len()..).unwrap_or_default();
    format!("{before}{new}{after}")
}

#[cfg(test)]
mod tests {
    use super::set_text;

    #[test]
    fn a_signature_is_replaced_or_added_and_nothing_else_changes() {
        for (json, expected) in [
            (r#"{ "x":"old", "a" : {"b": "old"} }"#, r#"{ "x":"old", "a" : {"b": "new\""} }"#),
            (r#"{"a":{"z": 1.0}}"#, r#"{"a":{"b":"new\"","z": 1.0}}"#),
            (r#"{"z":1}"#, r#"{"a":{"b":"new\""},"z":1}"#),
            ("{}", r#"{"a":{"b":"new\""}}"#),
        ] {
            assert_eq!(set_text(json, &["a", "b"], "new\"").as_deref(), Some(expected));
        }
        assert_eq!(set_text("[]", &["a"], "x"), None);
    }
}
