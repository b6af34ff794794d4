//! Bodies of stored events, by a lane's connection: one that is read again, and those that were purged and came again.

use sqlx::SqliteConnection;

use super::inspect::{STORED_COLUMNS, stored};
use super::postgres::Statements;
use super::{StoreError, StoredEvent};
use crate::order::{Event, Key};

/// The stored event of `key`, with its body.
pub(super) async fn stored_postgres(
    statements: Statements<'_>,
    key: &Key,
) -> Result<Option<StoredEvent>, StoreError> {
    let query = sqlx::query_as(one()).bind(key.id.as_str()).bind(key.source.as_str());
    query.fetch_optional(statements).await?.map(stored).transpose()
}

/// The same of a SQLite file.
pub(super) async fn stored_sqlite(
    connection: &mut SqliteConnection,
    key: &Key,
) -> Result<Option<StoredEvent>, StoreError> {
    let query = sqlx::query_as(one()).bind(key.id.as_str()).bind(key.source.as_str());
    query.fetch_optional(connection).await?.map(stored).transpose()
}

fn one() -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!(
        "select {STORED_COLUMNS} from events e where e.event_id = $1 and e.source = $2"
    ))
}

/// Only into the row of the very bytes that were purged.
const RESTORE: &str = "
    update events set payload = $4
     where event_id = $1 and source = $2 and body_sha256 = $3 and payload is null";

/// Keeps the bytes of known events whose body is gone. One statement each: a purged body that comes again is rare, and no
/// other row is locked meanwhile.
pub(super) async fn restore_postgres(statements: Statements<'_>, event: &Event) -> Result<(), StoreError> {
    let (key, evidence) = (event.key(), event.evidence());
    let restore = sqlx::query(RESTORE).bind(key.id.as_str()).bind(key.source.as_str());
    let restore = restore.bind(evidence.body_sha256.as_slice()).bind(evidence.body.as_ref());
    restore.execute(statements).await?;
    Ok(())
}

/// The same in a SQLite file.
pub(super) async fn restore_sqlite(
    connection: &mut SqliteConnection,
    event: &Event,
) -> Result<(), StoreError> {
    let (key, evidence) = (event.key(), event.evidence());
    let restore = sqlx::query(RESTORE).bind(key.id.as_str()).bind(key.source.as_str());
    let restore = restore.bind(evidence.body_sha256.as_slice()).bind(evidence.body.as_ref());
    restore.execute(connection).await?;
    Ok(())
}
