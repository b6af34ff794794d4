//! A body as text: how values and ids are written in it, and replaced.

use form_urlencoded::byte_serialize;
use rand::RngExt as _;

/// An id of the same shape: what is before its last `_` or `-` stays, so do its first character, where it is long enough, and what is neither letter
/// nor digit. Letters become those of hexadecimal numbers, which may be asked for.
pub(super) fn like(id: &str) -> String {
    let mut random = rand::rng();
    let kept = id.rfind(['_', '-']).map_or(1, |end| end + 1).min(id.len().saturating_sub(6));
    let new = |(place, character): (usize, char)| match character {
        _ if place < kept => character,
        // A number has no zero before it.
        '0'..='9' if place == 0 => char::from(random.random_range(b'1'..=b'9')),
        '0'..='9' => char::from(random.random_range(b'0'..=b'9')),
        'a'..='z' => char::from(random.random_range(b'a'..=b'f')),
        'A'..='Z' => char::from(random.random_range(b'A'..=b'F')),
        other => other,
    };
    id.char_indices().map(new).collect()
}

/// A body, and how values are written in it.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
}

impl<'a> Text<'a> {
    /// What begins with a brace is JSON, with a bracket XML, and everything else a form.
    pub(super) fn of(text: &'a str) -> Self {
        Self { text }
    }

    /// What means nothing and makes other bytes of it.
    pub(super) fn padding(&self) -> String {
        let random: u32 = rand::rng().random();
        match self.first() {
            Some('{' | '[' | '<') => {
                (0..u32::BITS).map(|bit| if random >> bit & 1 == 0 { ' ' } else { '\n' }).collect()
            }
            Some(_) | None => format!("&n={random}"),
        }
    }

    fn first(&self) -> Option<char> {
        self.text.trim_start().chars().next()
    }

    /// A value as this body has it.
    pub(super) fn write(&self, value: &str) -> String {
        match self.first() {
            Some('{' | '[') => {
                let quoted = serde_json::Value::from(value).to_string();
                quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
            }
            Some('<') => value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            Some(_) | None => byte_serialize(value.as_bytes()).collect(),
        }
    }
}

/// Replaces an id wherever it stands whole.
pub(super) fn replace_id(text: &str, old: &str, new: &str) -> String {
    replace(text, old, new, |before, after| !is_of_an_id(before) && !is_of_an_id(after))
}

/// Replaces `old` wherever it stands between such characters.
pub(super) fn replace(
    text: &str,
    old: &str,
    new: &str,
    fits: impl Fn(Option<char>, Option<char>) -> bool,
) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = Some(old).filter(|old| !old.is_empty()).and_then(|old| rest.find(old)) {
        let (before, from) = rest.split_at(found);
        let after = from.get(old.len()..).unwrap_or_default();
        let last = before.chars().next_back().or_else(|| written.chars().next_back());
        written.push_str(before);
        written.push_str(if fits(last, after.chars().next()) { new } else { old });
        rest = after;
    }
    written.push_str(rest);
    written
}

fn is_of_an_id(neighbour: Option<char>) -> bool {
    neighbour.is_some_and(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'))
}

/// Whether a number stands there for itself, and is no part of a date, a time or another number.
pub(super) fn is_a_number_between(before: Option<char>, after: Option<char>) -> bool {
    let begins = before.is_none_or(|character| "\":,[=> \n\t".contains(character));
    let ends = after.is_none_or(|character| "\",}]&< \r\n\t".contains(character));
    // The end of a time in a text, such as `10:11:20`.
    begins && ends && (before, after) != (Some(':'), Some('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_replaced_where_it_stands_whole() {
        let text = r#"{"id":"pi_1","secret":"pi_1_secret","of":["pi_1","pi_12"]}"#;
        let expected = r#"{"id":"pi_2","secret":"pi_1_secret","of":["pi_2","pi_12"]}"#;
        assert_eq!(replace_id(text, "pi_1", "pi_2"), expected);
        assert_eq!(replace("11", "1", "2", |_, _| true), "22");
        assert_eq!(replace("x", "", "2", |_, _| true), "x");
    }

    #[test]
    fn an_amount_is_no_part_of_a_time_or_of_another_number() {
        let text = r#"{"a":20,"b":"20","c":"10:11:20","d":"2020-01-20","e":120,"f":20.5}"#;
        let expected = r#"{"a":7,"b":"7","c":"10:11:20","d":"2020-01-20","e":120,"f":20.5}"#;
        assert_eq!(replace(text, "20", "7", is_a_number_between), expected);
    }

    #[test]
    fn a_new_id_has_the_shape_of_the_old_one() {
        let new = like("pi_3PlFix0003");
        assert!(new.starts_with("pi_") && new.len() == 13 && new != "pi_3PlFix0003", "{new}");
        let number = like("45078940001");
        assert!(number.starts_with('4') && number.parse::<u64>().is_ok() && number.len() == 11, "{number}");
        let uuid = like("00000009-c3e7-4add-a480-27bc5ce28a18");
        assert!(uuid.chars().all(|own| own.is_ascii_hexdigit() || own == '-'), "{uuid}");
        assert_eq!(like("1").len(), 1);
    }
}
