//! Lists of endpoints and of announcements that wait, as people see them.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::UnixMicros;
use crate::store::inspect::ROWS_MAX;
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// An endpoint, and how far it has been told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub struct EndpointRow {
    /// Its name in the settings.
    pub name: String,
    /// closed: it is told. open: it takes nothing, and is tried at `probe_at`. half: it is being tried. paused: by a person, or
    /// by its own answer 410.
    pub state: String,
    /// When the state began.
    #[schema(format = DateTime)]
    pub since: String,
    /// Attempts in a row that it took nothing of.
    pub failures: i64,
    /// When it is tried next, while it is open.
    #[schema(format = DateTime)]
    pub probe_at: Option<String>,
    /// What came of the latest attempt that failed.
    pub error: Option<String>,
    /// When it last took something.
    #[schema(format = DateTime)]
    pub told_at: Option<String>,
    /// How old the oldest change is that it was not told of, in seconds.
    pub lag_seconds: i64,
    /// How many entries of the log it was not told of, about.
    pub backlog_changes: i64,
    /// Orders that wait although others were told after them.
    pub waits: i64,
    /// Orders that it is not told of any more until they change, or a person resends them.
    pub given_up: i64,
    /// All orders are being told again.
    pub resyncing: bool,
    /// The process that tells it now.
    pub owner: Option<String>,
}

/// An order that an endpoint has still to be told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the columns of announcement_waits")]
pub struct WaitRow {
    pub endpoint: String,
    pub order_id: String,
    pub source: String,
    pub ledger: String,
    pub reason: String,
    pub version: i64,
    pub attempts: i64,
    pub due_at: String,
    pub first_at: String,
    pub status: Option<i64>,
    pub error: Option<String>,
    pub given_up_at: Option<String>,
}

impl EndpointRow {
    /// What its state means, in words for people: those of a circuit breaker say the opposite of what they seem to.
    #[must_use]
    pub fn state_in_words(&self) -> &'static str {
        match self.state.as_str() {
            "closed" => "told",
            "open" => "not answering",
            "half" => "being tried",
            _ => "paused",
        }
    }
}

/// Which orders that wait.
#[derive(Debug, Clone, Default)]
pub struct WaitFilter {
    /// Of this endpoint.
    pub endpoint: Option<String>,
    /// Those that were given up, or those that were not.
    pub given_up: Option<bool>,
    /// At most so many.
    pub limit: u32,
}

const ENDPOINTS: &str = "
    select e.name, e.state, e.since, e.failures, e.probe_at, e.error, e.told_at, e.resync_order is not null, e.owner,
           (select min(u.at) from (select at from (select c.at from order_changes c where c.change > e.cursor / 256 order by c.change limit 1) o
                                   union all
                                   select at from (select c.at from settlement_changes c where c.change > e.cursor / 256 order by c.change limit 1) s) u),
           (select coalesce(max(l.change), 0) from (select max(change) as change from order_changes
                                                    union all select max(change) from settlement_changes) l) - e.cursor / 256,
           (select count(*) from announcement_waits w where w.endpoint = e.name and w.given_up_at is null),
           (select count(*) from announcement_waits w where w.endpoint = e.name and w.given_up_at is not null)
      from endpoints e
     order by e.name";
const WAITS: &str = "
    select endpoint, order_id, source, ledger, reason, version, attempts, due_at, first_at, status, error, given_up_at
      from announcement_waits
     where ($1 is null or endpoint = $1) and ($2 is null or (given_up_at is not null) = $2)
     order by endpoint, due_at, order_id, source, ledger
     limit $3";
/// What is tried again.
const WAITING: &str = "
    select endpoint, reason, count(*) from announcement_waits where given_up_at is null group by endpoint, reason";

impl Store {
    /// All endpoints that were ever told, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn endpoints(&self, now: UnixMicros) -> Result<Vec<EndpointRow>, StoreError> {
        type Row = (
            String,
            String,
            UnixMicros,
            i64,
            Option<UnixMicros>,
            Option<String>,
            Option<UnixMicros>,
            bool,
            Option<String>,
            Option<UnixMicros>,
            i64,
            i64,
            i64,
        );
        let rows = async {
            let rows: Vec<Row> = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(ENDPOINTS).fetch_all(pool).await?
            });
            Ok(rows)
        };
        let shown = |at: UnixMicros| rfc3339(at).unwrap_or_default();
        let seconds_since = |at: UnixMicros| (now.0.saturating_sub(at.0) / 1_000_000).max(0);
        let row = |row: Row| {
            let (name, state, since, failures, probe_at, error, told_at, resyncing, owner, untold, ..) = &row;
            EndpointRow {
                name: name.clone(),
                state: state.clone(),
                since: shown(*since),
                failures: *failures,
                probe_at: probe_at.map(shown),
                error: error.clone(),
                told_at: told_at.map(shown),
                lag_seconds: untold.map_or(0, seconds_since),
                backlog_changes: row.10.max(0),
                waits: row.11,
                given_up: row.12,
                resyncing: *resyncing,
                owner: owner.clone(),
            }
        };
        Ok(within(ANSWER_MAX, rows).await?.into_iter().map(row).collect())
    }

    /// Orders that wait, by endpoint and by when they are due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waits(&self, filter: &WaitFilter) -> Result<Vec<WaitRow>, StoreError> {
        type Row = (
            String,
            String,
            String,
            String,
            String,
            i64,
            i64,
            UnixMicros,
            UnixMicros,
            Option<i64>,
            Option<String>,
            Option<UnixMicros>,
        );
        let rows = async {
            let rows: Vec<Row> = on_either!(self, QUERY_MAX, pool => sqlx::query_as(WAITS)
                .bind(filter.endpoint.as_deref())
                .bind(filter.given_up)
                .bind(i64::from(filter.limit.min(ROWS_MAX)))
                .fetch_all(pool)
                .await?);
            Ok(rows)
        };
        let shown = |at: UnixMicros| rfc3339(at).unwrap_or_default();
        let row = |(
            endpoint,
            order_id,
            source,
            ledger,
            reason,
            version,
            attempts,
            due_at,
            first_at,
            status,
            error,
            given_up_at,
        ): Row| {
            WaitRow {
                endpoint,
                order_id,
                source,
                ledger,
                reason,
                version,
                attempts,
                due_at: shown(due_at),
                first_at: shown(first_at),
                status,
                error,
                given_up_at: given_up_at.map(shown),
            }
        };
        Ok(within(ANSWER_MAX, rows).await?.into_iter().map(row).collect())
    }

    /// How many orders each endpoint is told of later, by the reason why.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let counts =
            async { Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_as(WAITING).fetch_all(pool).await?)) };
        within(ANSWER_MAX, counts).await
    }
}
