//! A connection that runs statements with or without names.
//!
//! A named statement belongs to the server's session and saves its planning; behind a pooler the next transaction meets
//! another session, which does not know the name, or knows it for somebody else's statement.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Either, Execute, Executor, PgConnection, Postgres, SqlStr};

/// Runs statements on a connection.
#[derive(Debug)]
pub(in crate::store) struct Statements<'c> {
    connection: &'c mut PgConnection,
    are_named: bool,
}

impl<'c> Statements<'c> {
    /// On a session that stays the same.
    pub(super) fn named(connection: &'c mut PgConnection) -> Self {
        Self { connection, are_named: true }
    }

    /// On whatever session a pooler hands out.
    pub(super) fn unnamed(connection: &'c mut PgConnection) -> Self {
        Self { connection, are_named: false }
    }

    /// Whether plans are kept from one transaction to the next.
    pub(super) fn are_named(&self) -> bool {
        self.are_named
    }

    /// The same for the next statement.
    pub(in crate::store) fn next(&mut self) -> Statements<'_> {
        Statements { connection: self.connection, are_named: self.are_named }
    }
}

impl<'c> Executor<'c> for Statements<'c> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_many(Statement { query, is_named: self.are_named })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_optional(Statement { query, is_named: self.are_named })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.connection.prepare_with(sql, parameters)
    }
}

/// A statement that has a name only if its session keeps it.
struct Statement<E> {
    query: E,
    is_named: bool,
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Statement<E> {
    fn sql(self) -> SqlStr {
        self.query.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.query.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.query.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.is_named && self.query.persistent()
    }
}
