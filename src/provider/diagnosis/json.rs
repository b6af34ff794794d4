//! JSON written again: the same document in other spaces and escapes. Numbers stay as they are spelled.

use serde::de::IgnoredAny;

/// Indentation can make a nested document grow with the square of its length: no longer than this many times its bytes.
const GROWTH_MAX: usize = 8;

/// Where a program puts spaces.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    Compact,
    Spaced,
    Indented(&'static str),
}

/// The usual ones, in words.
pub(super) const LAYOUTS: [(Layout, &str); 5] = [
    (Layout::Compact, "as JSON without spaces"),
    (Layout::Spaced, "as JSON with a space after each comma and colon"),
    (Layout::Indented("  "), "as JSON indented by two spaces"),
    (Layout::Indented("    "), "as JSON indented by four spaces"),
    (Layout::Indented("\t"), "as JSON indented by tabs"),
];

/// Which characters of a text a program escapes, if not as the document has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    slashes: Option<bool>,
    beyond_ascii: Option<bool>,
}

/// As the document has it.
pub(super) const AS_SPELLED: Spelling = Spelling { slashes: None, beyond_ascii: None };
/// Nothing is escaped that need not be.
pub(super) const PLAIN: Spelling = Spelling { slashes: Some(false), beyond_ascii: Some(false) };

/// The usual ones, in words.
pub(super) const SPELLINGS: [(Spelling, &str); 5] = [
    (AS_SPELLED, ""),
    (PLAIN, ", without escapes"),
    (Spelling { slashes: Some(false), beyond_ascii: Some(true) }, ", other letters than ASCII escaped"),
    (Spelling { slashes: Some(true), beyond_ascii: Some(false) }, ", slashes escaped"),
    (
        Spelling { slashes: Some(true), beyond_ascii: Some(true) },
        ", slashes and other letters than ASCII escaped",
    ),
];

/// The document in another layout and spelling; `None` if it is no JSON, or would become too long.
pub(super) fn rewritten(json: &str, layout: Layout, spelling: Spelling) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(json).ok()?;
    let mut text = String::with_capacity(json.len());
    let mut depth = 0_usize;
    let mut rest = json.trim_ascii();
    while let Some(character) = rest.chars().next() {
        let length = if character == '"' { string_length(rest)? } else { character.len_utf8() };
        let (token, after) = rest.split_at_checked(length)?;
        rest = after.trim_ascii_start();
        match character {
            '"' => spelling.write(token, &mut text),
            '{' | '[' => {
                text.push(character);
                if !rest.starts_with(['}', ']']) {
                    depth += 1;
                    layout.break_line(depth, &mut text);
                }
            }
            '}' | ']' => {
                if !text.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    layout.break_line(depth, &mut text);
                }
                text.push(character);
            }
            ',' => {
                text.push(',');
                match layout {
                    Layout::Spaced => text.push(' '),
                    Layout::Compact | Layout::Indented(_) => layout.break_line(depth, &mut text),
                }
            }
            ':' => text.push_str(if let Layout::Compact = layout { ":" } else { ": " }),
            other => text.push(other),
        }
        if text.len() > GROWTH_MAX * json.len() {
            return None;
        }
    }
    Some(text)
}

impl Layout {
    fn break_line(self, depth: usize, text: &mut String) {
        if let Self::Indented(by) = self {
            text.push('\n');
            text.extend(std::iter::repeat_n(by, depth));
        }
    }
}

impl Spelling {
    /// Writes a string, quotes included.
    fn write(self, string: &str, text: &mut String) {
        let mut rest = string;
        while let Some(character) = rest.chars().next() {
            let (read, length) = match escape(rest) {
                Some((character, length)) => (Some(character), length),
                // Another escape is kept, and its second half is not read as a character of its own.
                None if character == '\\' => (None, 2),
                None => (Some(character), character.len_utf8()),
            };
            let (written, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            rest = after;
            match read {
                Some('/') => text.push_str(match self.slashes {
                    None => written,
                    Some(false) => "/",
                    Some(true) => "\\/",
                }),
                Some(character) if !character.is_ascii() => match self.beyond_ascii {
                    None => text.push_str(written),
                    Some(false) => text.push(character),
                    Some(true) => {
                        for unit in character.encode_utf16(&mut [0; 2]) {
                            text.push_str(&format!("\\u{unit:04x}"));
                        }
                    }
                },
                Some(_) | None => text.push_str(written),
            }
        }
    }
}

/// The slash or the character beyond ASCII that an escape at the start of `text` stands for, and the escape's length.
fn escape(text: &str) -> Option<(char, usize)> {
    if text.starts_with("\\/") {
        return Some(('/', 2));
    }
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let units: Vec<u16> = [unit(0), unit(6)].into_iter().map_while(|unit| unit).collect();
    let character = char::decode_utf16(units).next()?.ok()?;
    (!character.is_ascii()).then_some((character, 6 * character.len_utf16()))
}

/// The length of the string that `json` begins with, quotes included.
pub(super) fn string_length(json: &str) -> Option<usize> {
    let mut is_escaped = false;
    json.bytes()
        .skip(1)
        .position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        })
        .map(|inside| inside + 2)
}
