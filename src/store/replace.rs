//! The save of an event that was read again: the old row goes and the ordinary save follows, in one transaction.
//!
//! The row's key is locked by the removal, before any payment or order, as every save locks. What a save checks holds here
//! too: a payment or an order that moved since the load fails the whole of it.

use sqlx::{Connection, SqliteConnection};

use super::actions::{Action, By, keep_postgres, keep_sqlite};
use super::postgres::{self, Statements};
use super::{StoreError, StoredEvent, sqlite};
use crate::order::{Changes, Key};

/// Only the row that was read; it answers the count to carry over.
const REMOVE: &str = "
    delete from events
     where event_id = $1 and source = $2 and outcome = $3 and facts_sha256 = $4 and body_sha256 = $5
    returning duplicates";
/// Only a payment whose link is still the one that was read.
const END_PAYMENT: &str = "delete from payments where payment_id = $1 and source = $2 and order_id = $3";

/// Tells whether the stored row was still there. Its statements are those of one transaction.
pub(super) async fn replace_postgres(
    mut statements: Statements<'_>,
    stored: &StoredEvent,
    changes: &Changes<'_>,
    (by, action): (&By, &Action),
) -> Result<bool, StoreError> {
    let duplicates: Option<i64> = sqlx::query_scalar(REMOVE)
        .bind(stored.key.id.as_str())
        .bind(stored.key.source.as_str())
        .bind(stored.outcome.as_str())
        .bind(stored.facts_sha256.as_slice())
        .bind(stored.body_sha256.as_slice())
        .fetch_optional(statements.next())
        .await?;
    let Some(duplicates) = duplicates else { return Ok(false) };
    for (payment, order) in &changes.ended {
        let query = sqlx::query(END_PAYMENT).bind(payment.id.as_str()).bind(payment.source.as_str());
        ended(query.bind(order.as_str()).execute(statements.next()).await?.rows_affected())?;
    }
    postgres::save(statements.next(), changes).await?;
    postgres::count_duplicates(statements.next(), &counts(changes, duplicates)).await?;
    keep_postgres(statements, by, action).await?;
    Ok(true)
}

/// Tells whether the stored row was still there.
pub(super) async fn replace_sqlite(
    connection: &mut SqliteConnection,
    stored: &StoredEvent,
    changes: &Changes<'_>,
    (by, action): (&By, &Action),
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let duplicates: Option<i64> = sqlx::query_scalar(REMOVE)
        .bind(stored.key.id.as_str())
        .bind(stored.key.source.as_str())
        .bind(stored.outcome.as_str())
        .bind(stored.facts_sha256.as_slice())
        .bind(stored.body_sha256.as_slice())
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(duplicates) = duplicates else { return Ok(false) };
    for (payment, order) in &changes.ended {
        let query = sqlx::query(END_PAYMENT).bind(payment.id.as_str()).bind(payment.source.as_str());
        ended(query.bind(order.as_str()).execute(&mut *transaction).await?.rows_affected())?;
    }
    sqlite::save_within(&mut transaction, changes).await?;
    sqlite::count_duplicates(&mut transaction, &counts(changes, duplicates)).await?;
    keep_sqlite(&mut transaction, by, action).await?;
    transaction.commit().await?;
    Ok(true)
}

fn ended(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Stale("ended payments".to_owned())) }
}

/// What came so often came so often whatever it says.
fn counts(changes: &Changes<'_>, duplicates: i64) -> Vec<(Key, i64)> {
    changes.events.iter().map(|decided| (decided.event.key().clone(), duplicates)).collect()
}
