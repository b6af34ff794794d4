//! Settles at once whatever failed for one cause, a bounded batch at a time.

use serde_json::json;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::Key;
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::{Database, Store, StoreError, within};

/// Failures that one call settles: all of them are kept in one transaction.
const SETTLED_MAX: usize = 1_000;

/// All that failed, with its cause.
const FAILURES: &str = "
    (select event_id, source, body_sha256, outcome, coalesce(reason, '') as reason, type
       from events where outcome in ('parked', 'dead')
     union all
     select event_id, source, body_sha256, 'conflict', '', '' from conflicts)";

/// What was settled of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettledCause {
    /// How many failures.
    pub settled: usize,
    /// Whether there may be more of the cause: as many were settled as one call takes.
    pub is_cut: bool,
}

impl Store {
    /// Keeps that a person has settled whatever failed for the reason, in the source and of the type for which `event` did, at
    /// most 1,000 failures; `outcome` says in which way it failed: `parked`, `dead` or `conflict`. What was settled before
    /// keeps its note.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acknowledge_cause(
        &self,
        event: &Key,
        outcome: &str,
        by: &By,
    ) -> Result<SettledCause, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "insert into event_acknowledgements (event_id, source, body_sha256, outcome, note, acknowledged_at)
                 select f.event_id, f.source, f.body_sha256, f.outcome, cast($4 as text), $5
                   from {FAILURES} f
                  where f.source = $2 and f.outcome = $3
                    and exists (select 1 from {FAILURES} one
                                 where one.event_id = $1 and one.source = $2 and one.outcome = $3
                                   and one.reason = f.reason and one.type = f.type)
                    and not exists (select 1 from event_acknowledgements a
                                     where a.event_id = f.event_id and a.source = f.source
                                       and a.body_sha256 = f.body_sha256 and a.outcome = f.outcome)
                  order by f.event_id
                  limit {SETTLED_MAX}
                     on conflict do nothing
                 returning event_id"
            ))
        };
        let done = |settled: &Vec<String>| {
            (!settled.is_empty()).then(|| Action {
                kind: ActionKind::AcknowledgeCause,
                source: Some(event.source.clone()),
                target: event.id.to_string(),
                before: None,
                after: Some(json!({ "outcome": outcome, "settled": settled.len(), "is_cut": settled.len() == SETTLED_MAX })),
            })
        };
        let settled = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => sqlx::query_scalar(sql())
                .bind(event.id.as_str())
                .bind(event.source.as_str())
                .bind(outcome)
                .bind(by.note())
                .bind(by.at())
                .fetch_all(connection)
                .await?, done))
        };
        let settled = within(ANSWER_MAX, settled).await?.len();
        Ok(SettledCause { settled, is_cut: settled == SETTLED_MAX })
    }
}
