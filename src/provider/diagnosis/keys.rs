//! A JSON document with its keys in another order.

use std::collections::BTreeMap;

use super::json::{AS_SPELLED, Layout, PLAIN, rewritten, string_length};

/// Fewer keys are in order by chance.
const SORTED_KEYS_MIN: usize = 6;

/// The document without spaces, the keys of its objects in alphabetical order; `None` if it is no JSON. It does not
/// recurse: what is open is kept in a list, so that depth costs no stack.
pub(super) fn sorted(json: &str) -> Option<String> {
    let compact = rewritten(json, Layout::Compact, AS_SPELLED)?;
    let mut open: Vec<Open> = Vec::new();
    let mut rest = compact.as_str();
    loop {
        let (token, after) = rest.split_at_checked(token_length(rest)?)?;
        rest = after;
        let value = match token {
            "{" => {
                open.push(Open::Object { key: None, members: BTreeMap::new() });
                continue;
            }
            "[" => {
                open.push(Open::Array(Vec::new()));
                continue;
            }
            "," | ":" => continue,
            "}" | "]" => open.pop()?.written(),
            text => match open.last_mut() {
                Some(Open::Object { key: key @ None, .. }) => {
                    *key = Some(serde_json::from_str(text).ok()?);
                    continue;
                }
                Some(Open::Object { .. } | Open::Array(_)) | None => text.to_owned(),
            },
        };
        match open.last_mut() {
            None => return Some(value),
            Some(Open::Array(elements)) => elements.push(value),
            Some(Open::Object { key, members }) => drop(members.insert(key.take()?, value)),
        }
    }
}

/// A list or an object whose end has not come.
enum Open {
    Array(Vec<String>),
    Object { key: Option<String>, members: BTreeMap<String, String> },
}

impl Open {
    fn written(self) -> String {
        match self {
            Self::Array(elements) => format!("[{}]", elements.join(",")),
            Self::Object { members, .. } => {
                let member = |(key, value)| format!("{}:{value}", serde_json::Value::from(key));
                format!("{{{}}}", members.into_iter().map(member).collect::<Vec<String>>().join(","))
            }
        }
    }
}

/// The length of what compact JSON begins with: a sign, a string, a number or a word.
fn token_length(json: &str) -> Option<usize> {
    match json.as_bytes().first()? {
        b'"' => string_length(json),
        b'{' | b'}' | b'[' | b']' | b',' | b':' => Some(1),
        _ => Some(json.find(['}', ']', ',']).unwrap_or(json.len())),
    }
}

/// Whether all objects have their keys in alphabetical order, and there are enough of them to be no chance.
pub(super) fn has_sorted_keys(json: &str) -> bool {
    let keys = json.matches("\":").count();
    keys >= SORTED_KEYS_MIN
        && rewritten(json, Layout::Compact, PLAIN).is_some_and(|own| {
            sorted(json).and_then(|text| rewritten(&text, Layout::Compact, PLAIN)) == Some(own)
        })
}
