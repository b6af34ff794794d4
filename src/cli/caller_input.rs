//! What a command's caller gives beside its own flags: the environment, `--config`, and `--set` with the flags that stand for
//! settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::failure::{Exit, Failure};
use crate::config::{File, Flag, Layers};

/// Read when nothing else is named.
pub(super) const SETTINGS_FILE: &str = "paylatch.toml";

/// What the caller gives.
pub(super) struct CallerInput {
    pub(super) environment: BTreeMap<String, String>,
    /// `--config`.
    pub(super) config: Option<PathBuf>,
    /// `--set` and the flags that stand for settings.
    pub(super) flags: Vec<Flag>,
}

impl CallerInput {
    /// Where the settings file is, if there is one.
    pub(super) fn settings_file(&self) -> Option<PathBuf> {
        let named = self.config.clone().or_else(|| self.variable("PAYLATCH_CONFIG").map(PathBuf::from));
        named.or_else(|| Path::new(SETTINGS_FILE).exists().then(|| PathBuf::from(SETTINGS_FILE)))
    }

    /// What is input, in the order in which one goes before another.
    pub(super) fn layers(&self) -> Result<Layers, Failure> {
        let file = self.settings_file().map(|path| read_file(&path)).transpose()?;
        Ok(Layers { flags: self.flags.clone(), environment: self.environment.clone(), file, dev: None })
    }

    /// Whether the command line says which database it means.
    pub(super) fn flags_name_a_database(&self) -> bool {
        self.config.is_some() || self.flags.iter().any(|flag| flag.setting.starts_with("database_url"))
    }

    /// Whether the environment or the settings file names a database.
    pub(super) fn names_a_database(&self) -> Result<bool, Failure> {
        let names = ["database_url", "database_url_file"];
        let in_file = match self.settings_file() {
            // A file that is no TOML is told of by whoever reads the settings.
            Some(path) => read_file(&path)?
                .text
                .parse::<toml::Table>()
                .map_or(true, |file| names.iter().any(|name| file.contains_key(*name))),
            None => false,
        };
        let variables = ["PAYLATCH_DATABASE_URL", "PAYLATCH_DATABASE_URL_FILE"];
        Ok(in_file || variables.iter().any(|name| self.variable(name).is_some()))
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Reads a settings file.
pub(super) fn read_file(path: &Path) -> Result<File, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Config, "settings_file", format!("cannot read {}: {error}", path.display()))
            .hint("it was named by --config or PAYLATCH_CONFIG, or lies in this directory")
    })?;
    Ok(File { path: path.to_owned(), text })
}
