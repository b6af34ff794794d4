//! One call of the function `save_decided`, which writes everything or nothing.

use sqlx::Arguments;
use sqlx::encode::Encode;
use sqlx::postgres::{PgArguments, PgBindIterExt, PgHasArrayType, Postgres};
use sqlx::query::Query;
use sqlx::types::Type;

use super::Statements;
use crate::order::{Changes, Currency, Decided, Event, Id, Order, Relink, Rewrite};
use crate::store::StoreError;

/// The arguments in the order of the function's parameters: 21 of events, 5 of payments, 15 of orders, 6 of conflicts.
const CALL: &str = "select save_decided(\
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
    $22, $23, $24, $25, $26, \
    $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, \
    $42, $43, $44, $45, $46, $47)";

const PARAMETERS: usize = 47;
/// Of an array without elements.
const COLUMN_BYTES: usize = 32;
/// What a row usually takes in all its columns, an event's without headers and body.
const EVENT_BYTES: usize = 480;
const PAYMENT_BYTES: usize = 160;
const ORDER_BYTES: usize = 240;

pub(super) async fn save(statements: Statements<'_>, changes: &Changes<'_>) -> Result<(), StoreError> {
    let call = sqlx::query_with(CALL, room_for(changes));
    let call = bind_events(call, &changes.events);
    let call = bind_payments(call, &changes.payments);
    let call = bind_orders(call, &changes.orders);
    bind_conflicts(call, &changes.conflicts).execute(statements).await?;
    Ok(())
}

/// The arguments, with room for all: a buffer that grows copies every body several times.
fn room_for(changes: &Changes<'_>) -> PgArguments {
    let event = |event: &Event| EVENT_BYTES + event.evidence().headers.len() + event.evidence().body.len();
    let events = changes
        .events
        .iter()
        .map(|row| event(row.event))
        .chain(changes.conflicts.iter().map(|row| event(row)));
    let bytes = PARAMETERS * COLUMN_BYTES
        + events.sum::<usize>()
        + changes.payments.len() * PAYMENT_BYTES
        + changes.orders.len() * ORDER_BYTES;
    let mut arguments = PgArguments::default();
    arguments.reserve(PARAMETERS, bytes);
    arguments
}

type Call<'q> = Query<'q, Postgres, PgArguments>;

/// Binds one column of `rows` as an array.
fn column<'q, R, V>(call: Call<'q>, rows: &'q [R], value: impl Fn(&'q R) -> V) -> Call<'q>
where
    V: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType,
{
    call.bind(rows.iter().map(value).bind_iter())
}

fn bind_events<'q>(call: Call<'q>, rows: &'q [Decided<'q>]) -> Call<'q> {
    let call = column(call, rows, |row| row.event.key().id.as_str());
    let call = column(call, rows, |row| row.event.key().source.as_str());
    let call = column(call, rows, |row| row.event.type_name());
    let call = column(call, rows, |row| row.outcome.as_str());
    let call = column(call, rows, |row| row.reason.as_deref());
    let call = column(call, rows, |row| row.event.payment().map(Id::as_str));
    let call = column(call, rows, |row| row.event.account().map(Id::as_str));
    let call = column(call, rows, |row| row.event.fact().map(|fact| fact.kind.as_str()));
    let call = column(call, rows, |row| row.event.fact().map(|fact| fact.basis.as_str()));
    let call = column(call, rows, |row| row.event.fact().map(|fact| fact.reference.as_str()));
    let call = column(call, rows, |row| row.event.money().map(|money| money.amount));
    let call = column(call, rows, |row| row.event.money().map(|money| money.currency.as_str()));
    let call = column(call, rows, |row| row.event.claim().map(|claim| claim.order.as_str()));
    let call = column(call, rows, |row| row.event.claim().map(|claim| claim.rank));
    let call = column(call, rows, |row| row.event.occurred_at());
    let call = column(call, rows, |row| row.event.evidence().received_at);
    let call = column(call, rows, |row| row.event.evidence().read_by);
    let call = column(call, rows, |row| row.event.facts_sha256());
    let call = column(call, rows, |row| row.event.evidence().body_sha256);
    let call = column(call, rows, |row| row.event.evidence().headers.as_str());
    column(call, rows, |row| row.event.evidence().body.as_ref())
}

fn bind_payments<'q>(call: Call<'q>, rows: &'q [Relink]) -> Call<'q> {
    let call = column(call, rows, |row| row.payment.id.as_str());
    let call = column(call, rows, |row| row.payment.source.as_str());
    let call = column(call, rows, |row| row.was.as_ref().map(Id::as_str));
    let call = column(call, rows, |row| row.link.order.as_str());
    column(call, rows, |row| row.link.standing.as_str())
}

fn bind_orders<'q>(call: Call<'q>, rows: &'q [Rewrite]) -> Call<'q> {
    fn of<'q, V>(value: impl Fn(&'q Order) -> V) -> impl Fn(&'q Rewrite) -> Option<V> {
        move |row| row.row.as_ref().map(&value)
    }
    let call = column(call, rows, |row| row.order.id.as_str());
    let call = column(call, rows, |row| row.order.source.as_str());
    let call = column(call, rows, |row| row.read);
    let call = column(call, rows, of(|order| order.status.as_str()));
    let call = column(call, rows, |row| row.row.as_ref()?.currency.as_ref().map(Currency::as_str));
    let call = column(call, rows, of(|order| order.authorized));
    let call = column(call, rows, of(|order| order.reserved));
    let call = column(call, rows, of(|order| order.captured));
    let call = column(call, rows, of(|order| order.refunded));
    let call = column(call, rows, of(|order| order.disputed));
    let call = column(call, rows, of(|order| order.lost));
    let call = column(call, rows, |row| Some(row.row.as_ref()?.anomaly()?.as_str()));
    let call = column(call, rows, of(Order::anomalies_json));
    let call = column(call, rows, of(|order| order.first_event_at));
    column(call, rows, of(|order| order.last_event_at))
}

fn bind_conflicts<'q>(call: Call<'q>, rows: &'q [&'q Event]) -> Call<'q> {
    let call = column(call, rows, |event| event.key().id.as_str());
    let call = column(call, rows, |event| event.key().source.as_str());
    let call = column(call, rows, |event| event.evidence().body_sha256);
    let call = column(call, rows, |event| event.evidence().received_at);
    let call = column(call, rows, |event| event.evidence().headers.as_str());
    column(call, rows, |event| event.evidence().body.as_ref())
}
