//! The rules of the house: which module may name which, how long a file may be, and what is not left lying about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/public.rs"]
mod public;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the modules of the flow may name of each other. What serves many may be named by all; the rest of the modules assemble
/// these and may name anything. `http` shows at `/metrics` what `telemetry` has gathered.
const MAY_NAME: [(&str, &[&str]); 7] = [
    ("order", &[]),
    ("provider", &["order"]),
    ("lock", &[]),
    ("store", &["order"]),
    ("intake", &["order", "lock", "store"]),
    ("announce", &["order", "store"]),
    ("http", &["order", "provider", "lock", "store", "intake", "telemetry"]),
];
const MAY_BE_NAMED_BY_ALL: [&str; 5] = ["secret", "backoff", "http_client", "network", "printable"];

const FILE_LINES_MAX: usize = 300;
/// Files that are longer, and why.
const LONGER: [(&str, &str); 0] = [];

/// Words that say that something is not finished. Written so that this file does not contain them.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

/// Names that say nothing about what is in a file.
const MEANINGLESS: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "manager", "misc", "inner"];

#[test]
fn modules_name_only_what_the_flow_allows() {
    let found = sources("src").into_iter().flat_map(|file| strangers(&file.path, &file.text));
    none(found);
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let found = sources("src").into_iter().filter_map(|file| {
        let lines = file.text.lines().count();
        let is_excused = LONGER.iter().any(|(path, _)| *path == file.path) || is_test(&file.path);
        (lines > FILE_LINES_MAX && !is_excused).then(|| format!("{} has {lines} lines", file.path))
    });
    none(found);
}

#[test]
fn longer_files_are_still_longer() {
    let found = LONGER.iter().filter(|(path, _)| {
        fs::read_to_string(root().join(path)).map_or(0, |text| text.lines().count()) <= FILE_LINES_MAX
    });
    none(found.map(|(path, _)| format!("{path} needs no excuse any more")));
}

#[test]
fn nothing_is_left_unfinished() {
    let files = ["src", "tests", "scripts", "benches", "examples"].into_iter().flat_map(sources);
    none(files.flat_map(|file| unfinished(&file.path, &file.text)));
}

#[test]
fn every_secret_of_the_tests_has_a_marker_that_is_searched_for() {
    let files = ["src", "tests"].into_iter().flat_map(sources);
    none(files.filter(|file| file.path.ends_with(".rs")).flat_map(|file| unmarked(&file.path, &file.text)));
}

#[test]
fn file_names_say_what_is_in_them() {
    none(["src", "tests"].into_iter().flat_map(sources).filter_map(|file| meaningless(&file.path)));
}

#[test]
fn a_module_with_parts_is_a_folder_with_a_mod_file() {
    let found = sources("src").into_iter().filter(|file| {
        let path = root().join(&file.path);
        path.with_extension("").is_dir() && file.path != "src/lib.rs"
    });
    none(found.map(|file| format!("{} stands beside a folder of its name", file.path)));
}

#[test]
fn a_page_has_one_title() {
    let found = pages().into_iter().filter_map(|file| {
        let titles = titles(&file.text);
        (titles != 1).then(|| format!("{} has {titles} titles", file.path))
    });
    none(found);
}

/// The rules bite: each finds what breaks it, and nothing in what keeps it.
mod scanner {
    use super::*;

    #[test]
    fn a_stranger_is_found_in_a_path_and_in_a_group() {
        let text = "use crate::{order::Event, store::{Store, Session}};\nfn f() { crate::http::serve() }\n";
        assert_eq!(strangers("src/lock/redis.rs", text).len(), 3);
    }

    #[test]
    fn relatives_neighbours_and_comments_are_no_strangers() {
        let text = "//! See crate::http.\nuse crate::lock::Lease; // crate::store\n/* crate::cli */\nuse crate::secret::Secret;\nlet url = \"https://crate::store\";";
        assert_eq!(strangers("src/lock/redis.rs", text), Vec::<String>::new());
        assert_eq!(strangers("src/intake/lane.rs", "use crate::store::Store;"), Vec::<String>::new());
    }

    #[test]
    fn the_parts_that_assemble_and_tests_may_name_anything() {
        for path in ["src/server.rs", "src/cli/mod.rs", "src/lock/tests.rs", "src/lock/tests/redis.rs"] {
            assert_eq!(strangers(path, "use crate::http::serve;"), Vec::<String>::new());
        }
        let inline = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::http::serve;\n}\n";
        assert_eq!(strangers("src/lock/redis.rs", inline), Vec::<String>::new());
    }

    #[test]
    fn unfinished_work_and_meaningless_names_are_found() {
        let text = format!("fn f() {{ {}x) }} // {}: later", UNFINISHED[2], UNFINISHED[0]);
        assert_eq!(unfinished("src/a.rs", &text).len(), 2);
        assert!(meaningless("src/lock/utils.rs").is_some());
        assert!(meaningless("src/helpers/redis.rs").is_some());
        assert_eq!(meaningless("src/lock/redis.rs"), None);
    }

    #[test]
    fn a_secret_without_a_marker_is_found() {
        let (secret, url) = (["Secret::new(", "\"open\")"].concat(), ["redis://:", "open@host"].concat());
        assert_eq!(unmarked("src/lock/tests.rs", &secret).len(), 1);
        assert_eq!(unmarked("tests/a.rs", &url).len(), 1);
        assert_eq!(unmarked("tests/a.rs", &["\"whsec", "_open\""].concat()).len(), 1);
        assert_eq!(unmarked("tests/a.rs", &secret.replace("open", "a_canary")), Vec::<String>::new());
        assert_eq!(unmarked("src/secret.rs", &secret), Vec::<String>::new(), "not in a test");
        assert_eq!(unmarked("tests/a.rs", "redis://host/x@y sqlite://a"), Vec::<String>::new());
    }

    #[test]
    fn titles_are_counted_outside_code() {
        assert_eq!(titles("# One\n\n```sh\n# a comment\n```\n\n## Part\n"), 1);
        assert_eq!(titles("# One\n\n# Two\n"), 2);
        assert_eq!(titles("no title\n"), 0);
    }
}

