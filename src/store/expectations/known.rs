//! What is known of orders in their ledgers: what is expected, and the payments of the ledger's sources.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, FromRow, Row, SqliteConnection, Type};

use super::row::{Statement, shown};
use super::{ANSWER_MAX, BY_KEY, OrderSettlement, QUERY_MAX};
use crate::order::{
    Entry, Fact, FoundAnomaly, Id, Ledgers, PaymentFold, Settled, SettlementAnomaly, UnixMicros,
};
use crate::store::inspect::{AnomalyRow, OrderFilter, ROWS_MAX};
use crate::store::postgres::Transaction;
use crate::store::{Database, Store, StoreError, snapshot, within};

/// `$1` is `[[order, ledger], ..]`, `$2` is `[[ledger, source], ..]`.
const WANTED_POSTGRES: &str = "
    with wanted (order_id, ledger) as (select value ->> 0, value ->> 1 from jsonb_array_elements(cast($1 as jsonb)))";
const MEMBERS_POSTGRES: &str = ", member (ledger, source) as (select value ->> 0, value ->> 1 from jsonb_array_elements(cast($2 as jsonb)))";
const WANTED_SQLITE: &str = "
    with wanted (order_id, ledger) as (select value ->> 0, value ->> 1 from json_each($1))";
const MEMBERS_SQLITE: &str =
    ", member (ledger, source) as (select value ->> 0, value ->> 1 from json_each($2))";
const EXPECTED: &str = "
    select w.order_id as wanted_order, w.ledger as wanted_ledger, s.marks, s.version, r.returned_at, e.*
      from wanted w
      left join settlements s on s.order_id = w.order_id and s.ledger = w.ledger
      left join customer_returns r on r.order_id = w.order_id and r.ledger = w.ledger
      left join expectations e on e.order_id = w.order_id and e.ledger = w.ledger and e.revision = (
                select max(m.revision) from expectations m where m.order_id = w.order_id and m.ledger = w.ledger)";
/// SQLite joins in this order: from the orders to their payments to what their events say.
const PAID: &str = "
    select w.order_id, w.ledger, p.source, p.payment_id, e.event_id, e.kind, e.basis, e.reference, e.amount, e.currency,
           e.occurred_at
      from wanted w
     cross join member m
     cross join payments p
      left join events e on e.payment_id = p.payment_id and e.source = p.source and e.kind is not null
     where m.ledger = w.ledger and p.order_id = w.order_id and p.source = m.source";

/// The keys of orders: their id and their ledger.
pub(super) type Wanted = (String, String);

/// What is known of an order in its ledger.
pub(super) struct Known {
    pub(super) order: String,
    pub(super) ledger: String,
    /// Of its row in `settlements`, if there is one.
    pub(super) marks: Option<i64>,
    /// The same row's.
    pub(super) version: Option<i64>,
    pub(super) expectation: Option<Statement>,
    pub(super) returned_at: Option<UnixMicros>,
    payments: Vec<PaymentFold>,
}

impl Known {
    /// What came of what is expected, if anything is.
    pub(super) fn settled(&self) -> Option<Settled> {
        let statement = self.expectation.as_ref()?;
        Some(Settled::fold(&statement.terms, &self.payments, self.returned_at))
    }
}

impl Store {
    /// An order of a ledger as it is at this moment: what is expected, what came of it, and its rows. `None` where the ledger
    /// has no source.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settlement(
        &self,
        order: &Id,
        ledger: &Id,
        ledgers: &Ledgers,
        now: UnixMicros,
    ) -> Result<Option<OrderSettlement>, StoreError> {
        let Some(sources) = ledgers.sources(ledger.as_str()) else { return Ok(None) };
        let wanted = [(order.to_string(), ledger.to_string())];
        let known = self.known(&wanted, ledgers).await?.pop();
        let known = known.ok_or_else(|| StoreError::Stale(format!("order {order}")))?;
        let filter = OrderFilter { id: Some(order.to_string()), limit: ROWS_MAX, ..OrderFilter::default() };
        let mut orders = self.orders(&filter).await?.rows;
        orders.retain(|row| sources.iter().any(|source| source.as_str() == row.source));
        let settled = known.settled();
        let amount = |of: fn(&Settled) -> i64| settled.as_ref().map(of);
        let due_at = |statement: &Statement| {
            settled.as_ref().and_then(|settled| settled.unpaid_at).or(statement.terms.due_at)
        };
        let anomalies = settled.as_ref().map(|settled| settled.anomalies_at(now)).unwrap_or_default();
        Ok(Some(OrderSettlement {
            expected: known.expectation.as_ref().map(|own| own.row(due_at(own))).transpose()?,
            settlement: settled.as_ref().map(|settled| settled.settlement.to_string()),
            captured: amount(|settled| settled.captured),
            refunded: amount(|settled| settled.refunded),
            lost: amount(|settled| settled.lost),
            held: amount(|settled| settled.held),
            due: amount(|settled| settled.due),
            anomalies: anomalies.into_iter().map(anomaly_row).collect(),
            returned_at: known.returned_at.map(shown).transpose()?,
            order: known.order,
            ledger: known.ledger,
            orders,
        }))
    }

    /// What is known of each of `wanted`.
    pub(super) async fn known(&self, wanted: &[Wanted], ledgers: &Ledgers) -> Result<Vec<Known>, StoreError> {
        let read = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.settlements.begin_as(BY_KEY, QUERY_MAX).await?;
                    let known = known_in_postgres(&mut transaction, wanted, ledgers).await?;
                    transaction.commit().await?;
                    Ok(known)
                }
                Database::Sqlite(own) => {
                    known_in_sqlite(own.pool.acquire().await?.as_mut(), wanted, ledgers).await
                }
            }
        };
        within(ANSWER_MAX, read).await
    }
}

