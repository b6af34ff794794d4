//! The newest first: events and orders by when they arrived, source by source through the two indexes of arrivals, so that a
//! list costs the same whatever is stored.

use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, FromRow, Row, Type};

use super::by_arrival::in_both_indexes;
use super::rows::{EventRow, OrderRow};
use super::{EVENT_COLUMNS, LOOKED_AT_MAX, ORDER_COLUMNS, ROWS_MAX};
use crate::order::{Id, UnixMicros};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// The longest that one question of a page may take in the database: somebody waits before a screen.
const QUERY_MAX: Duration = Duration::from_millis(1_500);
/// The same here: it has the wait for others' questions in it.
const ANSWER_MAX: Duration = Duration::from_secs(4);
/// Later than every event, and the latest hour that can be written.
const THE_END: UnixMicros = UnixMicros(253_402_200_000_000_000);
/// The newest events, of so many for each order that is asked for, are searched for orders.
const EVENTS_OF_AN_ORDER: u32 = 4;

/// Of each source so many events are looked at, however many sources there are.
const LOOKED_AT_MIN: u32 = 100;

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
    pub before: Option<ArrivalCursor>,
    /// How many rows, at most [`ROWS_MAX`].
    pub limit: u32,
}

/// Where an event stands among all by arrival. Two may arrive at one moment: so it takes all three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivalCursor {
    /// When it arrived.
    pub received_at: UnixMicros,
    /// Its id.
    pub event_id: String,
    /// Its source.
    pub source: String,
}

impl ArrivalCursor {
    /// How it is written: `2026-11-28T12:00:00.000000Z/source/id`.
    #[must_use]
    pub fn written(&self) -> String {
        format!("{}/{}/{}", rfc3339(self.received_at).unwrap_or_default(), self.source, self.event_id)
    }
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

/// The newest events of a filter.
#[derive(Debug, Clone)]
pub struct Recent {
    /// They.
    pub events: Vec<PlacedEvent>,
    /// Behind this one it was not looked: a page looks at [`LOOKED_AT_MAX`] events, and fewer pass than asked for.
    pub looked_to: Option<ArrivalCursor>,
}

impl Store {
    /// Events, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent_events(&self, filter: &RecentFilter) -> Result<Recent, StoreError> {
        let limit = filter.limit.min(ROWS_MAX);
        let looked_to = if filter.is_filtered() { self.last_recent_looked_at(filter).await? } else { None };
        let since = looked_to.as_ref().map_or(filter.since, |last| last.received_at);
        let filter = &RecentFilter { since, ..filter.clone() };
        let newest = newest("e.event_id, e.source", filter, &format!("limit {limit}"));
        let rows = format!(
            "select {EVENT_COLUMNS}, (select p.order_id from payments p
                      where p.payment_id = e.payment_id and p.source = e.source) as order_id
               from ({newest}) n cross join events e
              where e.event_id = n.event_id and e.source = n.source
              order by e.received_at desc, e.event_id desc, e.source desc limit {limit}"
        );
        let mut events: Vec<PlacedEvent> = self.ask_newest(filter, rows).await?;
        if let Some(last) = &looked_to {
            // Others that arrived in the same moment are looked at next.
            let at = rfc3339(last.received_at).unwrap_or_default();
            let last = (at.as_str(), last.event_id.as_str(), last.source.as_str());
            events.retain(|PlacedEvent { event, .. }| {
                (event.received_at.as_str(), event.event_id.as_str(), event.source.as_str()) >= last
            });
        }
        let is_full = events.len() >= limit as usize;
        Ok(Recent { events, looked_to: looked_to.filter(|_| !is_full) })
    }

    /// The last event that may be looked at; `None` when fewer are left. Of each source as many are: then all of them were looked
    /// at as far back as the one that came to its end latest.
    async fn last_recent_looked_at(
        &self,
        filter: &RecentFilter,
    ) -> Result<Option<ArrivalCursor>, StoreError> {
        let all = RecentFilter { outcome: None, type_name: None, ..filter.clone() };
        let of_each = LOOKED_AT_MAX / u32::try_from(filter.sources.len()).unwrap_or(u32::MAX).max(1);
        let part = format!("limit 1 offset {}", of_each.max(LOOKED_AT_MIN) - 1);
        let ends = newest("e.received_at, e.event_id, e.source", &all, &part);
        let latest = format!(
            "select received_at, event_id, source from ({ends}) ends
              order by received_at desc, event_id desc, source desc limit 1"
        );
        let last: Vec<(UnixMicros, String, String)> = self.ask_newest(&all, latest).await?;
        Ok(last.into_iter().next().map(|(received_at, event_id, source)| ArrivalCursor {
            received_at,
            event_id,
            source,
        }))
    }

    /// The orders of the newest events of these sources, the one with the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recent_orders(&self, sources: &[Id], limit: u32) -> Result<Vec<OrderRow>, StoreError> {
        let filter = RecentFilter { sources: sources.to_vec(), ..RecentFilter::default() };
        let limit = limit.min(ROWS_MAX);
        let events = format!("limit {}", limit * EVENTS_OF_AN_ORDER);
        let newest = newest("e.payment_id, e.source, e.received_at", &filter, &events);
        let rows = format!(
            "select {ORDER_COLUMNS}
               from (select p.order_id as of_order, p.source as of_source, max(n.received_at) as last_at
                       from ({newest}) n cross join payments p
                      where p.payment_id = n.payment_id and p.source = n.source
                      group by p.order_id, p.source) told
              cross join orders
              where orders.order_id = told.of_order and orders.source = told.of_source
              order by told.last_at desc, orders.order_id, orders.source limit {limit}"
        );
        self.ask_newest(&filter, rows).await
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
        let newest = newest("e.source, e.received_at", &filter, &format!("limit {}", limit.min(ROWS_MAX)));
        let rows = format!("select source, received_at from ({newest}) n order by received_at desc");
        self.ask_newest(&filter, rows).await
    }

    /// Runs a statement over what [`newest`] finds of a filter; without a source that is nothing.
    async fn ask_newest<T>(&self, filter: &RecentFilter, sql: String) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        if filter.sources.is_empty() {
            return Ok(Vec::new());
        }
        let (since, place, texts) = filter.values();
        let rows = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                let list = sqlx::query_as(AssertSqlSafe(sql)).bind(since).bind(place.received_at).bind(&place.event_id).bind(&place.source);
                texts.iter().fold(list, |list, text| list.bind(*text)).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, rows).await
    }
}

impl RecentFilter {
    /// What the parameters of [`newest`] stand for, in their order.
    fn values(&self) -> (UnixMicros, ArrivalCursor, Vec<&str>) {
        let the_end =
            || ArrivalCursor { received_at: THE_END, event_id: String::new(), source: String::new() };
        let place = self.before.clone().unwrap_or_else(the_end);
        let filters = [self.outcome.as_deref(), self.type_name.as_deref()].into_iter().flatten();
        (self.since, place, filters.chain(self.sources.iter().map(Id::as_str)).collect())
    }

    fn is_filtered(&self) -> bool {
        self.outcome.is_some() || self.type_name.is_some()
    }
}

/// A part of the newest events of each source in each index, which a `limit` says.
fn newest(columns: &str, filter: &RecentFilter, part: &str) -> String {
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
                      order by e.received_at desc, e.event_id desc {part}"
                )
            })
        })
        .collect();
    of_sources.join(" union all ")
}
