//! Postgres: one load statement, one save function, sessions whose plans do not depend on statistics.

mod check;
mod save;
mod server;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgBindIterExt, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgConnection, SqlSafeStr};

use crate::order::{Changes, Key, Snapshot};

pub(in crate::store) use self::server::look;
use super::epoch::Epochs;
use super::snapshot::assemble;
use super::{Schema, StoreError, Wanted, schema};

/// Connections for looking at the data: the CLI, the API, gauges. Lanes have their own.
const INSPECTION_CONNECTIONS_MAX: u32 = 2;
const INSPECTION_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a migration waits for another replica's, and for readers of a table that it changes: who queues for a table
/// lock holds up everyone behind it.
const MIGRATION_LOCK_TIMEOUT: &str = "10s";

const TABLES_SQL: &str = include_str!("../../../migrations/postgres/0001_tables.sql");
const SAVE_SQL: &str = include_str!("../../../migrations/postgres/0002_save.sql");
const VIEWS_SQL: &str = include_str!("../../../migrations/postgres/0003_views.sql");
const LOCK_LEASES_SQL: &str = include_str!("../../../migrations/postgres/0004_lock_leases.sql");
const COUPONS_SQL: &str = include_str!("../../../migrations/postgres/0005_coupons.sql");

/// Where the database is and how its sessions are set up.
#[derive(Clone)]
pub(super) struct Postgres {
    options: PgConnectOptions,
    pub(super) pool: PgPool,
    call_timeout: Duration,
    /// A pooler on the way refuses start-up options; its sessions do without, only with slower plans.
    is_plain: Arc<AtomicBool>,
}

impl Postgres {
    pub(super) fn open(url: &str, call_timeout: Duration, epochs: &Epochs) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| super::bad_url("it does not read as a Postgres URL"))?
            .application_name("paylatch")
            .extra_float_digits(None);
        let epochs = epochs.clone();
        let pool = PgPoolOptions::new()
            .max_connections(INSPECTION_CONNECTIONS_MAX)
            .acquire_timeout(INSPECTION_ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |_, _| {
                epochs.end();
                Box::pin(async { Ok(()) })
            })
            .connect_lazy_with(options.clone());
        Ok(Self { options, pool, call_timeout, is_plain: Arc::default() })
    }

    /// A connection for a lane.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        if !self.is_plain.load(Ordering::Relaxed) {
            match self.tuned().connect().await {
                Err(sqlx::Error::Database(error)) if refuses_options(error.as_ref()) => {
                    self.is_plain.store(true, Ordering::Relaxed);
                }
                other => return other.map_err(StoreError::from).map_err(StoreError::of_connecting),
            }
        }
        self.options.connect().await.map_err(StoreError::from).map_err(StoreError::of_connecting)
    }

    pub(super) async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.reach().await?;
        let options = self.options.clone().options([("lock_timeout", MIGRATION_LOCK_TIMEOUT)]);
        let mut connection = options.connect().await?;
        schema::refuse_unreleased(check::is_unreleased(&mut connection).await?)?;
        schema::migrate(&mut connection, migrator()).await
    }

    pub(super) async fn check(&self) -> Result<Schema, StoreError> {
        let checked = check::check(&self.pool).await;
        if let Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) = &checked {
            // A pool says only that it waited in vain; a connection says why: refused, unknown host, wrong password.
            self.reach().await?;
        }
        checked
    }

    /// Makes a connection, and says where there is none.
    pub(super) async fn reach(&self) -> Result<(), StoreError> {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        match self.options.connect().await.map_err(StoreError::from).map_err(StoreError::of_connecting) {
            Ok(_) => Ok(()),
            Err(StoreError::Unavailable(why)) => {
                Err(StoreError::Unavailable(format!("{host}:{port}: {why}")))
            }
            Err(other) => Err(other),
        }
    }

    /// Plans that look up every row by its key: planning each load costs more than running it, and a plan made before
    /// the tables were ever analysed is kept for the session's life.
    fn tuned(&self) -> PgConnectOptions {
        let timeout = self.call_timeout.as_millis().to_string();
        self.options.clone().options([
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("statement_timeout", &timeout),
            ("lock_timeout", &timeout),
            ("synchronous_commit", "on"),
            ("timezone", "UTC"),
        ])
    }
}

/// What poolers say to start-up options that they do not track.
fn refuses_options(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("08P01") && error.message().contains("startup parameter")
}

impl std::fmt::Debug for Postgres {
    /// The options hold the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("host", &self.options.get_host()).finish_non_exhaustive()
    }
}

/// The migrations, oldest first. An applied one is never edited; a change is a new file.
fn migrator() -> Migrator {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "tables", TABLES_SQL),
        migration(2, "save", SAVE_SQL),
        migration(3, "views", VIEWS_SQL),
        migration(4, "lock_leases", LOCK_LEASES_SQL),
        migration(5, "coupons", COUPONS_SQL),
    ])
}

/// Whether a migration of ours makes the table, the constraint or the function of this name.
pub(super) fn declares(kind: &str, name: &str) -> bool {
    let ours = [TABLES_SQL, SAVE_SQL, VIEWS_SQL, LOCK_LEASES_SQL, COUPONS_SQL];
    ours.into_iter().any(|sql| schema::declares(sql, kind, name))
}

/// A plan is kept for the session's life, and one that was made when the tables were analysed while empty reads whole indexes:
/// with `plans_anew` the load's and the save's are made again for the size that the tables have now.
pub(super) async fn load(
    connection: &mut PgConnection,
    wanted: &Wanted,
    plans_anew: bool,
) -> Result<Snapshot, StoreError> {
    if plans_anew {
        connection.execute("discard plans").await?;
    }
    let mut load = sqlx::query(include_str!("load.sql"));
    for keys in [&wanted.events, &wanted.payments, &wanted.orders] {
        load = load.bind(keys.iter().map(|key| key.id.as_str()).bind_iter());
        load = load.bind(keys.iter().map(|key| key.source.as_str()).bind_iter());
    }
    assemble(&load.fetch_all(connection).await?)
}

pub(super) async fn save(connection: &mut PgConnection, changes: &Changes<'_>) -> Result<(), StoreError> {
    save::save(connection, changes).await
}

/// Adds to the counts of known events, locked in key order: two processes may count the same ones.
pub(super) async fn count_duplicates(
    connection: &mut PgConnection,
    counts: &[(Key, i64)],
) -> Result<(), StoreError> {
    sqlx::query(
        "with counted as materialized (
             select e.event_id, e.source, k.n
               from unnest($1::text[], $2::text[], $3::int8[]) k (id, source, n)
               join events e on e.event_id = k.id and e.source = k.source
              order by e.event_id, e.source
                for update of e)
         update events e set duplicates = e.duplicates + c.n
           from counted c
          where e.event_id = c.event_id and e.source = c.source",
    )
    .bind(counts.iter().map(|(key, _)| key.id.as_str()).collect::<Vec<_>>())
    .bind(counts.iter().map(|(key, _)| key.source.as_str()).collect::<Vec<_>>())
    .bind(counts.iter().map(|(_, n)| *n).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
