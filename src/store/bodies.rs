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

/// Keeps that today's definition has read these events, which say what they said. Postgres locks them in key order.
pub(super) async fn note_read_postgres(
    statements: Statements<'_>,
    events: &[Key],
    read_by: i16,
) -> Result<(), StoreError> {
    sqlx::query(
        "with read as materialized (
             select e.event_id, e.source
               from unnest($1::text[], $2::text[]) k (id, source)
               join events e on e.event_id = k.id and e.source = k.source
              order by e.event_id, e.source
                for update of e)
         update events e set read_by = $3 from read r where e.event_id = r.event_id and e.source = r.source",
    )
    .bind(events.iter().map(|key| key.id.as_str()).collect::<Vec<_>>())
    .bind(events.iter().map(|key| key.source.as_str()).collect::<Vec<_>>())
    .bind(read_by)
    .execute(statements)
    .await?;
    Ok(())
}

/// The same in a SQLite file.
pub(super) async fn note_read_sqlite(
    connection: &mut SqliteConnection,
    events: &[Key],
    read_by: i16,
) -> Result<(), StoreError> {
    let keys: serde_json::Value =
        events.iter().map(|key| serde_json::json!([key.id.as_str(), key.source.as_str()])).collect();
    sqlx::query(
        "update events set read_by = ?2
          where (event_id, source) in (select value ->> 0, value ->> 1 from json_each(?1))",
    )
    .bind(keys.to_string())
    .bind(read_by)
    .execute(connection)
    .await?;
    Ok(())
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
