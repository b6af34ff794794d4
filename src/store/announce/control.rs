//! What people do to endpoints (pause, resume, resync, resend, forget), recorded with who did it. Each change raises the term, so
//! that the owner reads its row again before it writes.

use serde_json::{Value, json};

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{Key, UnixMicros};
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

impl Store {
    /// Leaves the endpoint alone, or tells it again; `false` if there is none of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pause_endpoint(&self, name: &str, pause: bool, by: &By) -> Result<bool, StoreError> {
        const SQL: &str = "
            update endpoints
               set since = case when state = $2 then since else $3 end, state = $2, failures = 0, probe_at = null, term = term + 1
             where name = $1";
        let (state, kind) = match pause {
            true => ("paused", ActionKind::PauseEndpoint),
            false => ("closed", ActionKind::ResumeEndpoint),
        };
        let changed = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => {
                sqlx::query(SQL).bind(name).bind(state).bind(by.at()).execute(connection).await?.rows_affected()
            }, |rows: &u64| done(*rows, kind, name, None)))
        };
        Ok(within(ANSWER_MAX, changed).await? > 0)
    }

    /// Tells the endpoint of all orders again, or of those that were written since; `false` if there is none of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resync_endpoint(
        &self,
        name: &str,
        since: Option<UnixMicros>,
        by: &By,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "
            update endpoints set resync_order = '', resync_source = '', resync_ledger = null, resync_since = $2, term = term + 1 where name = $1";
        let after = json!({ "since": since.and_then(|since| rfc3339(since).ok()) });
        let changed = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => {
                sqlx::query(SQL).bind(name).bind(since).execute(connection).await?.rows_affected()
            }, |rows: &u64| done(*rows, ActionKind::ResyncEndpoint, name, Some(after.clone()))))
        };
        Ok(within(ANSWER_MAX, changed).await? > 0)
    }

    /// How many orders were written since then, or there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn orders_since(&self, since: Option<UnixMicros>) -> Result<i64, StoreError> {
        const SQL: &str = "select count(*) from orders where ($1 is null or updated_at >= $1)";
        let count = async {
            Ok(
                on_either!(self, QUERY_MAX, pool => sqlx::query_scalar(SQL).bind(since).fetch_one(pool).await?),
            )
        };
        within(ANSWER_MAX, count).await
    }

    /// Tells the endpoint of one order again; `false` if there is no such endpoint or order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn resend(&self, name: &str, order: &Key, by: &By) -> Result<bool, StoreError> {
        const WAIT: &str = "
            insert into announcement_waits (endpoint, order_id, source, reason, version, attempts, due_at, first_at)
            select e.name, o.order_id, o.source, 'resend', o.version, 0, $4, $4
              from endpoints e cross join orders o
             where e.name = $1 and o.order_id = $2 and o.source = $3
                on conflict (endpoint, order_id, source, ledger) do update
               set reason = excluded.reason, attempts = 0, due_at = excluded.due_at, given_up_at = null";
        const TERM: &str = "update endpoints set term = term + 1 where name = $1";
        let resent = async {
            let rows = act_on_either!(self, QUERY_MAX, by, connection => sqlx::query(WAIT)
                .bind(name).bind(order.id.as_str()).bind(order.source.as_str()).bind(by.at())
                .execute(connection).await?.rows_affected(),
                |rows: &u64| done(*rows, ActionKind::ResendOrder, name, Some(json!({ "order": order.to_string() }))),
                then => sqlx::query(TERM).bind(name).execute(then).await?);
            Ok(rows > 0)
        };
        within(ANSWER_MAX, resent).await
    }

    /// Forgets how far an endpoint was told, and what waits; `false` if there is none of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_endpoint(&self, name: &str, by: &By) -> Result<bool, StoreError> {
        const ENDPOINT: &str = "delete from endpoints where name = $1";
        const WAITS: &str = "delete from announcement_waits where endpoint = $1";
        let forgotten = async {
            // The endpoint's row goes first: without it no owner can add announcements that wait.
            let rows = act_on_either!(self, QUERY_MAX, by, connection => {
                sqlx::query(ENDPOINT).bind(name).execute(connection).await?.rows_affected()
            }, |rows: &u64| done(*rows, ActionKind::ForgetEndpoint, name, None),
                then => sqlx::query(WAITS).bind(name).execute(then).await?);
            Ok(rows > 0)
        };
        within(ANSWER_MAX, forgotten).await
    }
}

/// What was done to an endpoint, if there is one of this name.
fn done(rows: u64, kind: ActionKind, name: &str, after: Option<Value>) -> Option<Action> {
    (rows > 0).then(|| Action { kind, source: None, target: name.to_owned(), before: None, after })
}
