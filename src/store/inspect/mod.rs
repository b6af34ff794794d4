//! Looking at what is stored: for the command line, the API and the gauges. Runs beside the lanes, on a pool of its own.

/// An event `e` that `check --production` counts: parked, dead or in conflict, and nobody has acknowledged that.
macro_rules! needs_a_person {
    () => {
        "((e.outcome in ('parked', 'dead') and not exists (
              select 1 from event_acknowledgements a
               where a.event_id = e.event_id and a.source = e.source and a.body_sha256 = e.body_sha256
                 and a.outcome = e.outcome))
          or exists (
              select 1 from conflicts c
               where c.event_id = e.event_id and c.source = e.source and not exists (
                   select 1 from event_acknowledgements a
                    where a.event_id = c.event_id and a.source = c.source and a.body_sha256 = c.body_sha256
                      and a.outcome = 'conflict')))"
    };
}

mod acknowledge;
mod acknowledge_cause;
mod actions;
mod attention;
mod audit;
pub(super) mod by_arrival;
pub(super) mod clause;
mod common_payments;
mod conflicts;
mod details;
mod filter;
mod find;
mod foreign_accounts;
pub(super) mod list;
mod purge;
mod recent;
pub(super) mod rows;
mod stored;
mod unmapped;
mod waiting;

use std::time::Duration;

use bytes::Bytes;

use crate::order::{Key, UnixMicros};

use super::{Database, Store, StoreError, within};

pub use acknowledge::{AcknowledgementRow, EventAcknowledgementRow};
pub use acknowledge_cause::SettledCause;
pub use actions::ActionRow;
pub use attention::{FAILURES_MAX, FailureCause, OpenAnomaly};
pub use audit::{Audit, DIFFERENCES_MAX, Difference};
pub use clause::LOOKED_AT_MAX;
pub use common_payments::CommonPayments;
pub use conflicts::Conflict;
pub use details::{ConflictRow, PaymentRow};
pub use filter::{AnomalyFilter, EventFilter, OrderFilter};
pub use find::{Found, OF_A_KIND_MAX};
pub use list::List;
pub use purge::Purged;
pub use recent::{ArrivalCursor, PlacedEvent, Recent, RecentFilter};
pub use rows::{AnomalyRow, EventRow, OrderRow};
pub use stored::StoredEvent;
pub(super) use stored::{STORED_COLUMNS, stored};
pub use unmapped::UnmappedType;
pub use waiting::{WaitingCount, WaitingLimits, WaitingSince, WaitsFor};

/// The most rows that one call answers, whatever its `limit`.
pub const ROWS_MAX: u32 = 1000;
/// The longest timeline that is shown.
const TIMELINE_EVENTS_MAX: u32 = 10_000;
/// The longest that one question may take in the database.
const QUERY_MAX: Duration = Duration::from_secs(10);
/// The same here: it has the wait for others' questions and for a connection in it.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// An event that names the order may come this much later than the money.
pub const UNCLAIMED_AFTER: Duration = Duration::from_mins(15);

/// What a person should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Anomalies of orders that nobody has acknowledged, each of an order's.
    pub anomalies: i64,
    /// Events that are parked and that nobody has acknowledged.
    pub parked: i64,
    /// Events that are dead and that nobody has acknowledged.
    pub dead: i64,
    /// Bodies in conflict with a stored event that nobody has acknowledged.
    pub conflicts: i64,
    /// Payments with money that no event has named an order for since [`UNCLAIMED_AFTER`].
    pub unclaimed: i64,
}

impl Counts {
    /// All of them together.
    #[must_use]
    pub fn sum(self) -> i64 {
        self.anomalies + self.parked + self.dead + self.conflicts + self.unclaimed
    }
}

/// A payment `p` with money that nobody named an order for, where `also` holds of its order `o`. It is looked up by key, and once:
/// asked as a join, a planner reads all orders for some thousands of payments.
fn unclaimed_where(also: &str) -> String {
    format!(
        "p.link = 'provisional' and (select (o.captured > 0 or o.refunded > 0 or o.disputed > 0) and {also} from orders o
                                      where o.order_id = p.order_id and o.source = p.source)"
    )
}
const EVENT_COLUMNS: &str = concat!(
    "e.event_id, e.source, e.type as type_name, e.outcome, e.reason, e.payment_id, e.account, e.kind, e.basis, e.reference, e.amount,
    e.currency, e.order_claim, e.claim_rank, e.occurred_at, e.received_at, e.duplicates, e.read_by, e.facts_sha256,
    e.body_sha256, cast(e.headers as text) as headers, cast(length(e.payload) as bigint) as payload_bytes,
    (select count(*) from conflicts c where c.event_id = e.event_id and c.source = e.source) as conflicts, ",
    needs_a_person!(),
    " as needs_a_person"
);
const ORDER_COLUMNS: &str =
    "orders.order_id, orders.source, status, currency, authorized, reserved, captured, refunded, disputed, lost,
    anomaly, cast(anomalies as text) as anomalies, version, first_event_at, last_event_at, updated_at";

