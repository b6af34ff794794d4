//! Payments that stand in two sources: one account of a provider that has two endpoints here, so its money is counted in both.

use super::by_arrival::in_both_indexes;
use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::Id;
use crate::store::{Database, Store, StoreError, within};

/// The newest events of a source whose payments are looked for in others: both endpoints are told of the same payments, so the
/// newest suffice, and a look costs the same whatever is stored.
const EVENTS_MAX: u32 = 1_000;

/// Payments of a source that stand in another one, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonPayments {
    /// The other source.
    pub other: String,
    /// How many, of the source's newest events.
    pub payments: i64,
    /// One of them.
    pub payment_id: String,
}

impl Store {
    /// The payments of the source's newest events that stand in other sources, too, by source.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn common_payments(&self, source: &Id) -> Result<Vec<CommonPayments>, StoreError> {
        let newest = in_both_indexes(|condition| {
            format!(
                "select e.payment_id from events e where e.source = $1 and e.{condition}
                  order by e.received_at desc limit {EVENTS_MAX}"
            )
        });
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select p.source, count(distinct p.payment_id), min(p.payment_id)
                   from ({newest}) newest
                  cross join payments p
                  where p.payment_id = newest.payment_id and p.source <> $1
                  group by p.source order by p.source"
            ))
        };
        let common = async {
            let rows: Vec<(String, i64, String)> = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(sql()).bind(source.as_str()).fetch_all(pool).await?
            });
            let row = |(other, payments, payment_id)| CommonPayments { other, payments, payment_id };
            Ok(rows.into_iter().map(row).collect())
        };
        within(ANSWER_MAX, common).await
    }
}
