//! The directory of `paylatch dev`: its database, its secrets, an example.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::running::{Running, Start};
use crate::cli::caller_input::{CallerInput, read_file};
use crate::cli::failure::{Exit, Failure};
use crate::config::{DevLayer, Flag, Layers};
use crate::provider::Providers;

/// Beside whatever the developer works on.
const DIRECTORY: &str = "paylatch-data";
/// Where a `dev` tells that it runs.
const RUNNING: &str = "running.json";
/// What `dev` decides itself. A developer's shell may be set up for another database.
const FIXED_VARIABLES: [&str; 7] = [
    "PAYLATCH_DATABASE_SCHEMA",
    "PAYLATCH_DATABASE_URL",
    "PAYLATCH_DATABASE_URL_FILE",
    "PAYLATCH_LOCK_BACKEND",
    "PAYLATCH_LOCK__BACKEND",
    "PAYLATCH_LOCK_URLS",
    "PAYLATCH_LOCK__URLS",
];

/// Whether the developer wants to see other logs.
fn names_a_log_filter(input: &CallerInput) -> bool {
    let variables = ["PAYLATCH_LOG_FILTER", "PAYLATCH_LOG__FILTER"];
    input.flags.iter().any(|flag| flag.setting == "log.filter")
        || variables.iter().any(|name| input.environment.contains_key(*name))
}

/// Written into a new secrets file.
const SECRETS_HEADER: &str = "\
# Sources of `paylatch dev`, each with a secret that was made here. Keep it to yourself.
# To take a provider's own test webhooks, put the endpoint's signing secret in.
";
/// What the printed curl line sends: a payment of 20.00 USD for an order.
const EXAMPLE: &str = r#"{
  "id": "evt_example_1",
  "object": "event",
  "api_version": "2024-06-20",
  "created": 1767225600,
  "livemode": false,
  "type": "payment_intent.succeeded",
  "data": {
    "object": {
      "id": "pi_example_1",
      "object": "payment_intent",
      "amount": 2000,
      "amount_received": 2000,
      "currency": "usd",
      "status": "succeeded",
      "metadata": { "order_id": "order-1001" }
    }
  }
}
"#;

/// The directory, with everything in it.
#[derive(Debug)]
pub(in crate::cli) struct DataDir {
    directory: PathBuf,
}

impl DataDir {
    /// The directory that a `paylatch dev` made here earlier.
    pub(in crate::cli) fn find() -> Option<Self> {
        let data = Self { directory: DIRECTORY.into() };
        data.secrets().is_file().then_some(data)
    }

    /// Makes the directory, or adds what is missing in it: a secret for each of `providers` that needs nothing else.
    pub(in crate::cli) fn prepare(providers: &Providers) -> Result<Self, Failure> {
        let data = Self { directory: DIRECTORY.into() };
        let fail = |error: io::Error| {
            Failure::new(Exit::Failed, "data_directory", format!("cannot write ./{DIRECTORY}: {error}"))
                .hint("`paylatch dev` keeps its data in the directory that it is started in")
        };
        if data.directory.is_symlink() {
            let message = format!("./{DIRECTORY} is a link: secrets would be written to where it leads");
            return Err(Failure::new(Exit::Failed, "data_directory", message)
                .hint("remove it, or start `paylatch dev` in another directory"));
        }
        if !data.directory.is_dir() {
            DirBuilder::new().mode(0o700).create(&data.directory).map_err(fail)?;
        }
        data.write_once(".gitignore", "*\n").map_err(fail)?;
        data.write_once("example.json", EXAMPLE).map_err(fail)?;
        data.write_once("secrets.toml", SECRETS_HEADER).map_err(fail)?;
        data.add_secrets(providers)?;
        Ok(data)
    }

