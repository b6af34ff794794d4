//! Events by when they arrived. An event stands in one of two indexes, so that storing it writes one: of those with a body, or of
//! those whose body was purged. Whoever asks by arrival asks both.

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{Id, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

/// The rows that `select` finds in each index, given the condition that leads to it.
pub(in crate::store) fn in_both_indexes(select: impl Fn(&str) -> String) -> String {
    ["payload is not null", "payload is null"]
        .map(|condition| format!("select * from ({}) found", select(condition)))
        .join(" union all ")
}

impl Store {
    /// When the latest event of a source arrived, of those that are stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_event_at(&self, source: &Id) -> Result<Option<UnixMicros>, StoreError> {
        let latest = in_both_indexes(|condition| {
            format!("select max(received_at) as at from events where source = $1 and {condition}")
        });
        let sql = || sqlx::AssertSqlSafe(format!("select max(at) from ({latest}) latest"));
        let at = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                sqlx::query_scalar(sql()).bind(source.as_str()).fetch_one(pool).await?
            }))
        };
        within(ANSWER_MAX, at).await
    }

    /// The names of the sources whose events are stored, be they still configured or not, sorted: one look into each index for
    /// each.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_sources(&self) -> Result<Vec<String>, StoreError> {
        let names = in_both_indexes(|condition| {
            format!(
                "with recursive known (name) as (
                     select (select source from events where {condition} order by source limit 1)
                     union all
                     select (select source from events where {condition} and source > known.name order by source limit 1)
                       from known
                      where known.name is not null)
                 select name from known where name is not null"
            )
        });
        let sql = || sqlx::AssertSqlSafe(format!("select distinct name from ({names}) names order by name"));
        let names = async {
            Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_scalar(sql()).fetch_all(pool).await?))
        };
        within(ANSWER_MAX, names).await
    }
}
