//! Money that waits: refunds that are not done, authorizations that are neither captured nor canceled, disputes that nobody
//! decided. Found through indexes of what waits, so that a list costs the same whatever is stored.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{REFUND_NAMED_AFTER, REFUND_NOT_DONE, UnixMicros, words};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// A refund whose end was not told in this time is not looked for any more: its provider will not tell it.
const REFUND_LOST_AFTER: Duration = Duration::from_hours(400 * 24);

/// What an order's money waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitsFor {
    /// A refund that its provider told of, and not that it is done or failed.
    Refund,
    /// Money that is reserved, and neither captured nor released.
    Authorization,
    /// A dispute that is open.
    Dispute,
}

words!(WaitsFor { Refund = "refund", Authorization = "authorization", Dispute = "dispute" });

/// Which waiting orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingSince {
    /// What for.
    pub what: WaitsFor,
    /// Since before this moment.
    pub before: UnixMicros,
}

/// After how long what waits needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingLimits {
    /// A refund.
    pub refund: Duration,
    /// An authorization.
    pub authorization: Duration,
    /// A dispute.
    pub dispute: Duration,
}

/// Orders of a source that wait for one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WaitingCount {
    /// The configured account of the provider.
    pub source: String,
    /// What for: `refund`, `authorization` or `dispute`.
    pub waiting: &'static str,
    /// How many.
    pub orders: i64,
    /// The one that waits longest.
    pub oldest: String,
    /// Since when it does.
    #[schema(format = DateTime)]
    pub since: String,
}

#[cfg(test)]
impl WaitingLimits {
    /// Those that hold unless others are set.
    pub(crate) fn of_tests() -> Self {
        let days = |days: u64| Duration::from_hours(24 * days);
        Self { refund: days(14), authorization: days(6), dispute: days(90) }
    }
}

impl WaitingLimits {
    /// After how long.
    #[must_use]
    pub fn of(&self, what: WaitsFor) -> Duration {
        match what {
            WaitsFor::Refund => self.refund,
            WaitsFor::Authorization => self.authorization,
            WaitsFor::Dispute => self.dispute,
        }
    }
}

impl WaitingSince {
    /// What has waited for longer than `age`.
    #[must_use]
    pub fn longer_than(what: WaitsFor, age: Duration, now: UnixMicros) -> Self {
        Self { what, before: earlier(now, age) }
    }

    /// A statement for `of_order, of_source, since` of each, on either database. What waits is found first and once: a planner
    /// that may join a page of orders to it would rather walk all orders by their key, or look twice for since when.
    pub(in crate::store) fn sql(self) -> Result<String, StoreError> {
        let literal = |at| rfc3339(at).map_err(|error| StoreError::Unknown(error.to_string()));
        let before = literal(self.before)?;
        Ok(match self.what {
            // Of a refund that is not done nothing is folded, so the event that tells of it is looked at. A running total of the
            // charge counts a refund as soon as it is asked for, so it is not what ends the waiting. Behind the words stands which
            // refund it is, where the event names it.
            WaitsFor::Refund => format!(
                "with waiting as materialized (
                    select e.payment_id, e.source, e.occurred_at from events e
                     where substr(e.reason, 1, {words}) = '{REFUND_NOT_DONE}'
                       and e.occurred_at < '{before}' and e.occurred_at >= '{}'
                       and not exists (
                           select 1 from events d
                            where d.payment_id = e.payment_id and d.source = e.source and d.occurred_at >= e.occurred_at
                              and (d.kind in ('refund_failed', 'canceled') or d.kind = 'refunded' and d.basis <> 'total')
                              and (d.kind = 'canceled' or e.reason = '{REFUND_NOT_DONE}'
                                   or d.reference = substr(e.reason, {named}))))
                 select p.order_id as of_order, p.source as of_source, min(r.occurred_at) as since
                   from waiting r cross join payments p
                  where p.payment_id = r.payment_id and p.source = r.source
                  group by p.order_id, p.source",
                literal(earlier(self.before, REFUND_LOST_AFTER))?,
                words = REFUND_NOT_DONE.len(),
                named = REFUND_NOT_DONE.len() + REFUND_NAMED_AFTER.len() + 1,
            ),
            WaitsFor::Authorization => orders_since(
                "o.reserved > 0",
                "e.kind = 'authorized' and not exists (
                    select 1 from events d
                     where d.payment_id = e.payment_id and d.source = e.source and d.kind in ('captured', 'canceled'))",
                &before,
            ),
            WaitsFor::Dispute => orders_since(
                // The second says how few they are, which no statistics tell of two columns.
                "o.disputed > o.lost and o.disputed > 0",
                "e.kind = 'disputed' and not exists (
                    select 1 from events d
                     where d.payment_id = e.payment_id and d.source = e.source and d.reference = e.reference
                       and d.kind in ('dispute_won', 'dispute_lost') and d.occurred_at >= e.occurred_at)",
                &before,
            ),
        })
    }
}

/// Orders that wait, since the earliest event that `begins` it. No order waits from before its first event, so only those
/// are looked at whose first is early enough.
fn orders_since(waits: &str, begins: &str, before: &str) -> String {
    format!(
        "with waiting as materialized (
            select o.order_id as of_order, o.source as of_source, coalesce(
                       (select min(e.occurred_at) from payments p cross join events e
                         where p.order_id = o.order_id and p.source = o.source
                           and e.payment_id = p.payment_id and e.source = p.source and {begins}),
                       o.first_event_at) as since
              from orders o where {waits} and o.first_event_at < '{before}')
         select of_order, of_source, since from waiting where since < '{before}'"
    )
}

fn earlier(at: UnixMicros, by: Duration) -> UnixMicros {
    UnixMicros(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)).max(0))
}

impl Store {
    /// How many orders of each source wait for longer than the limits allow, and which waits longest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_money(
        &self,
        limits: &WaitingLimits,
        now: UnixMicros,
    ) -> Result<Vec<WaitingCount>, StoreError> {
        let mut counts = Vec::new();
        for what in WaitsFor::ALL {
            let since = WaitingSince::longer_than(*what, limits.of(*what), now);
            counts.extend(self.waiting_since(since).await?);
        }
        Ok(counts)
    }

    async fn waiting_since(&self, waiting: WaitingSince) -> Result<Vec<WaitingCount>, StoreError> {
        let found = waiting.sql()?;
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select of_source, orders, of_order, since
                   from (select of_source, of_order, since, count(*) over (partition by of_source) as orders,
                                row_number() over (partition by of_source order by since, of_order) as place
                           from ({found}) found) placed
                  where place = 1 order by of_source"
            ))
        };
        let counts = async {
            let rows: Vec<(String, i64, String, UnixMicros)> =
                on_either!(self, QUERY_MAX, pool => sqlx::query_as(sql()).fetch_all(pool).await?);
            let count = |(source, orders, oldest, since)| WaitingCount {
                source,
                waiting: waiting.what.as_str(),
                orders,
                oldest,
                since: rfc3339(since).unwrap_or_default(),
            };
            Ok(rows.into_iter().map(count).collect())
        };
        within(ANSWER_MAX, counts).await
    }
}
