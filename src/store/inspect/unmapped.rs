//! Types of events that nobody decided what they mean.

use serde::Serialize;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::UnixMicros;
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// A type of a source's events that its definition does not know, or knows with other statuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnmappedType {
    /// The source.
    pub source: String,
    /// The type, in the provider's words.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether it is the type or its status that is not known.
    pub reason: String,
    /// How many are stored.
    pub events: i64,
    /// When the latest arrived.
    pub last_received_at: String,
}

impl Store {
    /// The unmapped types of stored events, of all sources or of one, by source and type. Of so many events the rest is not
    /// counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unmapped_types(
        &self,
        source: Option<&str>,
        events_max: u32,
    ) -> Result<Vec<UnmappedType>, StoreError> {
        let of_source = if source.is_some() { "and source = $1" } else { "" };
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select source, type, reason, count(*), max(received_at)
                   from (select source, type, reason, received_at from events
                          where outcome = 'noted' and reason in ('unmapped type', 'unmapped status') {of_source}
                          limit {events_max}) unmapped
                  group by source, type, reason order by source, type, reason limit 1000"
            ))
        };
        let read = async {
            let rows: Vec<(String, String, String, i64, UnixMicros)> = on_either!(self, QUERY_MAX, pool => {
                source.iter().fold(sqlx::query_as(sql()), |list, source| list.bind(*source)).fetch_all(pool).await?
            });
            let rows = rows.into_iter().map(|(source, type_name, reason, events, at)| {
                let last_received_at = rfc3339(at).map_err(|error| StoreError::Unknown(error.to_string()))?;
                Ok(UnmappedType { source, type_name, reason, events, last_received_at })
            });
            rows.collect()
        };
        within(ANSWER_MAX, read).await
    }
}
