//! The save: the checks of Postgres' `save_decided`, row by row under the write lock.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Sqlite, Transaction};

use crate::order::{Anomaly, Changes, Currency, Decided, Event, Id, Order, Relink, Rewrite};
use crate::store::StoreError;

/// Rows of one insert. As many again with another count are another statement to keep prepared, so the rest go one by one.
const ROWS_AT_ONCE: usize = 16;

type Call<'q> = Query<'q, Sqlite, SqliteArguments>;

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
    insert(transaction, EVENTS, &changes.events, bind_event).await?;
    let (new, moved): (Vec<_>, Vec<_>) = changes.payments.iter().partition(|payment| payment.was.is_none());
    insert(transaction, PAYMENTS, &new, |row, payment| bind_payment(row, payment)).await?;
    for payment in moved {
        move_link(transaction, payment).await?;
    }
    let (new, known): (Vec<_>, Vec<_>) = changes.orders.iter().partition(|order| order.read.is_none());
    let first = take_versions(transaction, changes.orders.len()).await?;
    let new: Vec<_> = (first..).zip(new).collect();
    insert(transaction, ORDERS, &new, |row, (version, order)| bind_order(row, order).bind(*version)).await?;
    for (version, order) in (first..).skip(new.len()).zip(known) {
        rewrite(transaction, order, version).await?;
    }
    for event in &changes.conflicts {
        insert_conflict(transaction, event).await?;
    }
    Ok(())
}

/// A row that was not written is one that another save moved since the load.
fn written(what: &str, rows: u64, expected: usize) -> Result<(), StoreError> {
    if usize::try_from(rows) == Ok(expected) { Ok(()) } else { Err(StoreError::Stale(what.to_owned())) }
}

/// A table, and the columns that an insert writes.
type Columns = (&'static str, &'static [&'static str]);

/// Inserts `rows`, many by one statement: each statement is a trip to the thread that runs it.
async fn insert<'r, R>(
    transaction: &mut Transaction<'_, Sqlite>,
    columns: Columns,
    rows: &'r [R],
    bind: impl Fn(Call<'r>, &'r R) -> Call<'r>,
) -> Result<(), StoreError> {
    let (many, rest) = rows.as_chunks::<ROWS_AT_ONCE>();
    for rows in many.iter().map(<[R; _]>::as_slice).chain(rest.chunks(1)) {
        let insert = sqlx::query(AssertSqlSafe(insert_of(columns, rows.len())));
        let done = rows.iter().fold(insert, &bind).execute(&mut **transaction).await?;
        written(columns.0, done.rows_affected(), rows.len())?;
    }
    Ok(())
}

fn insert_of((table, columns): Columns, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    let rows = vec![row; rows].join(", ");
    format!("insert into {table} ({}) values {rows} on conflict do nothing", columns.join(", "))
}

const EVENTS: Columns = (
    "events",
    &[
        "event_id",
        "source",
        "type",
        "outcome",
        "reason",
        "payment_id",
        "account",
        "kind",
        "basis",
        "reference",
        "amount",
        "currency",
        "order_claim",
        "claim_rank",
        "occurred_at",
        "received_at",
        "read_by",
        "facts_sha256",
        "body_sha256",
        "headers",
        "payload",
    ],
);

fn bind_event<'q>(row: Call<'q>, Decided { event, outcome, reason }: &'q Decided<'q>) -> Call<'q> {
    let (fact, claim, evidence) = (event.fact(), event.claim(), event.evidence());
    row.bind(event.key().id.as_str())
        .bind(event.key().source.as_str())
        .bind(event.type_name())
        .bind(outcome.as_str())
        .bind(reason.as_deref())
        .bind(event.payment().map(Id::as_str))
        .bind(event.account().map(Id::as_str))
        .bind(fact.map(|fact| fact.kind.as_str()))
        .bind(fact.map(|fact| fact.basis.as_str()))
        .bind(fact.map(|fact| fact.reference.as_str()))
        .bind(event.money().map(|money| money.amount))
        .bind(event.money().map(|money| money.currency.as_str()))
        .bind(claim.map(|claim| claim.order.as_str()))
        .bind(claim.map(|claim| claim.rank))
        .bind(event.occurred_at())
        .bind(evidence.received_at)
        .bind(evidence.read_by)
        .bind(event.facts_sha256().to_vec())
        .bind(evidence.body_sha256.as_slice())
        .bind(evidence.headers.as_str())
        .bind(evidence.body.as_ref())
}

