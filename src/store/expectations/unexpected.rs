//! Orders that are paid and of which nothing was stated, in a ledger whose orders are stated: the shop forgot one, or somebody
//! pays for what the shop did not sell.

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{Id, UnixMicros};
use crate::store::inspect::UNCLAIMED_AFTER;
use crate::store::inspect::by_arrival::in_both_indexes;
use crate::store::{Database, Store, StoreError, within};

/// The newest events of a source that are looked at: a look costs the same whatever is stored.
const EVENTS_MAX: u32 = 2_000;

impl Store {
    /// Whether anything was ever stated in this ledger.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_stated_in(&self, ledger: &Id) -> Result<bool, StoreError> {
        const SQL: &str = "select exists (select 1 from expectations where ledger = $1)";
        let is_stated = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                sqlx::query_scalar(SQL).bind(ledger.as_str()).fetch_one(pool).await?
            }))
        };
        within(ANSWER_MAX, is_stated).await
    }

    /// How many orders of the source's newest 2,000 events are paid, and nothing is expected of them. What the shop states may
    /// come later than the money: events of the last [`UNCLAIMED_AFTER`] are passed over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unexpected(&self, source: &Id, ledger: &Id, now: UnixMicros) -> Result<i64, StoreError> {
        let newest = in_both_indexes(|condition| {
            format!(
                "select e.payment_id, e.source, e.received_at from events e
                  where e.source = $1 and e.{condition} and e.received_at < $3
                  order by e.received_at desc limit {EVENTS_MAX}"
            )
        });
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select count(*)
                   from (select distinct p.order_id, p.source
                           from (select * from ({newest}) arrived order by received_at desc limit {EVENTS_MAX}) newest
                          cross join payments p
                          where p.payment_id = newest.payment_id and p.source = newest.source) told
                  cross join orders o
                  where o.order_id = told.order_id and o.source = told.source and o.captured > 0
                    and not exists (select 1 from expectations x where x.order_id = o.order_id and x.ledger = $2)"
            ))
        };
        let after = i64::try_from(UNCLAIMED_AFTER.as_micros()).unwrap_or(i64::MAX);
        let before = UnixMicros(now.0.saturating_sub(after).max(0));
        let count = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                let count = sqlx::query_scalar(sql()).bind(source.as_str()).bind(ledger.as_str()).bind(before);
                count.fetch_one(pool).await?
            }))
        };
        within(ANSWER_MAX, count).await
    }
}
