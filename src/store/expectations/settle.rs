//! Keeps `settlements` what expectations and payments come to, from the log of changed orders and the marks of who states.
//!
//! A step reads which orders changed, then what is known of them, and writes only if no other server took the same step and
//! nothing was said of an order in the meantime. What changes after it was read stands in the log behind the step. So no
//! transaction is open while settling, and a server that froze in a step writes nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::known::{Known, Wanted, members};
use super::{ANSWER_MAX, QUERY_MAX, moment};
use crate::order::{FoundAnomaly, Ledgers, Settled};
use crate::store::{Database, Store, StoreError, within};

/// Orders of one step.
const STEP_ORDERS_MAX: u32 = 500;

const PROGRESS: &str = "select position, step, ledgers from settlement_progress";
const STALE_POSTGRES: &str = "
    select order_id, ledger from settlements
     where stale and ledger in (select value ->> 0 from jsonb_array_elements(cast($1 as jsonb)))
     order by order_id, ledger limit $2";
const STALE_SQLITE: &str = "
    select order_id, ledger from settlements
     where stale and ledger in (select value ->> 0 from json_each($1))
     order by order_id, ledger limit $2";
/// Behind a row, so many as one statement marks well within its time.
const MARK_STALE: &str = "
    update settlements set stale = true, marks = marks + 1 where (order_id, ledger) in (
           select order_id, ledger from settlements where (order_id, ledger) > ($1, $2) order by order_id, ledger limit 10000)
    returning order_id, ledger";
const TAKE_LEDGERS: &str = "update settlement_progress set ledgers = $1, step = step + 1 where step = $2";
/// From the beginning of the log, as it is then.
const BEGIN_ANEW: &str =
    "update settlement_progress set position = 0, ledgers = '', step = step + 1 where step = $1";
const ADVANCE: &str = "update settlement_progress set position = $1, step = step + 1 where step = $2";

/// `$1` is `[[order, ledger, marks, revision, settlement, currency, expected, captured, refunded, lost, held, due, anomalies,
/// unpaid_at], ..]`.
const SETTLED_POSTGRES: &str = "
    with settled as (
        select value ->> 0 as order_id, value ->> 1 as ledger, cast(value ->> 2 as bigint) as marks,
               cast(value ->> 3 as bigint) as revision, value ->> 4 as settlement, value ->> 5 as currency,
               cast(value ->> 6 as bigint) as expected, cast(value ->> 7 as bigint) as captured,
               cast(value ->> 8 as bigint) as refunded, cast(value ->> 9 as bigint) as lost, cast(value ->> 10 as bigint) as held,
               cast(value ->> 11 as bigint) as due, value -> 12 as anomalies, cast(value ->> 13 as timestamptz) as unpaid_at
          from jsonb_array_elements(cast($1 as jsonb))),
    locked as materialized (
        select g.* from settled g
          join settlements s on s.order_id = g.order_id and s.ledger = g.ledger and s.marks = g.marks
         order by g.order_id, g.ledger for update of s)";
const SETTLED_SQLITE: &str = "
    with locked as (
        select value ->> 0 as order_id, value ->> 1 as ledger, value ->> 2 as marks, value ->> 3 as revision,
               value ->> 4 as settlement, value ->> 5 as currency, value ->> 6 as expected, value ->> 7 as captured,
               value ->> 8 as refunded, value ->> 9 as lost, value ->> 10 as held, value ->> 11 as due,
               value -> 12 as anomalies, value ->> 13 as unpaid_at
          from json_each($1))";
const SETTLE: &str = "
    update settlements
       set stale = false, revision = g.revision, settlement = g.settlement, currency = g.currency, expected = g.expected,
           captured = g.captured, refunded = g.refunded, lost = g.lost, held = g.held, due = g.due, anomalies = g.anomalies,
           unpaid_at = g.unpaid_at, updated_at = NOW
      from locked g
     where settlements.order_id = g.order_id and settlements.ledger = g.ledger and settlements.marks = g.marks";