    /// The settings of a `dev` here: flags, environment and the settings file apply, except to what makes it a `dev`. The
    /// database and the locks of the settings file hold only if that was asked for.
    pub(super) fn layers(&self, input: &CallerInput, start: &Start) -> Result<Layers, Failure> {
        let fixed = |setting: &str, value: String| Flag {
            setting: setting.to_owned(),
            value,
            written: "paylatch dev",
        };
        let mut flags = input.flags.clone();
        let mut environment = input.environment.clone();
        if !start.with_database {
            flags.push(fixed("database_url", format!("sqlite://{}", self.database().display())));
            flags.push(fixed("lock.backend", "local".to_owned()));
            environment.retain(|name, _| !FIXED_VARIABLES.contains(&name.as_str()));
        }
        if !names_a_log_filter(input) {
            // What is answered is shown by `dev` itself.
            flags.push(fixed("log.filter", "warn".to_owned()));
        }
        let file = start.settings_file.as_deref().map(read_file).transpose()?;
        let dev = DevLayer { made: read_file(&self.secrets())?, with_database: start.with_database };
        Ok(Layers { flags, environment, file, dev: Some(dev) })
    }

    /// The settings of the `dev` that runs here, if one does, with the addresses where it listens.
    pub(in crate::cli) fn layers_of_running(&self, input: &CallerInput) -> Result<Option<Layers>, Failure> {
        let Some(running) = Running::read(&self.directory.join(RUNNING)) else { return Ok(None) };
        let mut layers = self.layers(input, &running.start)?;
        let is_given = |own: &Flag| layers.flags.iter().any(|given| given.setting == own.setting);
        let own: Vec<Flag> = running.flags().into_iter().filter(|own| !is_given(own)).collect();
        layers.flags.extend(own);
        Ok(Some(layers))
    }

    /// The settings of a `dev` that ran here.
    pub(in crate::cli) fn layers_of_last(&self, input: &CallerInput) -> Result<Layers, Failure> {
        self.layers(input, &Start::new(input.settings_file(), false))
    }

    /// Lets the other commands find the `dev` that runs here, until what this returns is dropped.
    pub(super) fn announce(&self, running: &Running) -> io::Result<File> {
        running.announce(&self.directory.join(RUNNING))
    }

    /// The directory, for people.
    pub(in crate::cli) fn directory(&self) -> String {
        format!("./{}", self.directory.display())
    }

    /// The SQLite file.
    pub(in crate::cli) fn database(&self) -> PathBuf {
        self.directory.join("paylatch.db")
    }

    /// The generated sources.
    pub(in crate::cli) fn secrets(&self) -> PathBuf {
        self.directory.join("secrets.toml")
    }

    /// A Stripe webhook's body, by its absolute path, so that a line that names it works anywhere.
    pub(in crate::cli) fn example(&self) -> PathBuf {
        let path = self.directory.join("example.json");
        std::path::absolute(&path).unwrap_or(path)
    }

    fn add_secrets(&self, providers: &Providers) -> Result<(), Failure> {
        let path = self.secrets();
        let broken = |problem: String| {
            Failure::new(Exit::Config, "secrets_file", format!("{}: {problem}", path.display()))
                .hint("correct it, or remove it: new secrets are made")
        };
        let present = read_file(&path)?
            .text
            .parse::<toml::Table>()
            .map_err(|error| broken(error.message().to_owned()))?;
        let present = present.get("sources").and_then(toml::Value::as_table).cloned().unwrap_or_default();
        let missing = providers
            .names()
            .filter(|name| providers.needs_only_a_secret(name) && !present.contains_key(*name));
        let added: String = missing
            .map(|name| {
                let secret = toml::Value::from(providers.generate_secret(name).expose());
                format!("\n[sources.{name}]\nprovider = \"{name}\"\nsecrets = [{secret}]\n")
            })
            .collect();
        let append = || OpenOptions::new().append(true).open(&path)?.write_all(added.as_bytes());
        append().map_err(|error| broken(error.to_string()))
    }

    /// Writes a file that only its owner may read, unless it is there.
    fn write_once(&self, name: &str, text: &str) -> io::Result<()> {
        let path: &Path = &self.directory.join(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => file.write_all(text.as_bytes()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}
