//! The newest first: events and orders by when they arrived, source by source through the two indexes of arrivals, so that a
//! list costs the same whatever is stored.

use std::time::Duration;

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::by_arrival::in_both_indexes;
use super::rows::{EventRow, OrderRow};
use super::{EVENT_COLUMNS, ORDER_COLUMNS, ROWS_MAX};
use crate::order::{Id, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

/// The longest that one question of a page may take in the database: somebody waits before a screen.
const QUERY_MAX: Duration = Duration::from_millis(1_500);
/// The same here: it has the wait for others' questions in it.
const ANSWER_MAX: Duration = Duration::from_secs(4);
/// Later than every event, and the latest hour that can be written.
const THE_END: UnixMicros = UnixMicros(253_402_200_000_000_000);
/// The newest events, of so many for each order that is asked for, are searched for orders.
const EVENTS_OF_AN_ORDER: u32 = 4;

/// Which events, from the newest on.
#[derive(Debug, Clone, Default)]
pub struct RecentFilter {
    /// Of these sources.
    pub sources: Vec<Id>,
    /// With this outcome, as it is stored.
    pub outcome: Option<String>,
    /// Of this type, in the provider's words.
    pub type_name: Option<String>,
    /// Not those that arrived earlier.
    pub since: UnixMicros,
    /// Behind this event.
    pub before: Option<Place>,
    /// How many rows, at most [`ROWS_MAX`].
    pub limit: u32,
}

/// Where an event stands among all by arrival. Two may arrive at one moment: so it takes all three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// When it arrived.
    pub received_at: UnixMicros,
    /// Its id.
    pub event_id: String,
    /// Its source.
    pub source: String,
}

/// An event, and the order that its payment belongs to now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlacedEvent {
    /// The event.
    #[serde(flatten)]
    pub event: EventRow,
    /// The order.
    pub order_id: Option<String>,
}

impl<'r, R> FromRow<'r, R> for PlacedEvent
where
    R: Row,
    EventRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self { event: EventRow::from_row(row)?, order_id: row.try_get("order_id")? })
    }
}

impl Store {
    /// Events, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent_events(&self, filter: &RecentFilter) -> Result<Vec<PlacedEvent>, StoreError> {
        let limit = filter.limit.min(ROWS_MAX);
        let Some(newest) = newest("e.event_id, e.source", filter, limit) else { return Ok(Vec::new()) };
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select {EVENT_COLUMNS}, (select p.order_id from payments p
                          where p.payment_id = e.payment_id and p.source = e.source) as order_id
                   from ({newest}) n cross join events e
                  where e.event_id = n.event_id and e.source = n.source
                  order by e.received_at desc, e.event_id desc, e.source desc limit {limit}"
            ))
        };
        let (since, place, texts) = filter.values();
        let rows = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                let list = sqlx::query_as(sql()).bind(since).bind(place.received_at).bind(&place.event_id).bind(&place.source);
                texts.iter().fold(list, |list, text| list.bind(*text)).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, rows).await
    }

    /// The orders of the newest events of these sources, the one with the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent_orders(&self, sources: &[Id], limit: u32) -> Result<Vec<OrderRow>, StoreError> {
        let filter = RecentFilter { sources: sources.to_vec(), ..RecentFilter::default() };
        let limit = limit.min(ROWS_MAX);
        let newest = newest("e.payment_id, e.source, e.received_at", &filter, limit * EVENTS_OF_AN_ORDER);
        let Some(newest) = newest else { return Ok(Vec::new()) };
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select {ORDER_COLUMNS}
                   from (select p.order_id as of_order, p.source as of_source, max(n.received_at) as last_at
                           from ({newest}) n cross join payments p
                          where p.payment_id = n.payment_id and p.source = n.source
                          group by p.order_id, p.source) told
                  cross join orders
                  where orders.order_id = told.of_order and orders.source = told.of_source
                  order by told.last_at desc, orders.order_id, orders.source limit {limit}"
            ))
        };
        let (since, place, texts) = filter.values();
        let rows = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                let list = sqlx::query_as(sql()).bind(since).bind(place.received_at).bind(&place.event_id).bind(&place.source);
                texts.iter().fold(list, |list, text| list.bind(*text)).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, rows).await
    }

    /// When the newest events of these sources arrived, at most `limit` of each, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn arrivals(
        &self,
        sources: &[Id],
        limit: u32,
    ) -> Result<Vec<(String, UnixMicros)>, StoreError> {
        let filter = RecentFilter { sources: sources.to_vec(), ..RecentFilter::default() };
        let Some(newest) = newest("e.source, e.received_at", &filter, limit.min(ROWS_MAX)) else {
            return Ok(Vec::new());
        };
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select source, received_at from ({newest}) n order by received_at desc"
            ))
        };
        let (since, place, texts) = filter.values();
        let rows = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                let list = sqlx::query_as(sql()).bind(since).bind(place.received_at).bind(&place.event_id).bind(&place.source);
                texts.iter().fold(list, |list, text| list.bind(*text)).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, rows).await
    }
}

impl RecentFilter {
    /// What the parameters of [`newest`] stand for, in their order.
    fn values(&self) -> (UnixMicros, Place, Vec<&str>) {
        let the_end = || Place { received_at: THE_END, event_id: String::new(), source: String::new() };
        let place = self.before.clone().unwrap_or_else(the_end);
        let filters = [self.outcome.as_deref(), self.type_name.as_deref()].into_iter().flatten();
        (self.since, place, filters.chain(self.sources.iter().map(Id::as_str)).collect())
    }
}

/// The newest `limit` events of each source in each index; `None` without a source.
fn newest(columns: &str, filter: &RecentFilter, limit: u32) -> Option<String> {
    let mut parameter = 4;
    let mut next = || {
        parameter += 1;
        parameter
    };
    let mut conditions = String::new();
    for (column, value) in [("e.outcome", &filter.outcome), ("e.type", &filter.type_name)] {
        if value.is_some() {
            conditions += &format!(" and {column} = ${}", next());
        }
    }
    let of_sources: Vec<String> = filter
        .sources
        .iter()
        .map(|_| {
            let source = next();
            in_both_indexes(|condition| {
                format!(
                    "select {columns} from events e
                      where e.source = ${source} and e.{condition} and e.received_at >= $1 and e.received_at <= $2
                        and (e.received_at, e.event_id, e.source) < ($2, $3, $4){conditions}
                      order by e.received_at desc, e.event_id desc limit {limit}"
                )
            })
        })
        .collect();
    (!of_sources.is_empty()).then(|| of_sources.join(" union all "))
}
