//! What a setting may be: a number in its range, a word, an address, a list, a secret.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::age::parse_age;
use super::layers::{Origin, Value};
use super::mask::mask_url;
use super::mistake::did_you_mean;
use super::reader::Reader;
use crate::secret::Secret;

/// The longest file that holds a secret, in bytes.
const SECRET_FILE_BYTES_MAX: usize = 64 * 1024;

impl Reader {
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
            Value::Text(_)
            | Value::Boolean(_)
            | Value::List(_)
            | Value::Numbers(_)
            | Value::EmptyTable
            | Value::Other(_) => None,
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

    /// On or off.
    pub(super) fn switch(&mut self, name: &str, default: bool) -> bool {
        let Some(given) = self.take(name) else { return self.default(name, default) };
        let is_on = match &given.value {
            Value::Boolean(is_on) => Some(*is_on),
            Value::Untyped(text) => text.trim().parse().ok(),
            Value::Text(_)
            | Value::Integer(_)
            | Value::List(_)
            | Value::Numbers(_)
            | Value::EmptyTable
            | Value::Other(_) => None,
        };
        let Some(is_on) = is_on else {
            let problem = format!("is {}; expected true or false", given.value.show());
            self.refuse(name, Some(given.origin), problem);
            return default;
        };
        self.resolve(name, is_on.to_string(), Some(given.origin));
        is_on
    }

    /// A span of time as people write it, such as `6h`, if one is given.
    pub(super) fn age(&mut self, name: &str) -> Option<Duration> {
        let (text, origin) = self.take_text(name)?;
        let age = parse_age(text.trim()).and_then(|age| match age {
            Duration::ZERO => Err("expected more than no time, such as 6h".to_owned()),
            age => Ok(age),
        });
        let age = age.map_err(|expected| {
            self.refuse(name, Some(origin.clone()), format!("is {text:?}; {expected}"));
        });
        self.resolve(name, text, Some(origin));
        age.ok()
    }

    /// What one of a few words stands for, if one is given.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let (text, origin) = self.take_text(name)?;
        let chosen = choices.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let hint = did_you_mean(&text, words.iter().copied());
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

    /// A list of whole numbers, if one is given; `expected` says what it should be.
    pub(super) fn numbers(&mut self, name: &str, expected: &str) -> Option<Vec<i64>> {
        let given = self.take(name)?;
        let numbers: Option<Vec<i64>> = match &given.value {
            Value::Numbers(numbers) => Some(numbers.clone()),
            Value::Untyped(text) => text.split(',').map(|item| item.trim().parse().ok()).collect(),
            Value::List(items) if items.is_empty() => Some(Vec::new()),
            _ => None,
        };
        let Some(numbers) = numbers else {
            let problem = format!("is {}; expected {expected}", given.value.kind());
            self.refuse(name, Some(given.origin), problem);
            return None;
        };
        let shown = numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        self.resolve(name, shown, Some(given.origin));
        Some(numbers)
    }

    /// A secret from `name` or from the file that `name_file` names.
    pub(super) fn secret(&mut self, name: &str) -> Option<Secret> {
        let (secret, direct) = self.take_secret(name)?;
        if let Some(origin) = direct {
            self.note_secret_in(name, &origin);
        }
        Some(secret)
    }

    /// The secret, and where it stands unless it is in a file of its own.
    fn take_secret(&mut self, name: &str) -> Option<(Secret, Option<Origin>)> {
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
        let is_direct = direct.is_some();
        let (secret, origin) = match (direct, file) {
            (Some((text, origin)), _) => (Some(Secret::new(text.trim())), origin),
            (None, Some((path, origin))) => (self.secret_in(&file_name, Path::new(&path), &origin), origin),
            (None, None) => return None,
        };
        self.resolve(name, "[secret]".to_owned(), Some(origin.clone()));
        Some((secret?, is_direct.then_some(origin)))
    }

    /// The secrets listed in `list_name`, then those in the files that `files_name` lists.
    pub(super) fn secrets(&mut self, list_name: &str, files_name: &str) -> Vec<Secret> {
        let (items, origin) = self.take_list(list_name);
        if items.iter().any(|item| item.trim().is_empty()) {
            self.refuse(list_name, origin.clone(), "holds an empty text; expected a secret".to_owned());
        }
        let mut secrets: Vec<_> = items.into_iter().map(Secret::new).collect();
        if let Some(origin) = origin {
            self.note_secret_in(list_name, &origin);
            self.resolve(list_name, vec!["[secret]"; secrets.len()].join(", "), Some(origin));
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
        let (url, direct) = self.take_secret(name)?;
        let masked = mask_url(url.expose());
        if let Some(origin) = direct.filter(|_| masked != url.expose()) {
            self.note_secret_in(name, &origin);
        }
        self.show_as(name, masked);
        Some(url)
    }

    /// A list of URLs whose passwords are never shown.
    pub(super) fn secret_urls(&mut self, name: &str) -> Vec<Secret> {
        let (urls, origin) = self.take_list(name);
        if let Some(origin) = origin {
            let masked: Vec<_> = urls.iter().map(|url| mask_url(url)).collect();
            if masked != urls {
                self.note_secret_in(name, &origin);
            }
            self.resolve(name, masked.join(", "), Some(origin));
        }
        urls.into_iter().map(Secret::new).collect()
    }

    fn take_text(&mut self, name: &str) -> Option<(String, Origin)> {
        let given = self.take(name)?;
        match given.value {
            Value::Untyped(text) | Value::Text(text) => Some((text, given.origin)),
            Value::Integer(number) => Some((number.to_string(), given.origin)),
            Value::Boolean(_) | Value::List(_) | Value::Numbers(_) | Value::EmptyTable | Value::Other(_) => {
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
            Value::Text(_)
            | Value::Integer(_)
            | Value::Boolean(_)
            | Value::Numbers(_)
            | Value::EmptyTable
            | Value::Other(_) => {
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
            Ok(text) => {
                self.note_secret_file(name, path);
                return Some(Secret::new(text.trim()));
            }
        };
        self.refuse(name, Some(origin.clone()), problem);
        None
    }
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
