//! Postgres: one load statement, one save function, sessions whose plans do not depend on statistics.

mod check;
mod lane_connection;
mod migrate;
pub(super) mod migrations;
mod save;
mod server;
mod statements;
mod transaction;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgBindIterExt, PgConnectOptions};
use sqlx::{ConnectOptions, Executor, raw_sql};

use crate::order::{Changes, Key, Snapshot};

pub(super) use self::lane_connection::LaneConnection;
pub(in crate::store) use self::server::look;
pub(super) use self::statements::Statements;
pub(super) use self::transaction::{Transaction, Transactions};
use super::epoch::Epochs;
use super::snapshot::{assemble, leave_out_large_orders};
use super::{By, CHECK_TIMEOUT, Schema, StoreError, Wanted};

/// Transactions at once for looking at the data: the CLI, the API, gauges. Lanes have connections of their own.
const LISTS_AT_ONCE: usize = 2;
/// Applications that ask for announcements wait for nobody who looks at lists, and the other way round.
const ANNOUNCEMENTS_AT_ONCE: usize = 2;
/// Who states what is expected waits for neither, and for whoever settles it.
const SETTLEMENTS_AT_ONCE: usize = 4;
/// The endpoints' tasks wait only for each other.
const ENDPOINTS_AT_ONCE: usize = 4;
/// What the log names is looked up row by row, by its key, whatever the statistics say of tables that have grown since: else a
/// page costs what a whole table costs.
const BY_KEY: &str = "set local enable_seqscan to off; set local enable_hashjoin to off; set local enable_mergejoin to off; \
                      set local enable_material to off;";
/// Whether webhooks can be stored is asked apart: lists that take their time must not keep the answer waiting.
const CHECKS_AT_ONCE: usize = 1;

/// Where the database is and how its sessions are set up.
#[derive(Clone)]
pub(super) struct Postgres {
    options: PgConnectOptions,
    /// The schema of our tables; without one, where the role's search path leads.
    schema: Option<Arc<str>>,
    pub(super) lists: Transactions,
    pub(super) announcements: Transactions,
    pub(super) settlements: Transactions,
    pub(super) endpoints: Transactions,
    pub(super) checks: Transactions,
    call_timeout: Duration,
    /// Between here and the server is a pooler that hands each transaction to another session.
    is_pooled: Arc<AtomicBool>,
}