pub(super) async fn known_in_postgres(
    transaction: &mut Transaction,
    wanted: &[Wanted],
    ledgers: &Ledgers,
) -> Result<Vec<Known>, StoreError> {
    let wanted = json!(wanted).to_string();
    let expected = sqlx::query_as(AssertSqlSafe(format!("{WANTED_POSTGRES} {EXPECTED}"))).bind(&wanted);
    let expected = expected.fetch_all(transaction.statements()).await?;
    let Some(wanted) = with_expectation(&expected) else { return Ok(assembled(expected, Vec::new())) };
    let paid = AssertSqlSafe(format!("{WANTED_POSTGRES} {MEMBERS_POSTGRES} {PAID}"));
    let paid = sqlx::query_as(paid).bind(&wanted).bind(members(ledgers));
    let paid = paid.fetch_all(transaction.statements()).await?;
    Ok(assembled(expected, paid))
}

pub(super) async fn known_in_sqlite(
    connection: &mut SqliteConnection,
    wanted: &[Wanted],
    ledgers: &Ledgers,
) -> Result<Vec<Known>, StoreError> {
    let wanted = json!(wanted).to_string();
    let expected = sqlx::query_as(AssertSqlSafe(format!("{WANTED_SQLITE} {EXPECTED}"))).bind(&wanted);
    let expected = expected.fetch_all(&mut *connection).await?;
    let Some(wanted) = with_expectation(&expected) else { return Ok(assembled(expected, Vec::new())) };
    let paid = AssertSqlSafe(format!("{WANTED_SQLITE} {MEMBERS_SQLITE} {PAID}"));
    let paid = sqlx::query_as(paid).bind(&wanted).bind(members(ledgers));
    let paid = paid.fetch_all(&mut *connection).await?;
    Ok(assembled(expected, paid))
}

/// The orders of which anything is expected, if there are any. Of all others it does not matter what was paid: where a shop states
/// few of its orders, most of those that change are not looked at further.
fn with_expectation(expected: &[ExpectedRow]) -> Option<String> {
    let known = expected.iter().filter(|ExpectedRow(known)| known.expectation.is_some());
    let wanted: Vec<_> = known.map(|ExpectedRow(known)| (&known.order, &known.ledger)).collect();
    (!wanted.is_empty()).then(|| json!(wanted).to_string())
}

/// `[[ledger, source], ..]`
pub(super) fn members(ledgers: &Ledgers) -> String {
    let members = ledgers.names().flat_map(|ledger| {
        let sources = ledgers.sources(ledger.as_str()).unwrap_or_default();
        sources.iter().map(move |source| json!([ledger.as_str(), source.as_str()]))
    });
    members.collect::<Value>().to_string()
}

pub(super) fn anomaly_row(found: FoundAnomaly<SettlementAnomaly>) -> AnomalyRow {
    AnomalyRow { anomaly: found.anomaly.to_string(), detail: found.detail }
}

/// A payment's entries, or none.
type Paid = BTreeMap<(String, String), Vec<Entry>>;

fn assembled(expected: Vec<ExpectedRow>, paid: Vec<PaidRow>) -> Vec<Known> {
    let mut orders: BTreeMap<Wanted, Paid> = BTreeMap::new();
    for PaidRow { order, payment, entry } in paid {
        orders.entry(order).or_default().entry(payment).or_default().extend(entry);
    }
    let known = expected.into_iter().map(|ExpectedRow(known)| {
        let paid = orders.remove(&(known.order.clone(), known.ledger.clone())).unwrap_or_default();
        Known { payments: paid.values().map(|entries| PaymentFold::of(entries)).collect(), ..known }
    });
    known.collect()
}

struct ExpectedRow(Known);

struct PaidRow {
    order: Wanted,
    /// Its source and id.
    payment: (String, String),
    entry: Option<Entry>,
}

impl<'r, R> FromRow<'r, R> for ExpectedRow
where
    R: Row,
    Statement: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let is_expected = row.try_get::<Option<i64>, _>("revision")?.is_some();
        Ok(Self(Known {
            order: row.try_get("wanted_order")?,
            ledger: row.try_get("wanted_ledger")?,
            marks: row.try_get("marks")?,
            version: row.try_get("version")?,
            expectation: is_expected.then(|| Statement::from_row(row)).transpose()?,
            returned_at: row.try_get("returned_at")?,
            payments: Vec::new(),
        }))
    }
}

impl<'r, R> FromRow<'r, R> for PaidRow
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let text = |column| row.try_get::<Option<String>, _>(column);
        let id = |text: &str| Id::new(text).map_err(|error| sqlx::Error::Decode(error.into()));
        let fact: Option<Fact> = snapshot::fact(
            (text("kind")?.as_deref(), text("basis")?.as_deref(), text("reference")?.as_deref()),
            row.try_get("amount")?,
            text("currency")?.as_deref(),
        )
        .ok_or_else(|| sqlx::Error::Decode("a fact is not one that this version can read".into()))?;
        let entry = |event: String| {
            let occurred_at = row.try_get("occurred_at")?;
            Ok::<_, sqlx::Error>(Entry { event: id(&event)?, occurred_at, account: None, fact, claim: None })
        };
        Ok(Self {
            order: (row.try_get("order_id")?, row.try_get("ledger")?),
            payment: (row.try_get("source")?, row.try_get("payment_id")?),
            entry: text("event_id")?.map(entry).transpose()?,
        })
    }
}
