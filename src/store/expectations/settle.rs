//! Keeps `settlements` what expectations and payments come to, from the log of changed orders and the marks of who states.
//!
//! A step reads which orders changed, then what is known of them, and writes only if no other server took the same step and
//! nothing was said of an order in the meantime. What changes after it was read stands in the log behind the step. So no
//! transaction is open while settling, and a server that froze in a step writes nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::known::{Known, Wanted, members};
use super::{ANSWER_MAX, QUERY_MAX, moment};
use crate::order::{FoundAnomaly, Ledgers, Settled};
use crate::store::{Database, Store, StoreError, within};

/// Stale settlements of one step.
const STEP_STALE_MAX: u32 = 500;

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
        let changed = self.changed_after(position, &members).await?;
        if changed.fell_off {
            let begin = async {
                on_either!(self, QUERY_MAX, pool => {
                    sqlx::query(BEGIN_ANEW).bind(step).execute(pool).await?;
                });
                Ok(())
            };
            return within(ANSWER_MAX, begin).await.map(|()| true);
        }
        let mut wanted: BTreeSet<Wanted> = changed.wanted.into_iter().collect();
        let stale = self.stale(&members).await?;
        let is_done = changed.at_end && stale.len() < STEP_STALE_MAX as usize;
        wanted.extend(stale);
        if wanted.is_empty() && changed.next == position {
            return Ok(!is_done);
        }
        let wanted: Vec<Wanted> = wanted.into_iter().collect();
        let known = self.known(&wanted, ledgers).await?;
        self.write_settled(&known, changed.next, step).await?;
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
                sqlx::query_as(sql).bind(members).bind(i64::from(STEP_STALE_MAX)).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, stale).await
    }
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
