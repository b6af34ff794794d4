//! The save: the checks of Postgres' `save_batch`, row by row under the write lock.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Sqlite, Transaction};

use crate::order::{Anomaly, Changes, Currency, Decided, Event, Id, Key, Order, Relink, Rewrite};
use crate::store::{StoreError, link_word};

pub(super) async fn save(connection: &mut SqliteConnection, changes: &Changes<'_>) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    save_within(&mut transaction, changes).await?;
    Ok(transaction.commit().await?)
}

/// The save as a part of a transaction that holds the write lock.
pub(in crate::store) async fn save_within(
    transaction: &mut Transaction<'_, Sqlite>,
    changes: &Changes<'_>,
) -> Result<(), StoreError> {
    for event in &changes.events {
        insert_event(transaction, event).await?;
    }
    for payment in &changes.payments {
        write_payment(transaction, payment).await?;
    }
    let mut version = take_versions(transaction, changes.orders.len()).await?;
    for order in &changes.orders {
        version += 1;
        write_order(transaction, order, version).await?;
    }
    for event in &changes.conflicts {
        insert_conflict(transaction, event).await?;
    }
    Ok(())
}

/// A row that was not written is one that another save moved since the load.
fn written(what: &str, rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Raced(what.to_owned())) }
}

async fn insert_event(
    transaction: &mut Transaction<'_, Sqlite>,
    Decided { event, outcome, reason }: &Decided<'_>,
) -> Result<(), StoreError> {
    let (fact, claim, evidence) = (event.fact(), event.claim(), event.evidence());
    let done = sqlx::query(
        "insert into events (event_id, source, type, outcome, reason, payment_id, kind, reference, amount, currency, cumulative,
                             order_claim, claim_rank, occurred_at, received_at, facts_sha256, body_sha256, headers, payload)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
             on conflict do nothing",
    )
    .bind(event.key().id.as_str())
    .bind(event.key().source.as_str())
    .bind(event.type_name())
    .bind(outcome.as_str())
    .bind(reason.as_deref())
    .bind(event.payment().map(Id::as_str))
    .bind(fact.map(|fact| fact.kind.as_str()))
    .bind(fact.map(|fact| fact.reference.as_str()))
    .bind(fact.map(|fact| fact.money.amount))
    .bind(fact.map(|fact| fact.money.currency.as_str()))
    .bind(fact.is_some_and(|fact| fact.cumulative))
    .bind(claim.map(|claim| claim.order.as_str()))
    .bind(claim.map(|claim| claim.rank))
    .bind(event.occurred_at())
    .bind(evidence.received_at)
    .bind(event.facts_sha256().as_slice())
    .bind(evidence.body_sha256.as_slice())
    .bind(evidence.headers.as_str())
    .bind(evidence.body.as_ref())
    .execute(&mut **transaction)
    .await?;
    written("events", done.rows_affected())
}

async fn write_payment(
    transaction: &mut Transaction<'_, Sqlite>,
    Relink { payment, was, link }: &Relink,
) -> Result<(), StoreError> {
    let statement = match was {
        None => {
            "insert into payments (payment_id, source, order_id, link) values (?1, ?2, ?3, ?4) on conflict do nothing"
        }
        Some(_) => {
            "update payments set order_id = ?3, link = ?4 where payment_id = ?1 and source = ?2 and order_id = ?5"
        }
    };
    let mut query = sqlx::query(statement)
        .bind(payment.id.as_str())
        .bind(payment.source.as_str())
        .bind(link.order.as_str())
        .bind(link_word(link));
    if let Some(was) = was {
        query = query.bind(was.as_str());
    }
    written("links", query.execute(&mut **transaction).await?.rows_affected())
}

/// Takes as many versions as there are orders; they start after the number that is returned.
async fn take_versions(transaction: &mut Transaction<'_, Sqlite>, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let last: i64 = sqlx::query_scalar("update order_version set value = value + ?1 returning value")
        .bind(count)
        .fetch_one(&mut **transaction)
        .await?;
    Ok(last - count)
}

async fn write_order(
    transaction: &mut Transaction<'_, Sqlite>,
    Rewrite { order, read, row }: &Rewrite,
    version: i64,
) -> Result<(), StoreError> {
    let query = match (row, read) {
        (None, read) => sqlx::query("delete from orders where order_id = ?1 and source = ?2 and version = ?3")
            .bind(order.id.as_str())
            .bind(order.source.as_str())
            .bind(*read),
        (Some(row), None) => bind_row(
            sqlx::query(
                "insert into orders (order_id, source, status, currency, authorized, captured, refunded, disputed, anomaly,
                                     first_event_at, last_event_at, version)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
                     on conflict do nothing",
            ),
            order,
            row,
        )
        .bind(version),
        (Some(row), Some(read)) => bind_row(
            sqlx::query(
                "update orders
                    set status = ?3, currency = ?4, authorized = ?5, captured = ?6, refunded = ?7, disputed = ?8, anomaly = ?9,
                        first_event_at = ?10, last_event_at = ?11, version = ?12,
                        updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z')
                  where order_id = ?1 and source = ?2 and version = ?13",
            ),
            order,
            row,
        )
        .bind(version)
        .bind(*read),
    };
    written("orders", query.execute(&mut **transaction).await?.rows_affected())
}

type Statement<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

/// Binds the first eleven parameters.
fn bind_row<'q>(statement: Statement<'q>, key: &'q Key, row: &'q Order) -> Statement<'q> {
    statement
        .bind(key.id.as_str())
        .bind(key.source.as_str())
        .bind(row.status.as_str())
        .bind(row.currency.as_ref().map(Currency::as_str))
        .bind(row.authorized)
        .bind(row.captured)
        .bind(row.refunded)
        .bind(row.disputed)
        .bind(row.anomaly.map(Anomaly::as_str))
        .bind(row.first_event_at)
        .bind(row.last_event_at)
}

/// Kept once; whether it was new does not matter.
async fn insert_conflict(transaction: &mut Transaction<'_, Sqlite>, event: &Event) -> Result<(), StoreError> {
    let evidence = event.evidence();
    sqlx::query(
        "insert into conflicts (event_id, source, body_sha256, received_at, headers, payload)
         values (?1, ?2, ?3, ?4, ?5, ?6)
             on conflict do nothing",
    )
    .bind(event.key().id.as_str())
    .bind(event.key().source.as_str())
    .bind(evidence.body_sha256.as_slice())
    .bind(evidence.received_at)
    .bind(evidence.headers.as_str())
    .bind(evidence.body.as_ref())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