const PAYMENTS: Columns = ("payments", &["payment_id", "source", "order_id", "link"]);

fn bind_payment<'q>(row: Call<'q>, Relink { payment, link, .. }: &'q Relink) -> Call<'q> {
    row.bind(payment.id.as_str())
        .bind(payment.source.as_str())
        .bind(link.order.as_str())
        .bind(link.standing.as_str())
}

async fn move_link(transaction: &mut Transaction<'_, Sqlite>, payment: &Relink) -> Result<(), StoreError> {
    let update = sqlx::query(
        "update payments set order_id = ?3, link = ?4 where payment_id = ?1 and source = ?2 and order_id = ?5",
    );
    let update = bind_payment(update, payment).bind(payment.was.as_ref().map(Id::as_str));
    written("links", update.execute(&mut **transaction).await?.rows_affected(), 1)
}

/// Takes as many versions as there are orders; answers the first.
async fn take_versions(transaction: &mut Transaction<'_, Sqlite>, count: usize) -> Result<i64, StoreError> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let last: i64 = sqlx::query_scalar("update order_version set value = value + ?1 returning value")
        .bind(count)
        .fetch_one(&mut **transaction)
        .await?;
    Ok(last - count + 1)
}

const ORDERS: Columns = (
    "orders",
    &[
        "order_id",
        "source",
        "status",
        "currency",
        "authorized",
        "reserved",
        "captured",
        "refunded",
        "disputed",
        "lost",
        "anomaly",
        "anomalies",
        "first_event_at",
        "last_event_at",
        "version",
    ],
);

/// Binds the columns of [`ORDERS`] but the last.
fn bind_order<'q>(row: Call<'q>, Rewrite { order: key, row: order, .. }: &'q Rewrite) -> Call<'q> {
    let order = order.as_ref();
    row.bind(key.id.as_str())
        .bind(key.source.as_str())
        .bind(order.map(|order| order.status.as_str()))
        .bind(order.and_then(|order| order.currency.as_ref()).map(Currency::as_str))
        .bind(order.map(|order| order.authorized))
        .bind(order.map(|order| order.reserved))
        .bind(order.map(|order| order.captured))
        .bind(order.map(|order| order.refunded))
        .bind(order.map(|order| order.disputed))
        .bind(order.map(|order| order.lost))
        .bind(order.and_then(Order::anomaly).map(Anomaly::as_str))
        .bind(order.map(Order::anomalies_json))
        .bind(order.map(|order| order.first_event_at))
        .bind(order.map(|order| order.last_event_at))
}

/// Writes or removes an order whose version is still the one that was read.
async fn rewrite(
    transaction: &mut Transaction<'_, Sqlite>,
    order: &Rewrite,
    version: i64,
) -> Result<(), StoreError> {
    let query = if order.row.is_some() {
        let update = sqlx::query(
            "update orders
                set status = ?3, currency = ?4, authorized = ?5, reserved = ?6, captured = ?7, refunded = ?8,
                    disputed = ?9, lost = ?10, anomaly = ?11, anomalies = ?12, first_event_at = ?13, last_event_at = ?14,
                    version = ?15,
                    updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z')
              where order_id = ?1 and source = ?2 and version = ?16",
        );
        bind_order(update, order).bind(version)
    } else {
        sqlx::query("delete from orders where order_id = ?1 and source = ?2 and version = ?3")
            .bind(order.order.id.as_str())
            .bind(order.order.source.as_str())
    };
    let done = query.bind(order.read).execute(&mut **transaction).await?;
    written("orders", done.rows_affected(), 1)
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
