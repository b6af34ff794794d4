//! Transactions for looking at the data and for commands: few at once, each with a deadline that the server keeps too.
//!
//! Nothing is expected of the server's session: settings are given to each transaction and statements have no names, so a
//! pooler may hand every transaction to another session. A transaction that is dropped before its end is cancelled.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row, raw_sql};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::statements::Statements;
use crate::store::StoreError;
use crate::store::epoch::Epochs;

/// How long a transaction waits until another one ends.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// It has the name look-up, TLS and the log-in in it.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// Connections that are lent for one transaction each. Cheap to clone.
#[derive(Clone)]
pub(in crate::store) struct Transactions {
    options: PgConnectOptions,
    /// What sets each of them up: the schema, if there is one of ours, and how questions are planned.
    setup: Arc<str>,
    idle: Arc<Mutex<Vec<PgConnection>>>,
    epochs: Epochs,
    at_once: Arc<Semaphore>,
}

/// A transaction that is under way. Dropped before its end, it is cancelled and its connection closed.
pub(in crate::store) struct Transaction {
    connection: PgConnection,
    under_way: UnderWay,
}

/// What it takes to cancel a transaction.
struct UnderWay {
    home: Transactions,
    backend: i32,
    permit: Option<OwnedSemaphorePermit>,
}

impl Transactions {
    pub(super) fn new(options: PgConnectOptions, setup: &str, epochs: &Epochs, at_once: usize) -> Self {
        let (epochs, at_once) = (epochs.clone(), Arc::new(Semaphore::new(at_once)));
        Self { options, setup: setup.into(), idle: Arc::default(), epochs, at_once }
    }

    /// Begins one, in which no statement may take longer than `limit`.
    pub(in crate::store) async fn begin(&self, limit: Duration) -> Result<Transaction, StoreError> {
        self.begin_as("begin", limit).await
    }

    /// Begins one by `begin`, which says how it is isolated.
    pub(in crate::store) async fn begin_as(
        &self,
        begin: &str,
        limit: Duration,
    ) -> Result<Transaction, StoreError> {
        let permit = timeout(WAIT_MAX, Arc::clone(&self.at_once).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(StoreError::Busy("others are looking at the data now".to_owned()));
        };
        let limit = limit.as_millis();
        // Compiling a plan costs more than any question here may take.
        let begin = format!(
            "{begin}; {} set local jit to off; set local statement_timeout to {limit}; set local lock_timeout to {limit}; \
             set local idle_in_transaction_session_timeout to {limit}; set local timezone to 'UTC'; \
             select pg_backend_pid()",
            self.setup
        );
        // An idle connection may have died without a word: a new one tells why.
        while let Some(idle) = self.take_idle() {
            if let Ok((connection, backend)) = open(idle, &begin).await {
                return Ok(self.under_way(connection, backend, permit));
            }
        }
        let (connection, backend) = open(self.connect().await?, &begin).await?;
        Ok(self.under_way(connection, backend, permit))
    }

    /// A connection of its own, outside any transaction.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        let away = |why: String| StoreError::Unavailable(format!("{host}:{port}: {why}"));
        self.epochs.end();
        match timeout(CONNECT_MAX, self.options.connect()).await {
            Ok(connected) => connected.map_err(|error| match StoreError::from(error).of_connecting() {
                StoreError::Unavailable(why) => away(why),
                other => other,
            }),
            Err(_) => Err(away(format!("no connection within {} s", CONNECT_MAX.as_secs()))),
        }
    }

    fn under_way(&self, connection: PgConnection, backend: i32, permit: OwnedSemaphorePermit) -> Transaction {
        Transaction { connection, under_way: UnderWay { home: self.clone(), backend, permit: Some(permit) } }
    }

    fn take_idle(&self) -> Option<PgConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Begins; tells which process of the server does the work.
async fn open(mut connection: PgConnection, begin: &str) -> Result<(PgConnection, i32), sqlx::Error> {
    let row = raw_sql(AssertSqlSafe(begin)).fetch_one(&mut connection).await?;
    Ok((connection, row.try_get(0)?))
}

impl Transaction {
    /// What runs one statement in it.
    pub(in crate::store) fn statements(&mut self) -> Statements<'_> {
        Statements::unnamed(&mut self.connection)
    }

    /// Ends it well, and keeps the connection for the next one.
    pub(in crate::store) async fn commit(mut self) -> Result<(), StoreError> {
        raw_sql("commit").execute(&mut self.connection).await?;
        let Self { connection, mut under_way } = self;
        under_way.permit = None;
        under_way.home.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Ok(())
    }
}

impl Drop for UnderWay {
    /// A server does not notice that nobody waits for its answer: it is told, and until then nobody else begins.
    fn drop(&mut self) {
        let (Some(permit), Ok(runtime)) = (self.permit.take(), Handle::try_current()) else { return };
        let (home, backend) = (self.home.clone(), self.backend);
        runtime.spawn(async move {
            if let Ok(mut other) = home.connect().await {
                let cancel = format!("select pg_cancel_backend({backend})");
                let _ = timeout(CONNECT_MAX, raw_sql(AssertSqlSafe(cancel)).execute(&mut other)).await;
            }
            drop(permit);
        });
    }
}

impl std::fmt::Debug for Transactions {
    /// The options hold the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transactions").field("host", &self.options.get_host()).finish_non_exhaustive()
    }
}
