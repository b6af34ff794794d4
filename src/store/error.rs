//! What a database's error means to the caller: try again from the load, give the data up, or wait.

use sqlx::error::DatabaseError;

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody was faster, or what was not loaded is known: load, decide and save again.
    #[error("stale: {0} moved since it was read")]
    Stale(String),
    /// The database refuses the data (SQLSTATE class 22, or 23 save a key that exists): sending it again will not help.
    #[error("refused ({code}): {message}")]
    Refused {
        /// SQLSTATE, or SQLite's code.
        code: String,
        /// What the database said, without values.
        message: String,
    },
    /// Everything else: no connection, no answer in time, an unknown COMMIT.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// It answers, but must not be used: migrations missing or edited, a backstop missing, a standby, fsync off.
    #[error("{0}")]
    Misconfigured(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => refusal(error.as_ref()),
            // Only our own types fail to encode, and only for a value that no database could hold.
            sqlx::Error::Encode(error) => {
                Self::Refused { code: "22000".to_owned(), message: error.to_string() }
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// The message is kept up to its first colon: what follows may quote a value, and so may the detail.
fn refusal(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default().into_owned();
    let message = error.message();
    let without_values = || message.split(": ").next().unwrap_or_default().to_owned();
    let is_sqlite = error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
    if is_sqlite {
        return match code.parse().map(|code: u32| code & 0xff) {
            // SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH. These name columns and constraints, never values.
            Ok(18..=20) => StoreError::Refused { code, message: message.to_owned() },
            _ => StoreError::Unavailable(message.to_owned()),
        };
    }
    match code.as_str() {
        "40001" | "40P01" => StoreError::Stale(message.to_owned()),
        // Somebody else inserted the row since the load.
        "23505" => StoreError::Stale(error.constraint().unwrap_or_default().to_owned()),
        _ if code.starts_with("22") || code.starts_with("23") => {
            StoreError::Refused { message: without_values(), code }
        }
        _ => StoreError::Unavailable(format!("{} ({code})", without_values())),
    }
}
