//! Purging: bodies go, rows stay, and what still needs a person keeps its body.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::UnixMicros;
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// How many rows one purging statement goes through, so that nobody waits long for it.
const PURGE_ROWS: u32 = 1000;
/// Counting reads every body's index entry.
const COUNT_MAX: Duration = Duration::from_mins(5);

/// What is read from its body later must still be readable.
const NEEDS_A_PERSON: &str = needs_a_person!();
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

/// The last event of a step: the next one begins behind it.
type PurgeCursor = (UnixMicros, String);

impl Store {
    /// What [`Store::purge_payloads`] would do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_payloads(&self, older_than: UnixMicros) -> Result<Purged, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select cast(sum(gone) as bigint), cast(sum(stay) as bigint)
                   from (select count(*) as gone, 0 as stay from events e
                          where payload is not null and received_at < $1 and not {NEEDS_A_PERSON}
                         union all
                         select 0, count(*) from events e
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
    /// duplicate is still known, and never a body that still needs a person. That `by` did it is kept with the first that go.
    ///
    /// # Errors
    /// [`StoreError`]; what was cleared until then stays cleared.
    pub async fn purge_payloads(&self, older_than: UnixMicros, by: &By) -> Result<Purged, StoreError> {
        let mut payloads = self.purge_conflicts(older_than, by).await?;
        for source in self.stored_sources().await? {
            let mut from: PurgeCursor = (UnixMicros(0), String::new());
            while let Some(to) = self.end_of_step(older_than, &source, &from).await? {
                let is_kept = payloads > 0;
                let action = |cleared: &u64| purged(older_than, *cleared).filter(|_| !is_kept);
                payloads += self.purge_step(&source, (&from, &to), by, action).await?;
                from = to;
            }
        }
        if payloads > 0 {
            self.analyze_events().await?;
        }
        Ok(Purged { payloads, ..self.count_payloads(older_than).await? })
    }

    /// Has Postgres learn how many events are without a body now. Until then a list by arrival sorts all of those, for it takes
    /// them for few; a role that does not own the table is told by the server that it may not, and leaves it to autovacuum.
    async fn analyze_events(&self) -> Result<(), StoreError> {
        let Database::Postgres(own) = &self.database else { return Ok(()) };
        let analyzed = async {
            let mut transaction = own.lists.begin(QUERY_MAX).await?;
            sqlx::query("analyze events").execute(transaction.statements()).await?;
            transaction.commit().await
        };
        within(ANSWER_MAX, analyzed).await
    }

    /// Where a step from behind `from` ends; `None` when nothing is left. It finds its rows by the index of events with a body,
    /// so what was purged before costs nothing.
    async fn end_of_step(
        &self,
        older_than: UnixMicros,
        source: &str,
        from: &PurgeCursor,
    ) -> Result<Option<PurgeCursor>, StoreError> {
        const SQL: &str = "
            select received_at, event_id
              from (select received_at, event_id from events
                     where source = $1 and payload is not null and received_at < $2 and received_at >= $3
                       and (received_at, event_id) > ($3, $4)
                     order by received_at, event_id
                     limit $5) step
             order by received_at desc, event_id desc
             limit 1";
        let end = async {
            Ok(on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                .bind(source)
                .bind(older_than)
                .bind(from.0)
                .bind(from.1.as_str())
                .bind(i64::from(PURGE_ROWS))
                .fetch_optional(pool)
                .await?))
        };
        within(ANSWER_MAX, end).await
    }

    async fn purge_step(
        &self,
        source: &str,
        (from, to): (&PurgeCursor, &PurgeCursor),
        by: &By,
        action: impl Fn(&u64) -> Option<Action>,
    ) -> Result<u64, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "update events as e set payload = null
                  where source = $1 and payload is not null and received_at >= $2 and received_at <= $4
                    and (received_at, event_id) > ($2, $3)
                    and (received_at, event_id) <= ($4, $5)
                    and not {NEEDS_A_PERSON}"
            ))
        };
        let cleared = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => sqlx::query(sql())
                .bind(source)
                .bind(from.0)
                .bind(from.1.as_str())
                .bind(to.0)
                .bind(to.1.as_str())
                .execute(connection)
                .await?
                .rows_affected(), action))
        };
        within(ANSWER_MAX, cleared).await
    }

    async fn purge_conflicts(&self, older_than: UnixMicros, by: &By) -> Result<u64, StoreError> {
        let action = |cleared: &u64| purged(older_than, *cleared);
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "update conflicts set payload = null
                  where payload is not null and received_at < $1 and {IS_SETTLED}"
            ))
        };
        let cleared = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => {
                sqlx::query(sql()).bind(older_than).execute(connection).await?.rows_affected()
            }, action))
        };
        within(ANSWER_MAX, cleared).await
    }
}

/// How many go is known only at the end; until when they arrived is what was decided.
fn purged(older_than: UnixMicros, cleared: u64) -> Option<Action> {
    (cleared > 0).then(|| Action {
        kind: ActionKind::PurgePayloads,
        source: None,
        target: "payloads".to_owned(),
        before: None,
        after: Some(json!({ "arrived_before": rfc3339(older_than).unwrap_or_default() })),
    })
}
