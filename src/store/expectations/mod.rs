//! What the merchant says an order should cost, and what came of it.
//!
//! What is said is added and never changed: of several the highest revision counts. Whoever says something marks the order's
//! settlement stale in the same transaction; what settles it later (`settle.rs`) reads both sides as they are then.

mod audit;
mod changed;
mod known;
mod list;
mod row;
mod settle;
mod unexpected;
mod write;

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, FromRow};

use super::timestamp::rfc3339;
use super::{Database, Store, StoreError, within};
use crate::order::{Expectation, Id, Stated, Terms, UnixMicros};

pub use list::{LedgerCount, SettlementFilter};
pub use row::{ExpectationRow, OrderSettlement, SettlementRow};

use self::row::terms;

/// The longest that one statement may take in the database.
const QUERY_MAX: Duration = Duration::from_secs(5);
/// The same here: it has the wait for others' questions and for a connection in it.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A plan looks up every row by its key, whatever is known of the tables' sizes.
const BY_KEY: &str = "begin; set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off";

/// What is given, as rows: `$1` is `[[order, ledger, revision, amount, currency, under, over, due_at, closed], ..]`.
const GIVEN_POSTGRES: &str = "
    with given as (
        select n, value ->> 0 as order_id, value ->> 1 as ledger, cast(value ->> 2 as bigint) as revision,
               cast(value ->> 3 as bigint) as amount, value ->> 4 as currency, cast(value ->> 5 as bigint) as tolerance_under,
               cast(value ->> 6 as bigint) as tolerance_over, cast(value ->> 7 as timestamptz) as due_at,
               cast(value ->> 8 as boolean) as closed
          from jsonb_array_elements(cast($1 as jsonb)) with ordinality as given (value, n))";
const GIVEN_SQLITE: &str = "
    with given as (
        select key as n, value ->> 0 as order_id, value ->> 1 as ledger, value ->> 2 as revision, value ->> 3 as amount,
               value ->> 4 as currency, value ->> 5 as tolerance_under, value ->> 6 as tolerance_over, value ->> 7 as due_at,
               value ->> 8 as closed
          from json_each($1))";
/// In the order of the keys: two callers with the same ones wait for each other, and not in a circle.
const ADD: &str = "
    insert into expectations (order_id, ledger, revision, amount, currency, tolerance_under, tolerance_over, due_at, closed)
    select order_id, ledger, revision, amount, currency, tolerance_under, tolerance_over, due_at, closed
      from given where true order by order_id, ledger, revision, n
    on conflict do nothing returning order_id, ledger, revision";
const MARK: &str = "
    on conflict (order_id, ledger) do update set marks = settlements.marks + 1, stale = true";
const STANDS: &str = "
    select e.*, (select max(m.revision) from expectations m where m.order_id = e.order_id and m.ledger = e.ledger) as latest
      from given g
      join expectations e on e.order_id = g.order_id and e.ledger = g.ledger and e.revision = g.revision
     order by g.n";
/// `$1` is `[[order, ledger, revision, terms], ..]`.
const KEEP_CONFLICTS: &str = "
    insert into expectation_conflicts (order_id, ledger, revision, terms)
    select order_id, ledger, revision, terms from given where true order by order_id, ledger, revision, terms
    on conflict do nothing";
const CONFLICTS_POSTGRES: &str = "
    with given as (
        select value ->> 0 as order_id, value ->> 1 as ledger, cast(value ->> 2 as bigint) as revision, value ->> 3 as terms
          from jsonb_array_elements(cast($1 as jsonb)))";
const CONFLICTS_SQLITE: &str = "
    with given as (
        select value ->> 0 as order_id, value ->> 1 as ledger, value ->> 2 as revision, value ->> 3 as terms from json_each($1))";
const RETURN: &str = "
    insert into customer_returns (order_id, ledger, returned_at) values ($1, $2, $3) on conflict do nothing";

/// The key of an expectation.
type Revision = (String, String, i64);

