//! Takes settings by name from all layers, and collects what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layers::{Given, Layers, Origin, Value};
use super::mistake::{Mistake, Mistakes, nearest};
use crate::secret::Secret;

/// The longest file that holds a secret, in bytes.
const SECRET_FILE_BYTES_MAX: usize = 64 * 1024;

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
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        let (file, syntax_errors) = layers.file.map(|file| file.flatten()).unwrap_or_default();
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
        }
    }

    /// A whole number; the unit is in the name.
    pub(super) fn count(&mut self, name: &str, default: usize, range: RangeInclusive<usize>) -> usize {
        self.optional_count(name, range).unwrap_or_else(|| self.default(name, default))
    }

    /// A whole number, if it is given.
    pub(super) fn optional_count(&mut self, name: &str, range: RangeInclusive<usize>) -> Option<usize> {
        let given = self.take(name)?;
        let number = match &given.value {
            Value::Untyped(text) => text.trim().parse().ok(),
            Value::Integer(number) => usize::try_from(*number).ok(),
            Value::Text(_) | Value::List(_) | Value::EmptyTable | Value::Other(_) => None,
        };
        let Some(number) = number.filter(|number| range.contains(number)) else {
            let (unit, from, to) = (unit(name), range.start(), range.end());
            let problem =
                format!("is {}; expected a whole number{unit} from {from} to {to}", given.value.show());
            self.refuse(name, Some(given.origin), problem);
            return None;
        };
        self.resolve(name, number.to_string(), Some(given.origin));
        Some(number)
    }

    /// A duration in milliseconds, as the name's `_ms` says.
    pub(super) fn millis(&mut self, name: &str, default: usize, range: RangeInclusive<usize>) -> Duration {
        Duration::from_millis(self.count(name, default, range) as u64)
    }

    /// What one of a few words stands for, if one is given.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let (text, origin) = self.take_text(name)?;
        let chosen = choices.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let hint = did_you_mean(nearest(&text, words.iter().copied()));
            let problem = format!("is {text:?}; expected one of {}{hint}", words.join(", "));
            self.refuse(name, Some(origin.clone()), problem);
        }
        self.resolve(name, text, Some(origin));
        chosen.map(|(_, meaning)| *meaning)
    }

    /// An address and port.
    pub(super) fn address(&mut self, name: &str, default: SocketAddr) -> SocketAddr {
        let Some((text, origin)) = self.take_text(name) else { return self.default(name, default) };
        let address = text.trim().parse();
        if address.is_err() {
            let problem =
                format!("is {text:?}; expected an IP address and a port, such as {default} or 0.0.0.0:8080");
            self.refuse(name, Some(origin.clone()), problem);
        }
        self.resolve(name, text, Some(origin));
        address.unwrap_or(default)
    }

    /// A text, if it is given.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let (text, origin) = self.take_text(name)?;
        self.resolve(name, text.clone(), Some(origin));
        Some(text)
    }

    /// A path, if it is given.
    pub(super) fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// A list of texts; empty when it is not given.
    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let (items, origin) = self.take_list(name);
        if let Some(origin) = origin {
            self.resolve(name, items.join(", "), Some(origin));
        }
        items
    }

    /// A secret from `name` or from the file that `name_file` names.
    pub(super) fn secret(&mut self, name: &str) -> Option<Secret> {
        let direct = self.take_text(name);
        let file_name = format!("{name}_file");
        let file = self.take_text(&file_name);
        if let (Some(_), Some((_, origin))) = (&direct, &file) {
            self.refuse(
                &file_name,
                Some(origin.clone()),
                format!("is set beside {name}; expected one of them"),
            );
        }
        let (secret, origin) = match (direct, file) {
            (Some((text, origin)), _) => (Some(Secret::new(text.trim())), origin),
            (None, Some((path, origin))) => (self.secret_in(&file_name, Path::new(&path), &origin), origin),
            (None, None) => return None,
        };
        self.resolve(name, "[secret]".to_owned(), Some(origin));
        secret
    }

    /// The secrets listed in `list_name`, then those in the files that `files_name` lists.
    pub(super) fn secrets(&mut self, list_name: &str, files_name: &str) -> Vec<Secret> {
        let (items, origin) = self.take_list(list_name);
        let mut secrets: Vec<_> = items.into_iter().map(Secret::new).collect();
        if origin.is_some() {
            self.resolve(list_name, vec!["[secret]"; secrets.len()].join(", "), origin);
        }
        let (paths, origin) = self.take_list(files_name);
        if let Some(origin) = origin {
            secrets
                .extend(paths.iter().filter_map(|path| self.secret_in(files_name, Path::new(path), &origin)));
            self.resolve(files_name, paths.join(", "), Some(origin));
        }
        secrets
    }

    /// A URL whose password is never shown, from `name` or from the file that `name_file` names.
    pub(super) fn secret_url(&mut self, name: &str) -> Option<Secret> {
        let url = self.secret(name)?;
        self.show_as(name, mask_url(url.expose()));
        Some(url)
    }

    /// A list of URLs whose passwords are never shown.
    pub(super) fn secret_urls(&mut self, name: &str) -> Vec<Secret> {
        let (urls, origin) = self.take_list(name);
        if origin.is_some() {
            let masked: Vec<_> = urls.iter().map(|url| mask_url(url)).collect();
            self.resolve(name, masked.join(", "), origin);
        }
        urls.into_iter().map(Secret::new).collect()
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
                (_, false) => format!("is no setting{}", did_you_mean(nearest(name, known.iter().copied()))),
            };
            unknown.push(Mistake { setting: name.clone(), origin: Some(given.origin.clone()), problem });
        }
        let variables: Vec<String> = known.iter().map(|name| variable(name, "__")).collect();
        for name in self.environment.keys() {
            let hint = did_you_mean(nearest(name, variables.iter().map(String::as_str)));
            unknown.push(Mistake {
                setting: name.clone(),
                origin: Some(Origin::Environment("environment".to_owned())),
                problem: format!("names no setting{hint}"),
            });
        }
        self.mistakes.extend(unknown);
    }

    fn take(&mut self, name: &str) -> Option<Given> {
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
        if name.starts_with("sources.") || single == double {
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

    fn take_text(&mut self, name: &str) -> Option<(String, Origin)> {
        let given = self.take(name)?;
        match given.value {
            Value::Untyped(text) | Value::Text(text) => Some((text, given.origin)),
            Value::Integer(number) => Some((number.to_string(), given.origin)),
            Value::List(_) | Value::EmptyTable | Value::Other(_) => {
                self.refuse(name, Some(given.origin), format!("is {}; expected a text", given.value.kind()));
                None
            }
        }
    }

    /// Commas separate the items in flags and the environment.
    fn take_list(&mut self, name: &str) -> (Vec<String>, Option<Origin>) {
        let Some(given) = self.take(name) else { return (Vec::new(), None) };
        match given.value {
            Value::Untyped(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                (items.map(str::to_owned).collect(), Some(given.origin))
            }
            Value::List(items) => (items, Some(given.origin)),
            Value::Text(_) | Value::Integer(_) | Value::EmptyTable | Value::Other(_) => {
                let problem = format!("is {}; expected a list of texts: [\"..\"]", given.value.kind());
                self.refuse(name, Some(given.origin), problem);
                (Vec::new(), None)
            }
        }
    }

    fn secret_in(&mut self, name: &str, path: &Path, origin: &Origin) -> Option<Secret> {
        let problem = match std::fs::read_to_string(path) {
            Err(error) => format!("cannot read {}: {error}", path.display()),
            Ok(text) if text.trim().is_empty() => {
                format!("{} is empty; expected a secret in it", path.display())
            }
            Ok(text) if text.len() > SECRET_FILE_BYTES_MAX => {
                format!("{} is too long; expected at most {SECRET_FILE_BYTES_MAX} bytes", path.display())
            }
            Ok(text) => return Some(Secret::new(text.trim())),
        };
        self.refuse(name, Some(origin.clone()), problem);
        None
    }

    /// Notes that the default holds.
    pub(super) fn default<T: std::fmt::Display>(&mut self, name: &str, value: T) -> T {
        self.resolve(name, value.to_string(), None);
        value
    }

    fn resolve(&mut self, name: &str, shown: String, origin: Option<Origin>) {
        self.resolved.push(Resolved { setting: name.to_owned(), shown, origin });
    }

    fn refuse(&mut self, name: &str, origin: Option<Origin>, problem: String) {
        self.mistakes.push(Mistake { setting: name.to_owned(), origin, problem });
    }
}

impl Value {
    /// The value for a message. Only called for settings that are no secrets.
    fn show(&self) -> String {
        match self {
            Self::Untyped(text) | Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::List(_) | Self::EmptyTable | Self::Other(_) => self.kind().to_owned(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Untyped(_) | Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::EmptyTable => "a table",
            Self::Other(kind) => kind,
        }
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

/// What the name's ending says about the number.
fn unit(name: &str) -> &'static str {
    if name.ends_with("_ms") {
        " of milliseconds"
    } else if name.ends_with("_s") {
        " of seconds"
    } else if name.contains("bytes") {
        " of bytes"
    } else {
        ""
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|word| format!("; did you mean {word}?")).unwrap_or_default()
}

/// The URL without what may be secret in it: the password, and every parameter that is named like one.
pub(super) fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "[secret]".to_owned() };
    let (address, query) =
        rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    let address = match address.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:****@{host}"),
            None => format!("{user}@{host}"),
        },
        None => address.to_owned(),
    };
    let mask = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.contains("pass") || name.contains("token") => format!("{name}=****"),
        Some(_) | None => parameter.to_owned(),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(mask).collect::<Vec<_>>().join("&")));
    format!("{scheme}://{address}{}", query.unwrap_or_default())
}
