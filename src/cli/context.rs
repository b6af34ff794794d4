//! What every command starts from: the settings as they were chosen, the database, where to write, and the time.

use std::path::PathBuf;

use jiff::Timestamp;

use super::caller_input::{CallerInput, SETTINGS_FILE};
use super::dev::DataDir;
use super::failure::{Exit, Failure};
use super::output::{Output, printable};
use crate::config::{Needs, Settings};
use crate::order::UnixMicros;
use crate::provider::Source;
use crate::store::Store;
use crate::telemetry::{Traces, start_logs};

/// What every command starts from.
pub(super) struct Context {
    pub(super) input: CallerInput,
    pub(super) output: Output,
}

impl Context {
    /// The settings for a command that looks at or serves what is configured.
    pub(super) fn settings(&self, needs: Needs) -> Result<Settings, Failure> {
        Settings::read(self.input.layers()?, needs).map_err(|mistakes| {
            let failure = Failure::from(mistakes);
            match self.settings_file() {
                Some(_) => failure,
                None => failure.hint(format_args!(
                    "no settings file was read: there is no ./{SETTINGS_FILE}, and neither --config nor PAYLATCH_CONFIG names one"
                )),
            }
        })
    }

    /// The settings; those of the `paylatch dev` that runs in this directory, unless a flag names others; also those of one
    /// that ran here, where nothing names a database.
    pub(super) fn settings_or_dev(&self, needs: Needs) -> Result<Settings, Failure> {
        let Some(data) = DataDir::find().filter(|_| !self.input.flags_name_a_database()) else {
            return self.settings(needs);
        };
        if let Some(layers) = data.layers_of_running(&self.input)? {
            self.output.note(format_args!("using {}, where `paylatch dev` runs", data.directory()));
            return Ok(Settings::read(layers, needs)?);
        }
        if self.input.names_a_database()? {
            return self.settings(needs);
        }
        self.output.note(format_args!("using {}, made by `paylatch dev`", data.directory()));
        Ok(Settings::read(data.layers_of_last(&self.input)?, needs)?)
    }

    /// One source of the settings.
    pub(super) fn source<'s>(&self, settings: &'s Settings, name: &str) -> Result<&'s Source, Failure> {
        let names = || settings.sources.iter().map(|source| source.name().as_str());
        settings.sources.iter().find(|source| source.name().as_str() == name).ok_or_else(|| {
            let failure = Failure::new(Exit::Usage, "unknown_source", format!("no source is named {name:?}"));
            match names().count() {
                0 => failure.hint("no source is configured; `paylatch dev` makes some for trying out"),
                _ => {
                    failure.hint(format_args!("the sources are: {}", names().collect::<Vec<_>>().join(", ")))
                }
            }
        })
    }

    /// Refuses a filter by a source that is neither configured nor stored: its table would be empty, and seem true.
    pub(super) async fn filter_by_source(
        &self,
        settings: &Settings,
        store: &Store,
        name: Option<&str>,
    ) -> Result<(), Failure> {
        let Some(name) = name else { return Ok(()) };
        let mut names: Vec<String> =
            settings.sources.iter().map(|source| source.name().to_string()).collect();
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        names.extend(store.stored_sources().await?);
        names.sort_unstable();
        names.dedup();
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        let failure = Failure::new(Exit::Usage, "unknown_source", format!("no source is named {name:?}"));
        Err(match names.is_empty() {
            true => failure.hint("no source is configured, and no event is stored"),
            false => failure.hint(format_args!("the sources are: {}", printable(&names.join(", ")))),
        })
    }

    /// The database of the settings.
    pub(super) fn store(&self, settings: &Settings) -> Result<Store, Failure> {
        let missing = || {
            Failure::new(Exit::Config, "settings", "database_url is not set")
                .hint("expected postgres://user@host/database or sqlite://path")
        };
        Ok(Store::open(settings.store.as_ref().ok_or_else(missing)?)?)
    }

    /// The same, once it answers: what a command asks of it later only waits in vain, and cannot say why.
    pub(super) async fn reached_store(&self, settings: &Settings) -> Result<Store, Failure> {
        let store = self.store(settings)?;
        store.reach().await?;
        Ok(store)
    }

    /// Shows logs and hands out traces from here on, as the settings say. Whoever serves ends the traces at last.
    pub(super) fn start_telemetry(&self, settings: &Settings) -> Result<Option<Traces>, Failure> {
        let wrong = |problem: String| Failure::new(Exit::Config, "settings", problem);
        let traces = settings.traces.as_ref().map(Traces::start).transpose();
        let traces = traces.map_err(|problem| wrong(format!("otlp.endpoint {problem}")))?;
        let (format, filter) = (settings.log_format, &settings.log_filter);
        let started = start_logs(format, filter, self.output.is_colourless(), traces.as_ref());
        started.map_err(|error| wrong(format!("log.filter: {error}")))?;
        Ok(traces)
    }

    /// Where the settings file is, if there is one.
    pub(super) fn settings_file(&self) -> Option<PathBuf> {
        self.input.settings_file()
    }
}

/// This machine's clock.
pub(super) fn now_micros() -> UnixMicros {
    UnixMicros(Timestamp::now().as_microsecond())
}

/// This machine's clock, in Unix seconds.
pub(super) fn now_seconds() -> i64 {
    Timestamp::now().as_second()
}
