//! Leases in a table of Postgres, for those who have a database and want no second service.
//!
//! No advisory locks: those of a session survive in a pooler after their client is gone, and meet the wrong one. A row
//! with a deadline by the database's own clock works behind any pooler.

mod statement;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Error, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::super::contract::{Failure, Hold, Verb};
use super::super::inspect::{HealthProblem, HeldKey};
use super::super::server_clock::ServerClock;
use super::super::token::Token;
use crate::secret::Secret;

/// Connections of its own: leases neither wait for the store's nor take them. No pool of sqlx's, which asks a connection that
/// is given back whether it still answers: one more round trip for each call.
pub(in crate::lock) struct Postgres {
    options: PgConnectOptions,
    idle: Arc<Mutex<Vec<PgConnection>>>,
    places: Arc<Semaphore>,
    call_timeout: Duration,
}

impl Postgres {
    pub(super) fn new(urls: &[Secret], call_timeout: Duration) -> Result<Self, String> {
        let expected =
            "expected one postgres://[user:password@]host[:port]/database for lock.backend = \"postgres\"";
        let [url] = urls else { return Err(format!("lock.urls has {} entries, {expected}", urls.len())) };
        let options: PgConnectOptions = url.expose().parse().map_err(|_| format!("lock.urls: {expected}"))?;
        let options = options.application_name("paylatch lock").extra_float_digits(None);
        Ok(Self {
            options,
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            call_timeout,
        })
    }

    /// Connecting goes on when the caller stops waiting.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        let place = self.place().await?;
        if !self.idle().is_empty() {
            return Ok(());
        }
        let (options, idle) = (self.options.clone(), self.idle.clone());
        let connecting = tokio::spawn(async move {
            let connection = connect(&options).await?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(place);
            Ok(())
        });
        connecting.await.unwrap_or_else(|_| Err(Failure::Unsent("connecting was cut off".to_owned())))
    }

    pub(super) async fn ask(
        &self,
        verb: Verb,
        holds: &[Hold],
        ttl: Duration,
    ) -> Result<Vec<Option<u64>>, Failure> {
        let statement =
            statement::statement(verb, holds, ttl).map_err(|error| Failure::Unsent(error.to_string()))?;
        let mut rows = self.run(statement.clone()).await;
        if let Err(Failure::Refused(reason)) = &rows
            && reason.starts_with(UNDEFINED_TABLE)
        {
            self.run(CREATE.to_owned()).await?;
            rows = self.run(statement).await;
        }
        let done = rows?.iter().map(read).collect::<Result<HashMap<String, u64>, Error>>();
        let done = done.map_err(|error| Failure::Refused(error.to_string()))?;
        if verb == Verb::Release && rand::random_ratio(1, RELEASES_PER_SWEEP) {
            self.run(statement::SWEEP.to_owned()).await?;
        }
        Ok(holds.iter().map(|hold| done.get(&hold.key).copied()).collect())
    }

    pub(super) async fn health(&self) -> Vec<HealthProblem> {
        let standby = self.run("select 'standby', 0::bigint where pg_is_in_recovery()".to_owned()).await;
        match standby {
            Ok(rows) if rows.is_empty() => Vec::new(),
            Ok(_) => vec![HealthProblem::Failure("Postgres is a standby, which takes no leases".to_owned())],
            Err(failure) => vec![HealthProblem::Failure(format!("Postgres is not reachable: {failure}"))],
        }
    }

    pub(super) async fn clocks(&self) -> Vec<ServerClock> {
        let time = async {
            let rows = self.run(statement::CLOCK.to_owned()).await?;
            let micros = rows.first().map(|row| row.try_get::<i64, _>(0));
            let micros = micros.transpose().map_err(|error| Failure::Refused(error.to_string()))?;
            Ok::<_, Failure>(Duration::from_micros(micros.unwrap_or_default().unsigned_abs()))
        };
        ServerClock::read("Postgres of lock.urls", Duration::ZERO, time).await.into_iter().collect()
    }

    pub(super) async fn held(&self) -> Result<Vec<HeldKey>, Failure> {
        let rows = match self.run(statement::HELD.to_owned()).await {
            Err(Failure::Refused(reason)) if reason.starts_with(UNDEFINED_TABLE) => Vec::new(),
            rows => rows?,
        };
        let held = |row: &PgRow| {
            let left: i64 = row.try_get(2)?;
            let token: String = row.try_get(1)?;
            let lapses_in = Duration::from_millis(left.max(0).unsigned_abs());
            Ok(HeldKey { key: row.try_get(0)?, owner: Token::owner(&token), lapses_in })
        };
        rows.iter()
            .map(held)
            .collect::<Result<_, Error>>()
            .map_err(|error| Failure::Refused(error.to_string()))
    }

    /// One statement, one round trip. A connection that failed is not used again, nor are those opened beside it.
    async fn run(&self, statement: String) -> Result<Vec<PgRow>, Failure> {
        let _place = self.place().await?;
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        let call = sqlx::raw_sql(AssertSqlSafe(statement)).fetch_all(&mut connection);
        let answer = match timeout(self.call_timeout, call).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(Error::Database(error))) => {
                let code = error.code().unwrap_or_default();
                Err(Failure::Refused(format!("{code}: {}", error.message())))
            }
            Ok(Err(error)) => Err(Failure::Unanswered(error.to_string())),
            Err(_) => {
                Err(Failure::Unanswered(format!("no answer within {} ms", self.call_timeout.as_millis())))
            }
        };
        match &answer {
            Ok(_) => self.idle().push(connection),
            Err(Failure::Unanswered(_)) => self.idle().clear(),
            Err(_) => {}
        }
        answer
    }

    /// Who has one may connect where nothing is idle: so there are never more connections than places.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        self.places.clone().acquire_owned().await.map_err(|error| Failure::Unsent(error.to_string()))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, Failure> {
    match timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(connected) => connected.map_err(|error| Failure::Unsent(error.to_string())),
        Err(_) => Err(Failure::Unsent(format!("no connection within {} ms", CONNECT_TIMEOUT.as_millis()))),
    }
}

/// In text, as a plain query answers.
fn read(row: &PgRow) -> Result<(String, u64), Error> {
    Ok((row.try_get(0)?, row.try_get::<i64, _>(1)?.unsigned_abs()))
}

/// The options hold the password.
impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("host", &self.options.get_host()).finish_non_exhaustive()
    }
}

const CREATE: &str = include_str!("../../../../migrations/postgres/0004_lock_leases.sql");
const UNDEFINED_TABLE: &str = "42P01";
/// Calls at once: a lane's, its releases, and the renewal.
const CONNECTIONS_MAX: usize = 8;
/// Longer than a call: it has the name look-up, TLS and the log-in in it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// What is swept is rare: only what a process that died had held.
const RELEASES_PER_SWEEP: u32 = 1000;
