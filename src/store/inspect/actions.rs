//! What people did, as it is listed.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{ANSWER_MAX, QUERY_MAX, ROWS_MAX};
use crate::order::UnixMicros;
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// A row of `operator_actions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Action)]
pub struct ActionRow {
    /// Its number; the latest has the highest.
    pub action_id: i64,
    /// When it was asked for.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who did it.
    pub actor: String,
    /// `shell`: by the command line; `operator`: by the admin listener.
    pub role: String,
    /// What was done.
    pub action: String,
    /// The configured account of the provider; null where it is about none.
    pub source: Option<String>,
    /// The order, payment or event, or what else was changed.
    pub target: String,
    /// What it was; null where there was nothing.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What it is now; null where there is nothing any more.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// Why, in the words of who did it.
    pub note: Option<String>,
    /// The request over the API, as its answer and the log name it.
    pub request_id: Option<String>,
}

type Row = (
    i64,
    UnixMicros,
    String,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

impl Store {
    /// What people did, the latest first: at most `limit`, before the action `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn actions(&self, after: Option<i64>, limit: u32) -> Result<Vec<ActionRow>, StoreError> {
        const SQL: &str = "
            select action_id, at, actor, role, action, source, target, cast(before as text), cast(after as text),
                   note, request_id
              from operator_actions
             where action_id < $1
             order by action_id desc
             limit $2";
        let read = async {
            let rows: Vec<Row> = on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                .bind(after.unwrap_or(i64::MAX))
                .bind(i64::from(limit.min(ROWS_MAX)))
                .fetch_all(pool)
                .await?);
            Ok(rows.into_iter().map(shown).collect())
        };
        within(ANSWER_MAX, read).await
    }
}

fn shown(row: Row) -> ActionRow {
    let (action_id, at, actor, role, action, source, target, before, after, note, request_id) = row;
    let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    ActionRow {
        action_id,
        at: rfc3339(at).unwrap_or_default(),
        actor,
        role,
        action,
        source,
        target,
        before: json(before),
        after: json(after),
        note,
        request_id,
    }
}