impl Store {
    /// Whether anything is expected of any order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn expects(&self) -> Result<bool, StoreError> {
        const SQL: &str = "select exists (select 1 from settlements limit 1)";
        let expects =
            async { Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_scalar(SQL).fetch_one(pool).await?)) };
        within(ANSWER_MAX, expects).await
    }

    /// Settles what changed, a bounded number of orders at once; tells whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle(&self, ledgers: &Ledgers) -> Result<bool, StoreError> {
        let members = members(ledgers);
        let (position, step, settled_as) = self.progress().await?;
        if settled_as != members {
            self.settle_all_again().await?;
            let take = async {
                on_either!(self, QUERY_MAX, pool => {
                    sqlx::query(TAKE_LEDGERS).bind(&members).bind(step).execute(pool).await?;
                });
                Ok(())
            };
            return within(ANSWER_MAX, take).await.map(|()| true);
        }
        let changed = self.announcements(position, STEP_ORDERS_MAX).await?;
        if changed.fell_off {
            let begin = async {
                on_either!(self, QUERY_MAX, pool => {
                    sqlx::query(BEGIN_ANEW).bind(step).execute(pool).await?;
                });
                Ok(())
            };
            return within(ANSWER_MAX, begin).await.map(|()| true);
        }
        let ledger_of = |source: &str| ledgers.of(source).map(ToString::to_string);
        let mut wanted: BTreeSet<Wanted> =
            changed.orders.into_iter().filter_map(|one| Some((one.order, ledger_of(&one.source)?))).collect();
        let stale = self.stale(&members).await?;
        let is_done = changed.at_end && stale.len() < STEP_ORDERS_MAX as usize;
        wanted.extend(stale);
        if wanted.is_empty() && changed.next == position {
            return Ok(!is_done);
        }
        let wanted: Vec<Wanted> = wanted.into_iter().collect();
        let known = self.known(&wanted, ledgers).await?;
        let settled =
            known.iter().filter_map(|known| row(known).transpose()).collect::<Result<Value, _>>()?;
        self.advance(changed.next, step, &settled.to_string()).await?;
        Ok(!is_done)
    }

    /// Marks every settlement stale, because it is not known which changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_all_again(&self) -> Result<(), StoreError> {
        let mut last = Some((String::new(), String::new()));
        while let Some((order, ledger)) = last {
            let mark = async {
                let marked: Vec<Wanted> = on_either!(self, QUERY_MAX, pool => {
                    sqlx::query_as(MARK_STALE).bind(&order).bind(&ledger).fetch_all(pool).await?
                });
                Ok(marked.into_iter().max())
            };
            last = within(ANSWER_MAX, mark).await?;
        }
        Ok(())
    }

    /// The position in the log, the number of the step, and the ledgers that were settled.
    pub(super) async fn progress(&self) -> Result<(i64, i64, String), StoreError> {
        let progress = async {
            Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_as(PROGRESS).fetch_one(pool).await?))
        };
        within(ANSWER_MAX, progress).await
    }

    async fn stale(&self, members: &str) -> Result<Vec<Wanted>, StoreError> {
        let sql = match &self.database {
            Database::Postgres(_) => STALE_POSTGRES,
            Database::Sqlite(_) => STALE_SQLITE,
        };
        let stale = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(sql).bind(members).bind(i64::from(STEP_ORDERS_MAX)).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, stale).await
    }

    /// Writes what was settled, unless another took this step.
    async fn advance(&self, position: i64, step: i64, settled: &str) -> Result<(), StoreError> {
        let write = async {
            match &self.database {
                Database::Postgres(own) => {
                    let sql = format!("{SETTLED_POSTGRES} {}", SETTLE.replace("NOW", "now()"));
                    let mut transaction = own.settlements.begin_as(super::BY_KEY, QUERY_MAX).await?;
                    let advance = sqlx::query(ADVANCE).bind(position).bind(step);
                    if advance.execute(transaction.statements()).await?.rows_affected() == 1 {
                        let settle = sqlx::query(AssertSqlSafe(sql)).bind(settled);
                        settle.execute(transaction.statements()).await?;
                    }
                    transaction.commit().await
                }
                Database::Sqlite(own) => {
                    let now = "strftime('%Y-%m-%dT%H:%M:%f000Z')";
                    let sql = format!("{SETTLED_SQLITE} {}", SETTLE.replace("NOW", now));
                    let mut transaction = own.pool.begin_with("begin immediate").await?;
                    let advance = sqlx::query(ADVANCE).bind(position).bind(step);
                    if advance.execute(&mut *transaction).await?.rows_affected() == 1 {
                        let settle = sqlx::query(AssertSqlSafe(sql)).bind(settled);
                        settle.execute(&mut *transaction).await?;
                    }
                    Ok(transaction.commit().await?)
                }
            }
        };
        within(ANSWER_MAX, write).await
    }
}

/// What is written of an order; nothing of one of which nothing was said.
fn row(known: &Known) -> Result<Option<Value>, StoreError> {
    let Some(marks) = known.marks else { return Ok(None) };
    let mut row = vec![json!(known.order), json!(known.ledger), json!(marks)];
    row.extend(columns(known)?);
    Ok(Some(Value::from(row)))
}

/// What the columns from `revision` to `unpaid_at` come to.
pub(super) fn columns(known: &Known) -> Result<[Value; 11], StoreError> {
    let settled = known.settled();
    let number = |of: fn(&Settled) -> i64| json!(settled.as_ref().map_or(0, of));
    let terms = known.expectation.map(|own| own.terms);
    let anomalies = settled.iter().flat_map(|settled| settled.anomalies.iter().map(FoundAnomaly::to_json));
    let unpaid_at = settled.as_ref().and_then(|settled| settled.unpaid_at);
    Ok([
        json!(known.expectation.map(|own| own.revision)),
        json!(settled.as_ref().map(|settled| settled.settlement.as_str())),
        json!(terms.map(|terms| terms.currency.to_string())),
        json!(terms.map_or(0, |terms| terms.amount)),
        number(|settled| settled.captured),
        number(|settled| settled.refunded),
        number(|settled| settled.lost),
        number(|settled| settled.held),
        number(|settled| settled.due),
        anomalies.collect(),
        json!(unpaid_at.map(moment).transpose()?),
    ])
}
