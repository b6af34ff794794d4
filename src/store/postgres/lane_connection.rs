//! A lane's connection to Postgres: straight to the server, or through a pooler that hands each transaction to another session.
//!
//! Straight, the session is set up once and a statement is its own transaction: no transaction is open between two steps
//! of the client, and plans are kept. Through a pooler each call is a transaction that brings its settings along, at the
//! cost of three more round trips and of planning; a client that freezes in it is cut off after a call's time.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, PgConnection, raw_sql};

use super::statements::Statements;
use crate::store::StoreError;

/// Begins a transaction of a session that is set up. A process that freezes in it must not hold rows for long.
const BEGIN: &str = "begin; set local idle_in_transaction_session_timeout to '5s'";

/// A lane's connection.
#[derive(Debug)]
pub(in crate::store) struct LaneConnection {
    connection: PgConnection,
    /// Through a pooler, what begins each transaction.
    begin: Option<Arc<str>>,
}

impl LaneConnection {
    /// Whose session is set up.
    pub(super) fn straight(connection: PgConnection) -> Self {
        Self { connection, begin: None }
    }

    /// Whose transactions are set up by `begin`.
    pub(super) fn pooled(connection: PgConnection, begin: Arc<str>) -> Self {
        Self { connection, begin: Some(begin) }
    }

    /// One call, in which one statement writes at most.
    pub(in crate::store) async fn call<T>(
        &mut self,
        work: impl AsyncFnOnce(Statements<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.begin {
            Some(_) => self.transaction(work).await,
            None => work(Statements::named(&mut self.connection)).await,
        }
    }

    /// Several statements that hold together or not at all.
    pub(in crate::store) async fn transaction<T>(
        &mut self,
        work: impl AsyncFnOnce(Statements<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = self.begin.clone();
        raw_sql(AssertSqlSafe(begin.as_deref().unwrap_or(BEGIN))).execute(&mut self.connection).await?;
        let statements = match begin {
            Some(_) => Statements::unnamed(&mut self.connection),
            None => Statements::named(&mut self.connection),
        };
        let answer = work(statements).await;
        // What a refused statement leaves is a failed transaction; the session is free again only after its end.
        let end = if answer.is_ok() { "commit" } else { "rollback" };
        raw_sql(end).execute(&mut self.connection).await?;
        answer
    }
}