impl Store {
    /// Orders by (id, source), from `after` on.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] when `after` is no cursor.
    pub async fn orders(&self, filter: &OrderFilter) -> Result<List<OrderRow>, StoreError> {
        self.list(ORDER_COLUMNS, filter.clause()?, filter.limit).await
    }

    /// The order of this key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn order(&self, key: &Key) -> Result<Option<OrderRow>, StoreError> {
        let (id, source) = (Some(key.id.to_string()), Some(key.source.to_string()));
        let filter = OrderFilter { id, source, limit: 1, ..OrderFilter::default() };
        Ok(self.orders(&filter).await?.rows.pop())
    }

    /// Events by (id, source), from `after` on.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] when `after` is no cursor.
    pub async fn events(&self, filter: &EventFilter) -> Result<List<EventRow>, StoreError> {
        self.list(EVENT_COLUMNS, filter.clause()?, filter.limit).await
    }

    /// The event of this key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event(&self, key: &Key) -> Result<Option<EventRow>, StoreError> {
        let (id, source) = (Some(key.id.to_string()), Some(key.source.to_string()));
        let filter = EventFilter { id, source, limit: 1, ..EventFilter::default() };
        Ok(self.events(&filter).await?.rows.pop())
    }

    /// Every event of the order's payments, as they arrived.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn timeline(&self, order: &Key) -> Result<Vec<EventRow>, StoreError> {
        const WHERE: &str = "
              join payments p on p.payment_id = e.payment_id and p.source = e.source
             where p.order_id = $1 and p.source = $2
             order by e.received_at, e.event_id
             limit $3";
        let sql = || sqlx::AssertSqlSafe(format!("select {EVENT_COLUMNS} from events e {WHERE}"));
        let rows = async {
            Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_as(sql())
                .bind(order.id.as_str())
                .bind(order.source.as_str())
                .bind(i64::from(TIMELINE_EVENTS_MAX))
                .fetch_all(pool)
                .await?))
        };
        within(ANSWER_MAX, rows).await
    }

    /// The exact bytes of an event; `None` when it is unknown or its body was purged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn raw(&self, event: &Key) -> Result<Option<Bytes>, StoreError> {
        const SQL: &str = "select payload from events where event_id = $1 and source = $2";
        let payload = async {
            let payload: Option<Option<Vec<u8>>> = on_either!(self, QUERY_MAX, pool => sqlx::query_scalar(SQL)
                .bind(event.id.as_str())
                .bind(event.source.as_str())
                .fetch_optional(pool)
                .await?);
            Ok(payload.flatten().map(Bytes::from))
        };
        within(ANSWER_MAX, payload).await
    }

    /// How many anomalies of orders nobody has acknowledged, by their word; none of a word that no order has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn anomalies(&self) -> Result<Vec<(String, i64)>, StoreError> {
        const SQL: &str = "select anomaly, count(*) from v_anomalies where acknowledged_at is null group by anomaly order by anomaly";
        let counts =
            async { Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL).fetch_all(pool).await?)) };
        within(ANSWER_MAX, counts).await
    }

    /// How many payments hold or held money and have no order, by source; none of a source that has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unclaimed(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = || {
            let unclaimed = unclaimed_where("true");
            sqlx::AssertSqlSafe(format!(
                "select source, count(*) from payments p where {unclaimed} group by source order by source"
            ))
        };
        let counts =
            async { Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_as(sql()).fetch_all(pool).await?)) };
        within(ANSWER_MAX, counts).await
    }

    /// How much needs a person.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(&self, now: UnixMicros) -> Result<Counts, StoreError> {
        let sql = || {
            let unclaimed = unclaimed_where("o.updated_at < $1");
            sqlx::AssertSqlSafe(format!(
                "select (select count(*) from v_anomalies where acknowledged_at is null),
                        (select count(*) from v_failures where outcome = 'parked' and acknowledged_at is null),
                        (select count(*) from v_failures where outcome = 'dead' and acknowledged_at is null),
                        (select count(*) from v_failures where outcome = 'conflict' and acknowledged_at is null),
                        (select count(*) from payments p where {unclaimed})"
            ))
        };
        let after = i64::try_from(UNCLAIMED_AFTER.as_micros()).unwrap_or(i64::MAX);
        let since = UnixMicros(now.0.saturating_sub(after));
        let counts = async {
            let (anomalies, parked, dead, conflicts, unclaimed) =
                on_either!(self, QUERY_MAX, pool => sqlx::query_as(sql()).bind(since).fetch_one(pool).await?);
            Ok(Counts { anomalies, parked, dead, conflicts, unclaimed })
        };
        within(ANSWER_MAX, counts).await
    }
}
