//! Bodies as text. Numbers are never read: an amount is shown with every digit that was sent.

use maud::{Markup, html};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::parts;

/// Bytes of a body that a page shows; all of it can be downloaded.
const SHOWN_MAX: usize = 64 * 1024;
/// Lines that are compared: more would be compared for too long.
const COMPARED_MAX: usize = 2_000;
/// How deep JSON is laid out; deeper parts stay on one line.
const DEPTH_MAX: usize = 32;

/// A body as text, laid out if it is JSON.
pub(super) fn shown(body: &[u8]) -> Markup {
    let text = laid_out(body);
    html! {
        pre tabindex="0" { (text) }
        @if body.len() > SHOWN_MAX { p class="hint" { "Its first " (SHOWN_MAX / 1024) " KiB." } }
    }
}

/// Two bodies side by side, with the lines marked that only one of them has.
pub(super) fn compare((one_name, one): (&str, &[u8]), (other_name, other): (&str, &[u8])) -> Markup {
    let (one, other) = (laid_out(one), laid_out(other));
    let of = |text: &str| text.lines().take(COMPARED_MAX).map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (of(&one), of(&other));
    let side = |name: &str, own: &[String], counterpart: &[String]| {
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for line in counterpart {
            *left.entry(line.as_str()).or_default() += 1;
        }
        let marked = own.iter().map(|line| {
            let is_shared =
                left.get_mut(line.as_str()).filter(|left| **left > 0).map(|left| *left -= 1).is_some();
            (line, is_shared)
        });
        let marked = marked.collect::<Vec<_>>();
        html! {
            figure { figcaption { (name) }
                pre tabindex="0" { @for (line, is_shared) in marked { @if is_shared { (line) "\n" } @else { mark { (line) } "\n" } } } }
        }
    };
    html! { (side(one_name, &one, &other)) (side(other_name, &other, &one)) }
}

fn laid_out(body: &[u8]) -> String {
    let cut = body.get(..SHOWN_MAX).unwrap_or(body);
    let text = String::from_utf8_lossy(cut);
    let mut lines = String::new();
    let is_json = cut.len() == body.len() && write(&text, 0, &mut lines).is_some();
    let text = if is_json { lines } else { text.into_owned() };
    text.lines().map(|line| parts::text(&line.replace('\t', "    "))).collect::<Vec<_>>().join("\n")
}

/// Lays JSON out line by line; numbers and strings stay as they were sent.
fn write(text: &str, depth: usize, lines: &mut String) -> Option<()> {
    let text = text.trim();
    let indent = |depth: usize| "  ".repeat(depth);
    if depth >= DEPTH_MAX || !text.starts_with(['{', '[']) {
        serde_json::from_str::<&RawValue>(text).ok()?;
        lines.push_str(text);
        return Some(());
    }
    let (open, close, members) = members(text)?;
    lines.push(open);
    let last = members.len();
    for (number, (name, value)) in members.into_iter().enumerate() {
        lines.push('\n');
        lines.push_str(&indent(depth + 1));
        if let Some(name) = name {
            lines.push_str(&name);
            lines.push_str(": ");
        }
        write(value.get(), depth + 1, lines)?;
        if number + 1 < last {
            lines.push(',');
        }
    }
    if last > 0 {
        lines.push('\n');
        lines.push_str(&indent(depth));
    }
    lines.push(close);
    Some(())
}

/// What a member of JSON is called, as JSON, and what it is.
type Named = (Option<String>, Box<RawValue>);

fn members(text: &str) -> Option<(char, char, Vec<Named>)> {
    if text.starts_with('[') {
        let items: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
        return Some(('[', ']', items.into_iter().map(|item| (None, item)).collect()));
    }
    let Members(members) = serde_json::from_str(text).ok()?;
    let members = members.into_iter().map(|(name, value)| {
        let name = serde_json::to_string(&name).unwrap_or_default();
        (Some(name), value)
    });
    Some(('{', '}', members.collect()))
}

/// The members of an object in their order, those of one name too.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> serde::de::Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::{SHOWN_MAX, compare, laid_out, shown};

    #[test]
    fn every_digit_of_an_amount_is_shown_as_it_was_sent() {
        let body = br#"{"b":[1,{"amount":9007199254740993.10}],"a":{},"b":"x"}"#;
        let expected = "{\n  \"b\": [\n    1,\n    {\n      \"amount\": 9007199254740993.10\n    }\n  ],\n  \"a\": {},\n  \"b\": \"x\"\n}";
        assert_eq!(laid_out(body), expected);
    }

    #[test]
    fn a_body_that_is_no_json_or_too_deep_or_too_long_is_shown_as_it_is() {
        assert_eq!(laid_out(b"<a>\xff\x1b[2J\n{"), "<a>\u{fffd}\\u{1b}[2J\n{");
        let deep = format!("{}{}", "[".repeat(60), "]".repeat(60));
        assert!(laid_out(deep.as_bytes()).contains(&"[".repeat(20)));
        let long = vec![b'a'; SHOWN_MAX + 1];
        let page = shown(&long).into_string();
        assert!(page.len() < SHOWN_MAX + 200 && page.contains("first 64 KiB"));
        assert!(shown(b"<script>alert(1)</script>").into_string().contains("&lt;script&gt;"));
    }

    #[test]
    fn what_only_one_body_has_is_marked() {
        let page = compare(("a", br#"{"id":1,"amount":5}"#), ("b", br#"{"id":1,"amount":7}"#)).into_string();
        assert_eq!(page.matches("<mark>").count(), 2, "{page}");
        assert!(page.contains("<mark>  &quot;amount&quot;: 5</mark>"), "{page}");
    }
}
