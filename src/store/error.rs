//! Whose fault a database's error is, and so what the caller does: decide again, give the data up, wait, or call a person.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use super::postgres::migrations as postgres_migrations;
use super::sqlite::migrations as sqlite_migrations;

/// Why a call of the store failed, or is not known to have succeeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody was faster, or what was not loaded is known: load, decide and save again.
    #[error("stale: {0} moved since it was read")]
    Stale(String),
    /// Our own tables and functions refuse the data (SQLSTATE class 22, or 23 but for 23505, a key that exists): sending it
    /// again will not help.
    #[error("refused ({code}): {message}")]
    Refused {
        /// SQLSTATE, or SQLite's code.
        code: String,
        /// What the database said, without values.
        message: String,
    },
    /// Something in the database that is not ours stands in the way of these very rows: a trigger or a constraint of the
    /// merchant's, a row that only a newer version can read. The data is good, and others' data is not concerned.
    #[error("blocked in the database: {0}")]
    Blocked(String),
    /// No connection, or an error that says that nothing was done.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// The connection was lost or no answer came in time: it may have been done.
    #[error("the database did not answer: {0}")]
    Unknown(String),
    /// It answers, and is asked too much at once, or took too long over one question.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The role may not do it. Once it is granted, it works without a restart.
    #[error("{0}")]
    Forbidden(String),
    /// It answers, but must not or cannot be used: migrations missing or edited, a backstop missing, a standby, fsync off,
    /// the disk full.
    #[error("{0}")]
    Misconfigured(String),
}

impl StoreError {
    /// The same of a call that cannot have written anything.
    pub(super) fn of_connecting(self) -> Self {
        match self {
            Self::Unknown(why) => Self::Unavailable(why),
            other => other,
        }
    }

    /// Whether the connection that it came from may be used again: the database has finished the call.
    pub(super) fn leaves_connection_usable(&self) -> bool {
        match self {
            Self::Stale(_) | Self::Refused { .. } | Self::Blocked(_) => true,
            Self::Unavailable(_)
            | Self::Unknown(_)
            | Self::Busy(_)
            | Self::Forbidden(_)
            | Self::Misconfigured(_) => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
                    of_postgres(error)
                } else if let Some(error) = error.try_downcast_ref::<SqliteError>() {
                    of_sqlite(error)
                } else {
                    Self::Unknown(error.to_string())
                }
            }
            // Only our own types fail to encode, and only for a value that no database could hold.
            sqlx::Error::Encode(error) => {
                Self::Refused { code: "22000".to_owned(), message: error.to_string() }
            }
            error @ (sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Configuration(_)
            | sqlx::Error::Tls(_)) => Self::Unavailable(error.to_string()),
            other => Self::Unknown(other.to_string()),
        }
    }
}

/// Only our own tables and functions refuse data or say that somebody was faster: the very same codes of a merchant's trigger
/// say nothing of our data, and trying again would not help.
fn of_postgres(error: &PgDatabaseError) -> StoreError {
    let (code, message) = (error.code(), without_values(error.message()));
    let told = format!("{message} ({code})");
    match code {
        // Any transaction may be the victim of a deadlock, and the next attempt may well not be.
        "40P01" => StoreError::Stale(message),
        _ if is_of_a_stranger(error) => StoreError::Blocked(told),
        "40001" => StoreError::Stale(message),
        // Somebody else inserted the row since the load.
        "23505" => StoreError::Stale(error.constraint().unwrap_or_default().to_owned()),
        // Our rows have no such gap: a column or a rule was added by hand.
        "23502" => StoreError::Blocked(told),
        // A statement that was cancelled: by its `statement_timeout`, or because nobody waited for it.
        "57014" => StoreError::Busy(told),
        _ if code.starts_with("22") || code.starts_with("23") => {
            StoreError::Refused { message, code: code.to_owned() }
        }
        "42501" => StoreError::Forbidden(format!("{told}; grant it to the user of database_url")),
        "53100" => StoreError::Misconfigured(format!("the database's disk is full: {told}; make room")),
        "25006" => StoreError::Misconfigured(format!("the database is read-only: {told}")),
        // A table, column or function that is not there.
        _ if code.starts_with("42") || code == "3F000" => {
            StoreError::Misconfigured(format!("{told}; `paylatch check` says what is missing"))
        }
        // The server ends the session, or cannot tell what became of the transaction.
        _ if ["08", "57P", "58", "XX"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Unknown(told)
        }
        _ => StoreError::Unavailable(told),
    }
}

/// What a trigger does is told by the functions in the error's context, what a constraint refuses by its name.
fn is_of_a_stranger(error: &PgDatabaseError) -> bool {
    let in_context = error.r#where().unwrap_or_default().lines().filter_map(function_of_context);
    in_context.into_iter().any(|name| !postgres_migrations::declares("function", name))
        || error.constraint().is_some_and(|name| !postgres_migrations::declares("constraint", name))
        || error.table().is_some_and(|name| !postgres_migrations::declares("table", name))
}

/// The function's name in `PL/pgSQL function save_decided(text[]) line 3 at SQL statement`, or `SQL function "name" ..`.
fn function_of_context(line: &str) -> Option<&str> {
    let (_, named) = line.split_once(" function ")?;
    let name = named.trim_start_matches('"').split(['(', '"', ' ']).next()?;
    Some(name.rsplit('.').next().unwrap_or(name))
}

/// SQLite names the constraint or column that refused, and a trigger's `raise` by a code of its own.
fn of_sqlite(error: &SqliteError) -> StoreError {
    const CONSTRAINT_TRIGGER: u32 = 1811;
    let message = error.message().to_owned();
    let code = error.code().unwrap_or_default().into_owned();
    let number = code.parse::<u32>().unwrap_or_default();
    let named = message.rsplit(": ").next().unwrap_or_default();
    let (first, _) = named.split_once('.').unwrap_or((named, ""));
    let is_ours =
        sqlite_migrations::declares("constraint", first) || sqlite_migrations::declares("table", first);
    match number & 0xff {
        19 if number == CONSTRAINT_TRIGGER || !is_ours => StoreError::Blocked(message),
        // Too big, a constraint, a mismatch. These name columns and constraints, never values.
        18..=20 => StoreError::Refused { code, message },
        // Permission, read-only, corrupt, full, no database.
        3 | 8 | 11 | 13 | 26 => {
            StoreError::Misconfigured(format!("the database cannot be written: {message}"))
        }
        1 if message.starts_with("no such") => StoreError::Misconfigured(message),
        _ => StoreError::Unavailable(message),
    }
}

/// Up to the first colon: what follows may quote a value, and so may the detail.
fn without_values(message: &str) -> String {
    message.split(": ").next().unwrap_or_default().to_owned()
}
