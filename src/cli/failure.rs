//! Why a command failed: facts, a way out, a stable code, and the exit code.

use std::fmt;

use super::output::{Output, Tone};
use crate::config::Mistakes;
use crate::server::ServerError;
use crate::store::StoreError;

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    code: &'static str,
    exit: Exit,
    message: String,
    facts: Vec<String>,
    hints: Vec<String>,
}

/// What the shell is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// It ran, and all is well.
    Ok = 0,
    /// It ran, and the answer is no.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Something that it depends on is not available.
    Unavailable = 69,
    /// The settings, or the database that they name, are wrong.
    Config = 78,
}

impl Failure {
    pub(super) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, exit, message: message.into(), facts: Vec::new(), hints: Vec::new() }
    }

    /// There is no event of this id; `source`: in this one.
    pub(super) fn no_event(id: &str, source: Option<&str>) -> Self {
        let of_source = source.map(|source| format!(" --source {source}")).unwrap_or_default();
        Self::new(Exit::Failed, "unknown_event", format!("there is no event {id:?}"))
            .hint(format_args!("`paylatch events{of_source}` lists those that there are"))
    }

    pub(super) fn fact(mut self, fact: impl fmt::Display) -> Self {
        self.facts.push(fact.to_string());
        self
    }

    pub(super) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn hints(&self) -> &[String] {
        &self.hints
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    pub(super) fn tell(&self, output: Output) {
        let error = output.tone_err(Tone::Bad, "error:");
        output.note(format_args!("{error} {} ({})", self.message, self.code));
        for fact in &self.facts {
            output.note(format_args!("  {fact}"));
        }
        let hint = output.tone_err(Tone::Hint, "hint:");
        for text in &self.hints {
            output.note(format_args!("{hint} {text}"));
        }
    }
}

impl fmt::Display for Failure {
    /// In one line, for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        self.facts.iter().try_for_each(|fact| write!(f, "; {fact}"))
    }
}

impl From<Mistakes> for Failure {
    fn from(Mistakes(mistakes): Mistakes) -> Self {
        let message = match mistakes.len() {
            1 => "a setting is wrong".to_owned(),
            count => format!("{count} settings are wrong"),
        };
        mistakes
            .into_iter()
            .fold(Self::new(Exit::Config, "settings", message), |failure, mistake| failure.fact(mistake))
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        let message = error.to_string();
        match error {
            ServerError::Setting { .. } => Self::new(Exit::Config, "settings", message),
            ServerError::Unfit(problem) => unfit(&problem),
            ServerError::Bind { setting, address, error }
                if error.kind() == std::io::ErrorKind::AddrInUse =>
            {
                let flag = setting.replace('_', "-");
                Self::new(Exit::Unavailable, "port_in_use", format!("{address} ({setting}) is in use")).hint(
                    format_args!(
                        "another process listens there; choose another port: --{flag} {}:0",
                        address.ip()
                    ),
                )
            }
            ServerError::Bind { setting, .. } => Self::new(Exit::Unavailable, "cannot_listen", message)
                .fact(format_args!("the address is set by {setting}")),
            ServerError::Metrics(_) => Self::new(Exit::Failed, "metrics", message),
            ServerError::Threads(_) => Self::new(Exit::Failed, "no_runtime", message),
            ServerError::Ended(_) => Self::new(Exit::Failed, "part_ended", message),
            ServerError::Overdue => Self::new(Exit::Failed, "shutdown_overdue", message)
                .hint("what was not answered was not acknowledged: providers send it again"),
            ServerError::Cut => Self::new(Exit::Failed, "cut", message)
                .hint("what was not answered was not acknowledged: providers send it again"),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Misconfigured(problem) => unfit(&problem),
            // SQLite's words for a file that is not there, or may not be opened.
            StoreError::Unavailable(why) if why.contains("unable to open database file") => {
                Self::new(Exit::Unavailable, "database_unavailable", message).hint(
                    "database_url names the file: `paylatch config` shows it; `paylatch migrate` makes it",
                )
            }
            StoreError::Unavailable(_) | StoreError::Unknown(_) => {
                Self::new(Exit::Unavailable, "database_unavailable", message)
                    .hint("database_url says where it is: `paylatch config` shows it")
            }
            StoreError::Busy(_) => {
                Self::new(Exit::Unavailable, "database_busy", message).hint("ask again, or for less")
            }
            StoreError::Forbidden(problem) => Self::new(Exit::Config, "database_unfit", problem),
            StoreError::Stale(_) => Self::new(Exit::Failed, "raced", message).hint("try again"),
            StoreError::Refused { .. } | StoreError::Blocked(_) => {
                Self::new(Exit::Failed, "database_refused", message)
            }
        }
    }
}

fn unfit(problem: &str) -> Failure {
    Failure::new(Exit::Config, "database_unfit", format!("the database must not be used: {problem}"))
}
