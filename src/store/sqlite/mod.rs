//! SQLite: the same load and save by one writer, in a transaction that holds the write lock from its start.

pub(super) mod migrations;
mod save;
mod schema;

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, SqliteConnection};

use crate::order::{Changes, Key, Snapshot};

pub(super) use self::save::save_within;
use super::epoch::Server;
use super::snapshot::assemble;
use super::{By, Schema, StoreError, Wanted, applied};

/// Connections for looking at the data: the CLI, the API, gauges. The one lane has its own.
const INSPECTION_CONNECTIONS_MAX: u32 = 2;
const INSPECTION_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// A checkpoint copies each page that changed since the last one, and waits for the disk: the fewer, the less is copied
/// twice. The log then stays below 32 MB.
const CHECKPOINT_PAGES: &str = "8000";
/// Pages of 4 KB that a connection keeps: the upper part of all indexes of some million events.
const CACHE_PAGES: &str = "4000";

/// What others may do with the file and its lock, whatever the umask says: not even open them, for who may open a lock may
/// hold it.
const OWNER_ONLY: u32 = 0o600;

/// Where the file is.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    path: PathBuf,
    options: SqliteConnectOptions,
    pub(super) pool: SqlitePool,
    /// Held while this process writes; the operating system lets go of it when the process ends.
    claim: Arc<Mutex<Option<File>>>,
}

impl Sqlite {
    pub(super) fn open(path: &str, call_timeout: Duration) -> Result<Self, StoreError> {
        if path.is_empty() || path.contains(":memory:") || path.contains('?') {
            return Err(super::bad_url("it names no file"));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .pragma("cache_size", CACHE_PAGES)
            // macOS flushes to the disk itself only when it is told so; elsewhere these say nothing.
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
            .busy_timeout(call_timeout);
        let pool = SqlitePoolOptions::new()
            .max_connections(INSPECTION_CONNECTIONS_MAX)
            .acquire_timeout(INSPECTION_ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options.clone());
        Ok(Self { path: path.into(), options, pool, claim: Arc::default() })
    }

    /// Makes this process the only one that serves from the file, for as long as the store lives.
    pub(super) fn claim(&self) -> Result<(), StoreError> {
        let mut claim = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        if claim.is_some() {
            return Ok(());
        }
        let name = lock_name(&self.path);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(OWNER_ONLY)
            .open(&name)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", name.display())))?;
        match file.try_lock() {
            Ok(()) => {
                *claim = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Misconfigured(format!(
                "another process serves from {} (it holds {}), and of SQLite only one may: let that one do it, on its dashboard or by its API (docs: /docs there), or stop it; another server needs a database_url of its own",
                self.path.display(),
                name.display()
            ))),
            Err(TryLockError::Error(error)) => {
                Err(StoreError::Unavailable(format!("{}: {error}", name.display())))
            }
        }
    }

    /// Creates the file, and applies the migrations that are missing.
    pub(super) async fn migrate(&self, by: Option<&By>) -> Result<Vec<String>, StoreError> {
        self.has_directory()?;
        self.claim()?;
        self.create_private()?;
        let mut connection = self.options.clone().create_if_missing(true).connect().await?;
        schema::migrate(&mut connection, by).await
    }

    /// Whether everything stands that our migrations make.
    pub(super) async fn check(&self) -> Result<Schema, StoreError> {
        self.exists()?;
        schema::check(self.acquire().await?.as_mut()).await
    }

    /// Whether the file can be opened.
    pub(super) async fn reach(&self) -> Result<(), StoreError> {
        self.acquire().await.map(drop)
    }

    /// A connection to the file, which is named where it cannot be opened: SQLite itself does not say which.
    async fn acquire(&self) -> Result<PoolConnection<sqlx::Sqlite>, StoreError> {
        self.pool.acquire().await.map_err(|error| match StoreError::from(error) {
            StoreError::Unavailable(why) => {
                StoreError::Unavailable(format!("{}: {why}", self.path.display()))
            }
            other => other,
        })
    }

    /// A directory that is not there is rather a mistyped path than one to be made.
    fn has_directory(&self) -> Result<(), StoreError> {
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        match directory.filter(|directory| !directory.is_dir()) {
            None => Ok(()),
            Some(directory) => Err(StoreError::Misconfigured(format!(
                "there is no directory {} for the file of database_url; make it, or correct the path",
                directory.display()
            ))),
        }
    }

    /// Makes the file before SQLite would, as one that only its owner reads: it holds payment data. SQLite gives the files
    /// beside it the same permissions.
    fn create_private(&self) -> Result<(), StoreError> {
        let made = File::options().create(true).truncate(false).write(true).mode(OWNER_ONLY).open(&self.path);
        made.map(drop).map_err(|error| StoreError::Unavailable(format!("{}: {error}", self.path.display())))
    }

    fn exists(&self) -> Result<(), StoreError> {
        if self.path.exists() {
            Ok(())
        } else {
            Err(applied::unfit(format_args!("there is no file {}", self.path.display())))
        }
    }

    /// The writer's connection.
    pub(super) async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        self.exists()?;
        self.claim()?;
        self.options.connect().await.map_err(StoreError::from).map_err(StoreError::of_connecting)
    }
}

fn lock_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// The file has one server, this process, for as long as it is claimed: all there is to see is that it can be read.
pub(super) async fn look(connection: &mut SqliteConnection) -> Result<Server, StoreError> {
    sqlx::query("select 1 from events limit 1").fetch_optional(connection).await?;
    Ok(Server { started: String::new(), system: None, timeline: None, log_position: None })
}

pub(super) async fn load(connection: &mut SqliteConnection, wanted: &Wanted) -> Result<Snapshot, StoreError> {
    let rows = sqlx::query(include_str!("load.sql"))
        .bind(json(&wanted.events))
        .bind(json(&wanted.payments))
        .bind(json(&wanted.orders))
        .bind(wanted.order_events_max.map_or(-1, i64::from))
        .fetch_all(connection)
        .await?;
    assemble(&rows)
}

pub(super) async fn save(connection: &mut SqliteConnection, changes: &Changes<'_>) -> Result<(), StoreError> {
    save::save(connection, changes).await
}

/// Adds to the counts of known events.
pub(super) async fn count_duplicates(
    connection: &mut SqliteConnection,
    counts: &[(Key, i64)],
) -> Result<(), StoreError> {
    let counts: serde_json::Value =
        counts.iter().map(|(key, n)| serde_json::json!([key.id.as_str(), key.source.as_str(), n])).collect();
    sqlx::query(
        "update events set duplicates = duplicates + k.n
           from (select value ->> 0 as id, value ->> 1 as source, value ->> 2 as n from json_each(?1)) k
          where events.event_id = k.id and events.source = k.source",
    )
    .bind(counts.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// `[[id, source], ..]`
fn json(keys: &[Key]) -> String {
    let pairs: serde_json::Value =
        keys.iter().map(|key| serde_json::json!([key.id.as_str(), key.source.as_str()])).collect();
    pairs.to_string()
}