impl Store {
    /// Keeps what is expected, all of it or nothing; tells what became of each, in their order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn state(&self, expectations: &[Expectation]) -> Result<Vec<Stated>, StoreError> {
        let given = rows(expectations)?;
        let state = async {
            match &self.database {
                Database::Postgres(own) => {
                    let sql = format!(
                        "{GIVEN_POSTGRES}, added as ({ADD}),
                         marked as (insert into settlements (order_id, ledger)
                                    select distinct order_id, ledger from added order by order_id, ledger {MARK})
                         select order_id, ledger, revision from added"
                    );
                    let mut transaction = own.settlements.begin_as(BY_KEY, QUERY_MAX).await?;
                    let added = sqlx::query_as(AssertSqlSafe(sql)).bind(&given);
                    let added = added.fetch_all(transaction.statements()).await?;
                    let stands =
                        sqlx::query_as(AssertSqlSafe(format!("{GIVEN_POSTGRES} {STANDS}"))).bind(&given);
                    let stands = stands.fetch_all(transaction.statements()).await?;
                    let (stated, conflicts) = outcomes(expectations, added, &stands)?;
                    if let Some(conflicts) = conflicts {
                        let sql = AssertSqlSafe(format!("{CONFLICTS_POSTGRES} {KEEP_CONFLICTS}"));
                        sqlx::query(sql).bind(conflicts).execute(transaction.statements()).await?;
                    }
                    transaction.commit().await?;
                    Ok(stated)
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin_with("begin immediate").await?;
                    let added = sqlx::query_as(AssertSqlSafe(format!("{GIVEN_SQLITE} {ADD}"))).bind(&given);
                    let added: Vec<Revision> = added.fetch_all(&mut *transaction).await?;
                    for (order, ledger, _) in &added {
                        let mark =
                            format!("insert into settlements (order_id, ledger) values ($1, $2) {MARK}");
                        let mark = sqlx::query(AssertSqlSafe(mark)).bind(order).bind(ledger);
                        mark.execute(&mut *transaction).await?;
                    }
                    let stands =
                        sqlx::query_as(AssertSqlSafe(format!("{GIVEN_SQLITE} {STANDS}"))).bind(&given);
                    let stands = stands.fetch_all(&mut *transaction).await?;
                    let (stated, conflicts) = outcomes(expectations, added, &stands)?;
                    if let Some(conflicts) = conflicts {
                        let sql = AssertSqlSafe(format!("{CONFLICTS_SQLITE} {KEEP_CONFLICTS}"));
                        sqlx::query(sql).bind(conflicts).execute(&mut *transaction).await?;
                    }
                    transaction.commit().await?;
                    Ok(stated)
                }
            }
        };
        within(ANSWER_MAX, state).await
    }

    /// Keeps that the customer came back from the provider: an event of the order is due soon. The first time stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn customer_returned(&self, order: &Id, ledger: &Id, at: UnixMicros) -> Result<(), StoreError> {
        let mark =
            || AssertSqlSafe(format!("insert into settlements (order_id, ledger) values ($1, $2) {MARK}"));
        let keep = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.settlements.begin(QUERY_MAX).await?;
                    let keep = sqlx::query(RETURN).bind(order.as_str()).bind(ledger.as_str()).bind(at);
                    keep.execute(transaction.statements()).await?;
                    let mark = sqlx::query(mark()).bind(order.as_str()).bind(ledger.as_str());
                    mark.execute(transaction.statements()).await?;
                    transaction.commit().await
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin_with("begin immediate").await?;
                    let keep = sqlx::query(RETURN).bind(order.as_str()).bind(ledger.as_str()).bind(at);
                    keep.execute(&mut *transaction).await?;
                    let mark = sqlx::query(mark()).bind(order.as_str()).bind(ledger.as_str());
                    mark.execute(&mut *transaction).await?;
                    Ok(transaction.commit().await?)
                }
            }
        };
        within(ANSWER_MAX, keep).await
    }
}

/// What stands under a revision, and the highest one of the order.
struct Standing {
    terms: Terms,
    revision: i64,
    latest: i64,
}

impl<'r, R> FromRow<'r, R> for Standing
where
    R: sqlx::Row,
    Terms: FromRow<'r, R>,
    &'static str: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            terms: Terms::from_row(row)?,
            revision: row.try_get("revision")?,
            latest: row.try_get("latest")?,
        })
    }
}

/// What became of each, and the other terms that are to be kept beside those that stand.
fn outcomes(
    expectations: &[Expectation],
    added: Vec<Revision>,
    stands: &[Standing],
) -> Result<(Vec<Stated>, Option<String>), StoreError> {
    if stands.len() != expectations.len() {
        return Err(StoreError::Stale("expectations".to_owned()));
    }
    let mut added: HashSet<Revision> = added.into_iter().collect();
    let mut conflicts = Vec::new();
    let mut stated = Vec::with_capacity(expectations.len());
    for (own, standing) in expectations.iter().zip(stands) {
        let key = (own.order.to_string(), own.ledger.to_string(), own.revision);
        let is_latest = standing.revision == standing.latest;
        let outcome = Stated::of(&own.terms, &standing.terms, added.remove(&key), is_latest);
        if outcome == Stated::Conflict {
            conflicts.push(json!([key.0, key.1, key.2, Value::from(terms(&own.terms)?).to_string()]));
        }
        stated.push(outcome);
    }
    let conflicts = (!conflicts.is_empty()).then(|| Value::from(conflicts).to_string());
    Ok((stated, conflicts))
}

/// As the statements take them.
fn rows(expectations: &[Expectation]) -> Result<String, StoreError> {
    let row = |own: &Expectation| {
        let key = [json!(own.order.as_str()), json!(own.ledger.as_str()), json!(own.revision)];
        Ok(key.into_iter().chain(terms(&own.terms)?).collect::<Value>())
    };
    let rows = expectations.iter().map(row).collect::<Result<Value, StoreError>>()?;
    Ok(rows.to_string())
}

/// A moment as a statement takes it.
fn moment(at: UnixMicros) -> Result<String, StoreError> {
    rfc3339(at).map_err(|error| StoreError::Refused { code: "22008".to_owned(), message: error.to_string() })
}
