//! Files that name each other in a circle can only be understood together: there is none but a folder's `mod.rs` with what
//! is below it.

use std::collections::{BTreeMap, BTreeSet};

use super::{code, is_test, none, sources};

/// A module by its path from the crate's root: `["lock", "backends"]`.
type Module = Vec<String>;

#[test]
fn no_files_name_each_other_in_a_circle() {
    none(ours().into_iter());
}

fn ours() -> Vec<String> {
    let files = sources("src").into_iter().filter(|file| file.path.ends_with(".rs") && !is_test(&file.path));
    circles(&House::of(files.map(|file| (file.path, file.text)).collect()))
}

#[test]
fn a_circle_is_found_also_through_what_a_parent_exports() {
    let circle = [
        ("src/a/mod.rs", "mod one;\nmod two;\npub use one::One;\npub use two::{Two, more as many};"),
        ("src/a/one.rs", "use super::Two;"),
        ("src/a/two.rs", "use crate::a::One;"),
    ];
    assert_eq!(circles(&house(&circle)), ["src/a/one.rs and src/a/two.rs name each other"]);
}

#[test]
fn a_parent_and_its_parts_and_comments_are_no_circle() {
    let fine = [
        ("src/a/mod.rs", "mod one;\nmod two;\nuse one::One;\npub struct Settings;"),
        ("src/a/one.rs", "use super::Settings;\nuse super::two::Two;"),
        ("src/a/two.rs", "// crate::a::one is beside it\nuse super::Settings;"),
    ];
    assert_eq!(circles(&house(&fine)), Vec::<String>::new());
}

fn house(files: &[(&str, &str)]) -> House {
    House::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
}

/// All modules, with their files and what they name.
struct House {
    files: BTreeMap<Module, String>,
    /// The paths of each module's `use`, by the name that they bring in.
    uses: BTreeMap<Module, BTreeMap<String, Module>>,
    /// Every path that each module names.
    named: BTreeMap<Module, Vec<Module>>,
}

impl House {
    fn of(texts: Vec<(String, String)>) -> Self {
        let mut house = Self { files: BTreeMap::new(), uses: BTreeMap::new(), named: BTreeMap::new() };
        for (path, text) in texts {
            let (module, code) = (module(&path), code(&text));
            let uses: Vec<(String, Module)> = code.split(';').flat_map(used).collect();
            let inline = ["crate::", "super::", "self::"].into_iter().flat_map(|root| inline(&code, root));
            let named = uses.iter().map(|(_, path)| path.clone()).chain(inline).collect();
            house.named.insert(module.clone(), named);
            house.uses.insert(module.clone(), uses.into_iter().collect());
            house.files.insert(module, path);
        }
        house
    }

    /// The module that has what `path` names in `from`, also where another one hands it on.
    fn owner(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let (mut at, mut rest) = match first.as_str() {
            "crate" => (Module::new(), rest),
            "self" => (from.clone(), rest),
            "super" => (from[..from.len().checked_sub(1)?].to_vec(), rest),
            _ => (from.clone(), path),
        };
        if first == "self" && rest.first().is_some_and(|next| next == "super") {
            return self.owner(from, rest, depth);
        }
        while let Some((next, after)) = rest.split_first() {
            let below = [at.clone(), vec![next.clone()]].concat();
            if next == "super" {
                at.pop();
            } else if self.files.contains_key(&below) {
                at = below;
            } else {
                break;
            }
            rest = after;
        }
        let is_ours = at != *from || rest.len() < path.len();
        let handed_on = rest.first().and_then(|name| self.uses.get(&at)?.get(name));
        match handed_on.filter(|on| depth < 8 && on.as_slice() != path) {
            Some(on) => self.owner(&at, on, depth + 1).or(Some(at)),
            None => is_ours.then_some(at),
        }
    }

    /// What `from` needs beside its parents and its parts.
    fn needs(&self, from: &Module) -> BTreeSet<Module> {
        let owners = self.named[from].iter().filter_map(|path| self.owner(from, path, 0));
        owners.filter(|to| !to.starts_with(from) && !from.starts_with(to)).collect()
    }
}

/// Two of each circle, as the files that a reader would have to part.
fn circles(house: &House) -> Vec<String> {
    let needs: BTreeMap<&Module, BTreeSet<Module>> =
        house.files.keys().map(|module| (module, house.needs(module))).collect();
    let reaches = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            for to in needs.get(&module).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        house.files.keys().map(|from| (from, reaches(from))).collect();
    let mut found = Vec::new();
    for (from, direct) in &needs {
        let back = direct.iter().filter(|to| *from < to && reached[to].contains(*from));
        found
            .extend(back.map(|to| format!("{} and {} name each other", house.files[*from], house.files[to])));
    }
    found
}

fn module(path: &str) -> Module {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Module = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// The names that a `use` at the end of `statement` brings in, with their paths.
fn used(statement: &str) -> Vec<(String, Module)> {
    let Some((before, tree)) = statement.rsplit_once("use ") else { return Vec::new() };
    let is_use = before.chars().next_back().is_none_or(char::is_whitespace);
    if is_use { branches(&Module::new(), tree) } else { Vec::new() }
}

fn branches(stem: &Module, tree: &str) -> Vec<(String, Module)> {
    let tree = tree.trim();
    if let Some((path, group)) = tree.split_once('{').filter(|_| tree.ends_with('}')) {
        let stem = [stem.clone(), names(path)].concat();
        let (mut depth, mut start, mut found) = (0, 0, Vec::new());
        let group = &group[..group.len() - 1];
        for (at, character) in group.char_indices().chain([(group.len(), ',')]) {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.extend(branches(&stem, &group[start..at]));
                    start = at + 1;
                }
                _ => {}
            }
        }
        return found;
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias)));
    let mut path = [stem.clone(), names(path)].concat();
    if path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = alias.map_or_else(|| path.last().cloned(), |alias| Some(alias.trim().to_owned()));
    name.map(|name| vec![(name, path)]).unwrap_or_default()
}

fn inline(code: &str, root: &str) -> Vec<Module> {
    let path = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(rest.len());
        [names(root), names(&rest[..end])].concat()
    };
    code.split(root).skip(1).map(path).collect()
}

fn names(path: &str) -> Module {
    path.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
