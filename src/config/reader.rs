//! Takes settings by name from all layers, and collects what is wrong with them. What a setting may be is `typed.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::advice::Advice;
use super::hosts::stays_here;
use super::layers::{Given, Layers, Origin, Value};
use super::mistake::{Mistake, Mistakes, did_you_mean, of_plural};

/// Variables with our prefix that are not settings: the tests' own, the settings file's name, and what Kubernetes
/// sets in every container beside a service named `paylatch`.
const FOREIGN_VARIABLES: [&str; 4] =
    ["PAYLATCH_TEST_", "PAYLATCH_CONFIG", "PAYLATCH_SERVICE_", "PAYLATCH_PORT"];

/// A setting as it holds, for people. Secrets are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its name, such as `lock.ttl_ms`.
    pub setting: String,
    /// Its value.
    pub shown: String,
    /// Where it came from; `None` is the default.
    pub origin: Option<Origin>,
}

/// The layers while they are being read. Each `take`d setting is thereby known.
pub(super) struct Reader {
    flags: BTreeMap<String, Given>,
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, Given>,
    /// Every name that was asked for, and where its value came from.
    known: BTreeMap<String, Option<Origin>>,
    resolved: Vec<Resolved>,
    mistakes: Vec<Mistake>,
    advice: Vec<Advice>,
    settings_file: Option<PathBuf>,
    /// The settings whose secrets came from a file, and that file.
    secrets_in_files: Vec<(String, PathBuf)>,
}

