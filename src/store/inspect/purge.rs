//! Purging: bodies go, rows stay, and what still needs a person keeps its body.

use std::time::Duration;

use serde::Serialize;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::UnixMicros;
use crate::store::{Database, Store, StoreError, within};

/// How many rows one purging statement goes through, so that nobody waits long for it.
const PURGE_ROWS: u32 = 1000;
/// Counting reads every body's index entry.
const COUNT_MAX: Duration = Duration::from_mins(5);

/// An event that `check --production` counts: what is read from it later must still be readable.
const NEEDS_A_PERSON: &str = "
    ((events.outcome in ('parked', 'dead') and not exists (
          select 1 from event_acknowledgements a
           where a.event_id = events.event_id and a.source = events.source and a.body_sha256 = events.body_sha256
             and a.outcome = events.outcome))
     or exists (
          select 1 from conflicts c
           where c.event_id = events.event_id and c.source = events.source and not exists (
                 select 1 from event_acknowledgements a
                  where a.event_id = c.event_id and a.source = c.source and a.body_sha256 = c.body_sha256
                    and a.outcome = 'conflict')))";
/// A body in conflict that somebody has settled.
const IS_SETTLED: &str = "
    exists (select 1 from event_acknowledgements a
             where a.event_id = conflicts.event_id and a.source = conflicts.source
               and a.body_sha256 = conflicts.body_sha256 and a.outcome = 'conflict')";

/// What a purge did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Purged {
    /// Bodies that were cleared.
    pub payloads: u64,
    /// Bodies that are old enough and stay, because what they say needs a person.
    pub spared: u64,
}

/// The last row of a step: the next one begins behind it.
type Place = (UnixMicros, String, String);

impl Store {
    /// What [`Store::purge_payloads`] would do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_payloads(&self, older_than: UnixMicros) -> Result<Purged, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select cast(sum(gone) as bigint), cast(sum(stay) as bigint)
                   from (select count(*) as gone, 0 as stay from events
                          where payload is not null and received_at < $1 and not {NEEDS_A_PERSON}
                         union all
                         select 0, count(*) from events
                          where payload is not null and received_at < $1 and {NEEDS_A_PERSON}
                         union all
                         select count(*), 0 from conflicts
                          where payload is not null and received_at < $1 and {IS_SETTLED}
                         union all
                         select 0, count(*) from conflicts
                          where payload is not null and received_at < $1 and not {IS_SETTLED}) counts"
            ))
        };
        let count = async {
            let (gone, stay): (i64, i64) = on_either!(self, COUNT_MAX, pool => {
                sqlx::query_as(sql()).bind(older_than).fetch_one(pool).await?
            });
            Ok(Purged { payloads: gone.unsigned_abs(), spared: stay.unsigned_abs() })
        };
        within(COUNT_MAX + ANSWER_MAX, count).await
    }

    /// Clears the bodies of events and settled conflicts that arrived before `older_than`, never their rows, so that a late
    /// duplicate is still known, and never a body that still needs a person.
    ///
    /// # Errors
    /// [`StoreError`]; what was cleared until then stays cleared.
    pub async fn purge_payloads(&self, older_than: UnixMicros) -> Result<Purged, StoreError> {
        let mut payloads = self.purge_conflicts(older_than).await?;
        let mut from: Place = (UnixMicros(0), String::new(), String::new());
        while let Some(to) = self.end_of_step(older_than, &from).await? {
            payloads += self.purge_step(&from, &to).await?;
            from = to;
        }
        Ok(Purged { payloads, ..self.count_payloads(older_than).await? })
    }

    /// Where a step from behind `from` ends; `None` when nothing is left. It finds its rows by an index of bodies, so what
    /// was purged before costs nothing.
    async fn end_of_step(&self, older_than: UnixMicros, from: &Place) -> Result<Option<Place>, StoreError> {
        const SQL: &str = "
            select received_at, event_id, source
              from (select received_at, event_id, source from events
                     where payload is not null and received_at < $1 and received_at >= $2
                       and (received_at, event_id, source) > ($2, $3, $4)
                     order by received_at, event_id, source
                     limit $5) step
             order by received_at desc, event_id desc, source desc
             limit 1";
        let end = async {
            Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                .bind(older_than)
                .bind(from.0)
                .bind(from.1.as_str())
                .bind(from.2.as_str())
                .bind(i64::from(PURGE_ROWS))
                .fetch_optional(pool)
                .await?))
        };
        within(ANSWER_MAX, end).await
    }

    async fn purge_step(&self, from: &Place, to: &Place) -> Result<u64, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "update events set payload = null
                  where payload is not null and received_at >= $1 and received_at <= $4
                    and (received_at, event_id, source) > ($1, $2, $3)
                    and (received_at, event_id, source) <= ($4, $5, $6)
                    and not {NEEDS_A_PERSON}"
            ))
        };
        let cleared = async {
            Ok(on_either!(self, QUERY_MAX, pool => sqlx::query(sql())
                .bind(from.0)
                .bind(from.1.as_str())
                .bind(from.2.as_str())
                .bind(to.0)
                .bind(to.1.as_str())
                .bind(to.2.as_str())
                .execute(pool)
                .await?
                .rows_affected()))
        };
        within(ANSWER_MAX, cleared).await
    }

    async fn purge_conflicts(&self, older_than: UnixMicros) -> Result<u64, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "update conflicts set payload = null
                  where payload is not null and received_at < $1 and {IS_SETTLED}"
            ))
        };
        let cleared = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                sqlx::query(sql()).bind(older_than).execute(pool).await?.rows_affected()
            }))
        };
        within(ANSWER_MAX, cleared).await
    }
}
