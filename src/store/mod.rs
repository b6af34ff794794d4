//! Postgres and SQLite: load, save, inspect. The only module that knows SQL; it decides nothing.

use std::time::Duration;

use crate::order::{Changes, Event, Key, Snapshot};
use crate::secret::Secret;

/// Where the data is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `postgres://..` or `sqlite://path`.
    pub url: Secret,
    /// The longest that one statement may take, client-side.
    pub call_timeout: Duration,
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {}

/// What a batch needs to see.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The batch's events.
    pub events: Vec<Key>,
    /// Their payments.
    pub payments: Vec<Key>,
    /// The orders that their claims name, and every payment's id (its provisional order).
    pub orders: Vec<Key>,
}

impl Wanted {
    /// What `events` need.
    #[must_use]
    pub fn of(events: &[&Event]) -> Self {
        let _ = events;
        todo!()
    }
}

/// A lane's own connection, opened when first used and again after an error.
#[derive(Debug)]
pub struct Session {}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody was faster: load, decide and save again.
    #[error("raced: {0}")]
    Raced(String),
    /// The database refuses the data (SQLSTATE class 22 or 23): sending it again will not help.
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
    Unfit(String),
}

impl Store {
    /// Reads the URL; connects when first used.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when the URL is none.
    pub fn open(settings: &Settings) -> Result<Self, StoreError> {
        let _ = settings;
        todo!()
    }
    /// Applies the migrations that are missing; says which.
    ///
    /// # Errors
    /// When the database is away, or an applied migration was edited.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        todo!()
    }
    /// Checks that the schema is current, every backstop constraint exists and is valid, and commits are durable.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] naming what is wrong and the way out; [`StoreError::Unavailable`].
    pub async fn check(&self) -> Result<(), StoreError> {
        todo!()
    }
    /// A session for a lane.
    #[must_use]
    pub fn session(&self) -> Session {
        todo!()
    }
    /// How many lanes this database serves at once: SQLite has one writer.
    #[must_use]
    pub fn lanes_max(&self) -> usize {
        todo!()
    }
}

impl Session {
    /// Everything that a batch touches, in one statement and so one snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&mut self, wanted: &Wanted) -> Result<Snapshot, StoreError> {
        let _ = wanted;
        todo!()
    }
    /// Writes all of it, or nothing if anything moved since the load.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save(&mut self, changes: &Changes<'_>) -> Result<(), StoreError> {
        let _ = changes;
        todo!()
    }
    /// Adds to `events.duplicates`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_duplicates(&mut self, counts: &[(Key, i64)]) -> Result<(), StoreError> {
        let _ = counts;
        todo!()
    }
    /// Grows each time that a connection is lost or reopened: what was remembered before may not hold.
    #[must_use]
    pub fn generation(&self) -> u64 {
        todo!()
    }
}
