//! What other programs may build on: `tests/public.txt` lists it, so that a change of it is seen in review.

use std::fs;

use super::{code, none, root, sources};

/// Where what is public is so for others: the rest of the package is hidden from its documentation.
const OPEN: [&str; 3] = ["src/lock/", "src/secret.rs", "src/server/embedded.rs"];

#[test]
fn what_is_public_is_listed() {
    let listed = fs::read_to_string(root().join("tests/public.txt")).unwrap();
    let files = sources("src").into_iter().filter(|file| OPEN.iter().any(|open| file.path.starts_with(open)));
    let found: Vec<String> = files.flat_map(|file| public(&file.path, &file.text)).collect();
    let listed: Vec<&str> = listed.lines().filter(|line| !line.starts_with('#')).collect();
    let missing =
        found.iter().filter(|item| !listed.contains(&item.as_str())).map(|item| format!("+ {item}"));
    let gone =
        listed.iter().filter(|line| !found.iter().any(|item| item == *line)).map(|line| format!("- {line}"));
    none(missing.chain(gone));
}

#[test]
fn an_item_is_listed_with_its_signature_and_nothing_that_stays_inside() {
    let text = "/// pub fn no()\npub struct Held {\n    pub key: String,\n    own: u8,\n}\nimpl Held {\n    pub async fn go(\n        self,\n    ) -> u8 {\n        1\n    }\n    pub(super) fn stay() {}\n}\npub enum Skew {\n    Ahead(u8),\n}\npub use run::Lease;\n";
    let found = public("src/lock/a.rs", text);
    let expected = [
        "lock/a: pub struct Held",
        "lock/a: pub key: String",
        "lock/a: pub async fn go(self) -> u8",
        "lock/a: pub enum Skew { Ahead(u8) }",
    ];
    assert_eq!(found, expected);
}

fn public(path: &str, text: &str) -> Vec<String> {
    let name = path.trim_start_matches("src/").trim_end_matches(".rs");
    let code = code(text);
    let is_attribute = |line: &&str| line.trim_start().starts_with("#[");
    let code: String =
        code.lines().filter(|line| !is_attribute(line)).map(|line| format!("{line}\n")).collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("pub ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|character| !character.is_whitespace()) {
            continue;
        }
        let item = item(&code[at..]);
        if !item.starts_with("pub use ") && !item.starts_with("pub mod ") {
            found.push(format!("{name}: {item}"));
        }
    }
    found
}

/// The item that `code` begins with, on one line: an enum with all its variants, anything else up to its body.
fn item(code: &str) -> String {
    let is_enum = code.starts_with("pub enum ");
    let (mut depth, mut end) = (0_i32, code.len());
    for (at, character) in code.char_indices() {
        match character {
            '{' if !is_enum => end = at,
            '(' | '[' | '<' | '{' => depth += 1,
            '}' if is_enum && depth == 1 => end = at + 1,
            '>' if code[..at].ends_with('-') => {}
            ')' | ']' | '>' | '}' => depth -= 1,
            ';' | ',' if depth <= 0 => end = at,
            _ => {}
        }
        if end < code.len() {
            break;
        }
    }
    let text: Vec<&str> = code[..end].split_whitespace().collect();
    text.join(" ").replace("( ", "(").replace(", )", ")").replace(" )", ")").replace(", }", " }")
}