struct File {
    path: String,
    text: String,
}

/// The names of our modules in `text` that the module of `path` may not name.
fn strangers(path: &str, text: &str) -> Vec<String> {
    let Some((module, allowed)) = MAY_NAME.iter().find(|(module, _)| belongs(path, module)) else {
        return Vec::new();
    };
    if is_test(path) {
        return Vec::new();
    }
    let is_stranger = |name: &String| {
        name != module && !MAY_BE_NAMED_BY_ALL.contains(&name.as_str()) && !allowed.contains(&name.as_str())
    };
    named_modules(&code(text))
        .into_iter()
        .filter(is_stranger)
        .map(|name| format!("{path} names {name}"))
        .collect()
}

fn belongs(path: &str, module: &str) -> bool {
    path == format!("src/{module}.rs") || path.starts_with(&format!("src/{module}/"))
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Every module that follows a `crate::`, alone or in a group.
fn named_modules(code: &str) -> BTreeSet<String> {
    code.split("crate::").skip(1).flat_map(first_names).collect()
}

/// The first names of `order::Event` or of `{order::Event, store::{Store, Session}}`.
fn first_names(after: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = after.strip_prefix('{') else { return vec![name(after)] };
    let mut depth = 1;
    let mut names = vec![name(group)];
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// What is left of a file without comments, strings and its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"']) {
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with('"') && !code.ends_with('\'') {
            end_of_string(rest)
        } else {
            code.push_str(&rest[..1]);
            1
        };
        rest = &rest[end..];
    }
    code + rest
}

fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '"' if !is_escaped => return at + 1,
            _ => is_escaped = character == '\\' && !is_escaped,
        }
    }
    text.len()
}

fn unfinished(path: &str, text: &str) -> Vec<String> {
    UNFINISHED.iter().filter(|word| text.contains(**word)).map(|word| format!("{path} says {word}")).collect()
}

/// What stands in a secret's place in a test and could not be told from other text where it is shown.
fn unmarked(path: &str, text: &str) -> Vec<String> {
    // This file has them only to be found.
    if path == "tests/tidy.rs" {
        return Vec::new();
    }
    let inline = || text.split_once("#[cfg(test)]\nmod tests {").map_or("", |(_, tests)| tests);
    let text = if is_test(path) { text } else { inline() };
    let secrets = texts_after(text, concat!("Secret::", "new(\""), '"');
    let signing = texts_after(text, concat!("whs", "ec_"), '"');
    let passwords = text.split("://").skip(1).filter_map(|url| {
        let (user, _) = url.split(['/', '"', '\'', ' ', '\n']).next()?.rsplit_once('@')?;
        user.split_once(':').map(|(_, password)| password)
    });
    let is_marked = |secret: &str| {
        let is_url = secret.contains("://");
        let is_none = secret.is_empty() || secret.starts_with(['{', '.', '*', '`']);
        is_url || is_none || MARKERS.iter().any(|marker| secret.contains(marker)) || OPEN.contains(&secret)
    };
    let all = secrets.chain(signing).chain(passwords);
    all.filter(|secret| !is_marked(secret)).map(|secret| format!("{path}: {secret} has no marker")).collect()
}

/// What follows `opening` up to `end`.
fn texts_after<'a>(text: &'a str, opening: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    text.split(opening).skip(1).filter_map(move |rest| rest.split(end).next())
}

/// In every secret of the tests; the second one for those that can only be hexadecimal.
const MARKERS: [&str; 2] = ["canary", "c0dec0de"];

/// No secrets: the one of the walk-through in `docs/add-a-provider.md`, and the word that stands for one in messages.
const OPEN: [&str; 2] = ["acme_secret", "password"];

fn meaningless(path: &str) -> Option<String> {
    let mut names = Path::new(path).iter().map(|part| Path::new(part).file_stem().unwrap().to_str().unwrap());
    names.find(|name| MEANINGLESS.contains(name)).map(|name| format!("{path} is named {name}"))
}

/// First-level headings outside code blocks.
fn titles(markdown: &str) -> usize {
    let mut is_code = false;
    let is_title = |line: &&str| {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        !is_code && line.starts_with("# ")
    };
    markdown.lines().filter(is_title).count()
}

fn none(found: impl Iterator<Item = String>) {
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files of ours below a directory.
fn sources(directory: &str) -> Vec<File> {
    let is_source = |path: &Path| {
        path.extension()
            .is_none_or(|extension| ["rs", "sql", "sh", "toml"].iter().any(|known| extension == *known))
    };
    files(&root().join(directory), &is_source)
}

/// All pages, wherever they are, but for what was built or installed.
fn pages() -> Vec<File> {
    files(root(), &|path| path.extension().is_some_and(|extension| extension == "md"))
}

fn files(directory: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Vec<File> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_hidden = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with('.') || ["target", "node_modules", "paylatch-data"].contains(&name)
    };
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| !is_hidden(path)) {
        if path.is_dir() {
            found.extend(files(path, is_wanted));
        } else if is_wanted(path)
            && let Ok(text) = fs::read_to_string(path)
        {
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push(File { path, text });
        }
    }
    found
}