/// What the settings of those endpoints begin with that are on this machine: whatever is tried out is told to no shop elsewhere.
fn endpoints_of_this_machine(file: &BTreeMap<String, Given>) -> Vec<String> {
    let told = file.iter().filter_map(|(name, given)| match &given.value {
        Value::Text(url) if name.starts_with("endpoints.") && stays_here(url) => name.strip_suffix("url"),
        _ => None,
    });
    told.filter(|prefix| prefix.ends_with('.')).map(str::to_owned).collect()
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        let settings_file = layers.file.as_ref().map(|file| file.path.clone());
        let (mut file, mut syntax_errors) = layers.file.map(|file| file.flatten()).unwrap_or_default();
        if let Some(dev) = layers.dev {
            let told_here = endpoints_of_this_machine(&file);
            let is_of_dev = |name: &str| {
                let is_told = told_here.iter().any(|endpoint| name.starts_with(endpoint.as_str()));
                name.starts_with("sources.") || name == "providers_dir" || is_told
            };
            file.retain(|name, _| dev.with_database || is_of_dev(name));
            let (made, errors) = dev.made.flatten();
            for (name, given) in made {
                file.entry(name).or_insert(given);
            }
            syntax_errors.extend(errors);
        }
        let flags = layers.flags.into_iter().map(|flag| {
            let given = Given { value: Value::Untyped(flag.value), origin: Origin::Flag(flag.written) };
            (flag.setting, given)
        });
        let is_ours = |variable: &str| {
            variable.starts_with("PAYLATCH_")
                && !FOREIGN_VARIABLES.iter().any(|prefix| variable.starts_with(prefix))
        };
        // An empty variable is what `${NAME:-}` leaves behind: as good as none.
        let environment =
            layers.environment.into_iter().filter(|(name, value)| is_ours(name) && !value.is_empty());
        let mistakes = syntax_errors.into_iter().map(|(origin, message)| Mistake {
            setting: "the settings file".to_owned(),
            origin: Some(origin),
            problem: format!("is no TOML: {message}"),
        });
        Self {
            flags: flags.collect(),
            environment: environment.collect(),
            file,
            known: BTreeMap::new(),
            resolved: Vec::new(),
            mistakes: mistakes.collect(),
            advice: Vec::new(),
            settings_file,
            secrets_in_files: Vec::new(),
        }
    }

    /// Texts under whatever names they have below `table`, which need not be known beforehand.
    pub(super) fn open_table(&mut self, table: &str) -> BTreeMap<String, String> {
        let prefix = format!("{table}.");
        let variable_prefix = format!("{}__", variable(table, "__"));
        let in_files =
            self.flags.keys().chain(self.file.keys()).filter_map(|name| name.strip_prefix(&prefix));
        let in_environment = self.environment.keys().filter_map(|name| name.strip_prefix(&variable_prefix));
        let keys: BTreeSet<String> =
            in_files.map(str::to_owned).chain(in_environment.map(str::to_ascii_lowercase)).collect();
        keys.into_iter()
            .filter_map(|key| Some((key.clone(), self.text(&format!("{prefix}{key}"))?)))
            .collect()
    }

    /// The names of the tables below `table`, as flags and the file write them, and of those that only the environment
    /// names: in lower case, with `-` for `_`.
    pub(super) fn tables_below(&mut self, table: &str) -> Vec<String> {
        let prefix = format!("{table}.");
        let first = |rest: &str| rest.split('.').next().unwrap_or_default().to_owned();
        let given = self.flags.keys().chain(self.file.keys());
        let mut names: BTreeSet<String> =
            given.filter_map(|name| name.strip_prefix(&prefix)).map(first).collect();
        let variable_prefix = format!("{}__", variable(table, "__"));
        for rest in self.environment.keys().filter_map(|name| name.strip_prefix(&variable_prefix)) {
            let Some((upper, _)) = rest.split_once("__") else { continue };
            if !names.iter().any(|name| upper_snake(name) == upper) {
                names.insert(upper.to_ascii_lowercase().replace('_', "-"));
            }
        }
        names.into_iter().collect()
    }

    /// A table may be there without keys.
    pub(super) fn allow_empty_table(&mut self, name: &str) {
        if self.file.get(name).is_some_and(|given| given.value == Value::EmptyTable) {
            self.file.remove(name);
        }
    }

    /// Whether a setting that was read was given.
    pub(super) fn is_given(&self, name: &str) -> bool {
        self.known.get(name).is_some_and(Option::is_some)
    }

    /// Whether any setting below `table` was read.
    pub(super) fn has_read_below(&self, table: &str) -> bool {
        self.known.keys().any(|name| name.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.mistakes.is_empty()
    }

    /// Notes a mistake about a setting that was read, wherever it came from.
    pub(super) fn object(&mut self, name: &str, problem: impl Into<String>) {
        let origin = self.known.get(name).cloned().flatten();
        self.refuse(name, origin, problem.into());
    }

    /// Shows another text for a resolved setting.
    pub(super) fn show_as(&mut self, name: &str, shown: String) {
        if let Some(resolved) = self.resolved.iter_mut().find(|resolved| resolved.setting == name) {
            resolved.shown = shown;
        }
    }

    /// Notes what is probably not meant.
    pub(super) fn advise(&mut self, setting: &str, problem: impl Into<String>) {
        self.add_advice(setting, problem.into(), false);
    }

    /// Notes what should not be so where the money is real.
    pub(super) fn advise_against(&mut self, setting: &str, problem: impl Into<String>) {
        self.add_advice(setting, problem.into(), true);
    }

    fn add_advice(&mut self, setting: &str, problem: String, fails_production: bool) {
        self.advice.push(Advice { setting: setting.to_owned(), problem, fails_production });
    }

    pub(super) fn take_advice(&mut self) -> Vec<Advice> {
        std::mem::take(&mut self.advice)
    }

    /// Remembers that the setting's secret stands in a file, if it does.
    pub(super) fn note_secret_in(&mut self, setting: &str, origin: &Origin) {
        if let Origin::File(path, _) = origin {
            self.secrets_in_files.push((setting.to_owned(), PathBuf::from(&**path)));
        }
    }

    pub(super) fn note_secret_file(&mut self, setting: &str, path: &Path) {
        self.secrets_in_files.push((setting.to_owned(), path.to_owned()));
    }

    pub(super) fn settings_file(&self) -> Option<PathBuf> {
        self.settings_file.clone()
    }

    /// The files that secrets were read from, each once, with the first setting whose secret it holds.
    pub(super) fn files_with_secrets(&self) -> Vec<(String, PathBuf)> {
        let mut files: Vec<(String, PathBuf)> = Vec::new();
        for (setting, path) in &self.secrets_in_files {
            if files.iter().all(|(_, known)| known != path) {
                files.push((setting.clone(), path.clone()));
            }
        }
        files
    }

    /// What was resolved, unless there are mistakes or settings that nobody asked for.
    pub(super) fn finish(mut self) -> Result<Vec<Resolved>, Mistakes> {
        self.object_to_unknown();
        if self.mistakes.is_empty() { Ok(self.resolved) } else { Err(Mistakes(self.mistakes)) }
    }

    fn object_to_unknown(&mut self) {
        let known: Vec<&str> = self.known.keys().map(String::as_str).collect();
        let mut unknown = Vec::new();
        for (name, given) in self.flags.iter().chain(&self.file) {
            let is_table =
                known.iter().any(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
            let problem = match (&given.value, is_table) {
                (Value::EmptyTable, true) => continue,
                (_, true) => format!("expected a table: [{name}]"),
                (_, false) => format!(
                    "is no setting{}",
                    of_plural(name).unwrap_or_else(|| did_you_mean(name, known.iter().copied()))
                ),
            };
            unknown.push(Mistake { setting: name.clone(), origin: Some(given.origin.clone()), problem });
        }
        let variables: Vec<String> = known.iter().map(|name| variable(name, "__")).collect();
        for name in self.environment.keys() {
            let hint = did_you_mean(name, variables.iter().map(String::as_str));
            unknown.push(Mistake {
                setting: name.clone(),
                origin: Some(Origin::Environment("environment".to_owned())),
                problem: format!("names no setting{hint}"),
            });
        }
        self.mistakes.extend(unknown);
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Given> {
        let flag = self.flags.remove(name);
        let variable = self.take_variable(name);
        let file = self.file.remove(name);
        let given = flag.or(variable).or(file);
        self.known.insert(name.to_owned(), given.as_ref().map(|given| given.origin.clone()));
        given
    }

    /// `__` joins the path; for the fixed tables a single `_` does, too.
    fn take_variable(&mut self, name: &str) -> Option<Given> {
        let double = variable(name, "__");
        let single = variable(name, "_");
        let mut take = |variable: String| {
            let value = Value::Untyped(self.environment.remove(&variable)?);
            Some(Given { value, origin: Origin::Environment(variable) })
        };
        let given = take(double.clone());
        let is_of_free_name = ["sources.", "endpoints."].iter().any(|table| name.starts_with(table));
        if is_of_free_name || single == double {
            return given;
        }
        match (given, take(single)) {
            (Some(given), Some(other)) => {
                self.refuse(
                    name,
                    Some(other.origin),
                    format!("is set by {double} also; expected one of them"),
                );
                Some(given)
            }
            (given, other) => given.or(other),
        }
    }

    /// Notes that the default holds.
    pub(super) fn default<T: std::fmt::Display>(&mut self, name: &str, value: T) -> T {
        self.resolve(name, value.to_string(), None);
        value
    }

    pub(super) fn resolve(&mut self, name: &str, shown: String, origin: Option<Origin>) {
        self.resolved.push(Resolved { setting: name.to_owned(), shown, origin });
    }

    pub(super) fn refuse(&mut self, name: &str, origin: Option<Origin>, problem: String) {
        self.mistakes.push(Mistake { setting: name.to_owned(), origin, problem });
    }
}

/// The variable of a setting: `lock.ttl_ms` is `PAYLATCH_LOCK__TTL_MS`.
fn variable(name: &str, joint: &str) -> String {
    let path: Vec<_> = name.split('.').map(upper_snake).collect();
    format!("PAYLATCH_{}", path.join(joint))
}

fn upper_snake(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
