//! When each type of a source's events last arrived: a type that stops causes no error, and may have been taken off the endpoint
//! at the provider by hand.
//!
//! A small table is kept a moment behind the events, read on through the index of arrivals a step at a time: neither a webhook
//! nor a list pays for it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::inspect::by_arrival::in_both_indexes;
use super::timestamp::rfc3339;
use super::{Database, Store, StoreError, within};
use crate::order::{Id, UnixMicros};

/// The longest that one statement may take in the database.
const QUERY_MAX: Duration = Duration::from_secs(10);
/// The same here: it has the wait for others' questions and for a connection in it.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// What arrived in the last seconds may not be saved yet: a webhook is answered within these.
const SETTLED_AFTER: Duration = Duration::from_secs(15);
/// Types that are told, whatever a sender calls its events.
const TYPES_MAX: u32 = 1_000;
/// Events of one step. More than one webhook's, which share a moment: the next step begins with the last moment of this one.
const STEP_EVENTS: u32 = 5_000;

/// A type of a source's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TypeArrival {
    /// The configured account of the provider.
    pub source: String,
    /// The provider's name for what happened.
    #[serde(rename = "type")]
    pub type_name: String,
    /// When the latest arrived; up to a minute behind.
    #[schema(format = DateTime)]
    pub last_received_at: String,
}

impl Store {
    /// Reads on for a step; tells whether there was something new, so that there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_arrivals(&self, source: &Id, now: UnixMicros) -> Result<bool, StoreError> {
        let settled = i64::try_from(SETTLED_AFTER.as_micros()).unwrap_or(i64::MAX);
        let until = UnixMicros(now.0.saturating_sub(settled).max(0));
        let arrived = in_both_indexes(|condition| {
            format!(
                "select type, received_at from events
                  where source = $1 and {condition} and received_at <= $2
                    and received_at >= coalesce((select max(last_received_at) from type_arrivals where source = $1), $3)
                  order by received_at limit {STEP_EVENTS}"
            )
        });
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "insert into type_arrivals (source, type, last_received_at)
                 select $1, type, max(received_at)
                   from (select * from ({arrived}) arrived order by received_at limit {STEP_EVENTS}) step
                  where 1 = 1
                  group by type order by type
                     on conflict (source, type) do update set last_received_at = excluded.last_received_at
                  where excluded.last_received_at > type_arrivals.last_received_at"
            ))
        };
        let noted = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                let step = sqlx::query(sql()).bind(source.as_str()).bind(until).bind(UnixMicros(0));
                step.execute(pool).await?.rows_affected() > 0
            }))
        };
        within(ANSWER_MAX, noted).await
    }

    /// The types of a source, or of all, by source and type.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn type_arrivals(&self, source: Option<&str>) -> Result<Vec<TypeArrival>, StoreError> {
        let of_source = if source.is_some() { "where source = $1" } else { "" };
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select source, type, last_received_at from type_arrivals {of_source} order by source, type limit {TYPES_MAX}"
            ))
        };
        let read = async {
            let rows: Vec<(String, String, UnixMicros)> = on_either!(self, QUERY_MAX, pool => {
                source.into_iter().fold(sqlx::query_as(sql()), |list, value| list.bind(value)).fetch_all(pool).await?
            });
            let rows = rows.into_iter().map(|(source, type_name, at)| {
                let last_received_at = rfc3339(at).map_err(|error| StoreError::Unknown(error.to_string()))?;
                Ok(TypeArrival { source, type_name, last_received_at })
            });
            rows.collect()
        };
        within(ANSWER_MAX, read).await
    }
}