impl Postgres {
    pub(super) fn open(
        url: &str,
        schema: Option<&str>,
        call_timeout: Duration,
        epochs: &Epochs,
    ) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| super::bad_url("it does not read as a Postgres URL"))?
            .application_name("paylatch")
            .extra_float_digits(None);
        let search_path = schema.map(|schema| format!("set local search_path to \"{schema}\";"));
        let search_path = search_path.as_deref().unwrap_or_default();
        let by_key = format!("{search_path} {BY_KEY}");
        let transactions = |at_once| Transactions::new(options.clone(), search_path, epochs, at_once);
        let by_key = |at_once| Transactions::new(options.clone(), &by_key, epochs, at_once);
        Ok(Self {
            lists: transactions(LISTS_AT_ONCE),
            announcements: by_key(ANNOUNCEMENTS_AT_ONCE),
            settlements: transactions(SETTLEMENTS_AT_ONCE),
            endpoints: by_key(ENDPOINTS_AT_ONCE),
            checks: transactions(CHECKS_AT_ONCE),
            options,
            schema: schema.map(Arc::from),
            call_timeout,
            is_pooled: Arc::default(),
        })
    }

    /// A connection for a lane. Poolers refuse the options that set a session up, or pass over them; then every
    /// transaction brings its settings along.
    pub(super) async fn connect(&self) -> Result<LaneConnection, StoreError> {
        const IS_STRAIGHT: &str = "select current_setting('paylatch.straight', true)";
        if self.is_pooled.load(Ordering::Relaxed) {
            return self.connect_pooled().await;
        }
        let settings = self.settings();
        let options = settings.iter().map(|(name, value)| (*name, value.as_str()));
        match self.options.clone().options(options.chain([("paylatch.straight", "on")])).connect().await {
            Err(sqlx::Error::Database(error)) if refuses_options(error.as_ref()) => {
                self.connect_pooled().await
            }
            Err(error) => Err(StoreError::from(error).of_connecting()),
            Ok(mut connection) => {
                let row = raw_sql(IS_STRAIGHT).fetch_one(&mut connection).await?;
                match sqlx::Row::try_get::<Option<String>, _>(&row, 0)?.as_deref() {
                    Some("on") => Ok(LaneConnection::straight(connection)),
                    _ => self.connect_pooled().await,
                }
            }
        }
    }

    async fn connect_pooled(&self) -> Result<LaneConnection, StoreError> {
        self.is_pooled.store(true, Ordering::Relaxed);
        let idle_limit = ("idle_in_transaction_session_timeout", self.call_timeout.as_millis().to_string());
        let settings = self.settings().into_iter().chain([idle_limit]);
        let begin = settings.fold("begin".to_owned(), |begin, (name, value)| {
            format!("{begin}; set local {name} to '{value}'")
        });
        let connection = self.options.connect().await;
        let connection = connection.map_err(|error| StoreError::from(error).of_connecting())?;
        Ok(LaneConnection::pooled(connection, begin.into()))
    }

    pub(super) async fn migrate(&self, by: Option<&By>) -> Result<Vec<String>, StoreError> {
        migrate::migrate(self, migrations::MIGRATIONS, by).await
    }

    pub(super) async fn check(&self) -> Result<Schema, StoreError> {
        let mut transaction = self.checks.begin(CHECK_TIMEOUT).await?;
        let found = check::check(&mut transaction).await;
        // Ended whatever was found: what is dropped is cancelled, over a connection of its own.
        let ended = transaction.commit().await;
        let schema = found?;
        ended?;
        Ok(schema)
    }

    /// What the server's clock shows, since the Unix epoch.
    pub(super) async fn clock(&self) -> Result<Duration, StoreError> {
        const CLOCK: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";
        let mut transaction = self.checks.begin(CHECK_TIMEOUT).await?;
        let micros: i64 = sqlx::query_scalar(CLOCK).fetch_one(transaction.statements()).await?;
        transaction.commit().await?;
        Ok(Duration::from_micros(micros.unsigned_abs()))
    }

    /// Whether commits wait for a standby.
    pub(super) async fn waits_for_a_standby(&self) -> Result<bool, StoreError> {
        const WAITS: &str = "select current_setting('synchronous_standby_names') <> ''";
        let mut transaction = self.checks.begin(CHECK_TIMEOUT).await?;
        let waits: bool = sqlx::query_scalar(WAITS).fetch_one(transaction.statements()).await?;
        transaction.commit().await?;
        Ok(waits)
    }

    /// Makes a connection, and says where there is none.
    pub(super) async fn reach(&self) -> Result<(), StoreError> {
        self.checks.connect().await.map(drop)
    }

    /// Plans that look up every row by its key: planning each load costs more than running it, and a plan made before
    /// the tables were ever analysed is kept for the session's life.
    fn settings(&self) -> Vec<(&'static str, String)> {
        let timeout = self.call_timeout.as_millis().to_string();
        let mut settings = vec![
            ("enable_seqscan", "off".to_owned()),
            ("enable_hashjoin", "off".to_owned()),
            ("enable_mergejoin", "off".to_owned()),
            ("plan_cache_mode", "force_generic_plan".to_owned()),
            ("statement_timeout", timeout.clone()),
            ("lock_timeout", timeout),
            ("synchronous_commit", "on".to_owned()),
            ("timezone", "UTC".to_owned()),
        ];
        settings.extend(self.schema.iter().map(|schema| ("search_path", schema.to_string())));
        settings
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

/// A plan is kept for the session's life, and one that was made when the tables were analysed while empty reads whole indexes:
/// with `plans_anew` the load's and the save's are made again for the size that the tables have now.
pub(super) async fn load(
    mut statements: Statements<'_>,
    wanted: &Wanted,
    plans_anew: bool,
) -> Result<Snapshot, StoreError> {
    if plans_anew && statements.are_named() {
        statements.next().execute("discard plans").await?;
    }
    let mut load = sqlx::query(include_str!("load.sql"));
    for keys in [&wanted.events, &wanted.payments, &wanted.orders] {
        load = load.bind(keys.iter().map(|key| key.id.as_str()).bind_iter());
        load = load.bind(keys.iter().map(|key| key.source.as_str()).bind_iter());
    }
    let rows = load.bind(wanted.order_events_max.map(i64::from)).fetch_all(statements).await?;
    let mut snapshot = assemble(&rows)?;
    // Fewer rows than the limit cannot hold an order that reaches it.
    if wanted.order_events_max.is_some_and(|max| rows.len() >= max as usize) {
        leave_out_large_orders(&mut snapshot, wanted);
    }
    Ok(snapshot)
}

pub(super) async fn save(statements: Statements<'_>, changes: &Changes<'_>) -> Result<(), StoreError> {
    save::save(statements, changes).await
}

/// Adds to the counts of known events, locked in key order: two processes may count the same ones.
pub(super) async fn count_duplicates(
    statements: Statements<'_>,
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
    .execute(statements)
    .await?;
    Ok(())
}
