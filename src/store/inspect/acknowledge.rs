//! What a person has settled: anomalies of orders, and events that are parked, dead or in conflict.

use serde::Serialize;
use serde_json::{Value, json};

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{Key, UnixMicros};
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// The most acknowledgements that one call answers.
const ACKNOWLEDGEMENTS_MAX: i64 = 10_000;

/// A row of `acknowledgements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcknowledgementRow {
    /// The order.
    pub order_id: String,
    /// The configured account of the provider.
    pub source: String,
    /// What was settled.
    pub anomaly: String,
    /// The sums that were settled: with others it counts again.
    pub detail: serde_json::Value,
    /// How, in the words of who settled it.
    pub note: Option<String>,
    /// When, in RFC 3339.
    pub acknowledged_at: String,
}

/// A row of `event_acknowledgements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventAcknowledgementRow {
    /// What was settled: that it is `parked`, `dead` or in `conflict`.
    pub outcome: String,
    /// The digest of the body that was settled, in hex.
    pub body_sha256: String,
    /// How, in the words of who settled it.
    pub note: Option<String>,
    /// When, in RFC 3339.
    pub acknowledged_at: String,
}

impl Store {
    /// Keeps that a person has settled the anomalies that `order` has now, and tells which they were. Settled again, the note
    /// is the new one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acknowledge(&self, order: &Key, by: &By) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "
            insert into acknowledgements (order_id, source, anomaly, detail, note, acknowledged_at)
            select order_id, source, anomaly, detail, cast($3 as text), $4
              from v_anomalies
             where order_id = $1 and source = $2
                on conflict (order_id, source, anomaly, detail)
                   do update set note = excluded.note, acknowledged_at = excluded.acknowledged_at
            returning anomaly, cast(detail as text)";
        let done = |settled: &Vec<(String, String)>| {
            let anomalies = settled.iter().map(|(anomaly, detail)| {
                let detail: Value = serde_json::from_str(detail).unwrap_or_default();
                json!({ "anomaly": anomaly, "detail": detail })
            });
            acknowledged(ActionKind::AcknowledgeOrder, order, anomalies.collect())
        };
        let settled = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => sqlx::query_as(SQL)
                .bind(order.id.as_str())
                .bind(order.source.as_str())
                .bind(by.note())
                .bind(by.at())
                .fetch_all(connection)
                .await?, done))
        };
        Ok(within(ANSWER_MAX, settled).await?.into_iter().map(|(anomaly, _)| anomaly).collect())
    }

    /// What was settled, of one order or of all, by (order, source, anomaly, time); at most 10,000 rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acknowledgements(&self, order: Option<&Key>) -> Result<Vec<AcknowledgementRow>, StoreError> {
        const SQL: &str = "
            select order_id, source, anomaly, cast(detail as text), note, acknowledged_at
              from acknowledgements
             where (cast($1 as text) is null or (order_id = $1 and source = $2))
             order by order_id, source, anomaly, acknowledged_at
             limit $3";
        type Row = (String, String, String, String, Option<String>, UnixMicros);
        let rows = async {
            let rows: Vec<Row> = on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                .bind(order.map(|order| order.id.as_str()))
                .bind(order.map(|order| order.source.as_str()))
                .bind(ACKNOWLEDGEMENTS_MAX)
                .fetch_all(pool)
                .await?);
            Ok(rows)
        };
        let rows = within(ANSWER_MAX, rows).await?.into_iter();
        Ok(rows
            .map(|(order_id, source, anomaly, detail, note, at)| AcknowledgementRow {
                order_id,
                source,
                anomaly,
                detail: serde_json::from_str(&detail).unwrap_or_default(),
                note,
                acknowledged_at: rfc3339(at).unwrap_or_default(),
            })
            .collect())
    }

    /// Keeps that a person has settled what needs one about `event`: that it is parked or dead, and every body in
    /// conflict with it; with `body_sha256` only what is about that body. Tells how many things that were; 0 when there is nothing to settle. Settled again, the note is
    /// the new one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acknowledge_event(
        &self,
        event: &Key,
        body_sha256: Option<&[u8; 32]>,
        by: &By,
    ) -> Result<usize, StoreError> {
        const SQL: &str = "
            insert into event_acknowledgements (event_id, source, body_sha256, outcome, note, acknowledged_at)
            select event_id, source, body_sha256, outcome, cast($3 as text), $4
              from (select event_id, source, body_sha256, outcome from events
                     where outcome in ('parked', 'dead')
                    union all
                    select event_id, source, body_sha256, 'conflict' from conflicts) failures
             where event_id = $1 and source = $2 and body_sha256 = coalesce($5, body_sha256)
                on conflict (event_id, source, body_sha256, outcome)
                   do update set note = excluded.note, acknowledged_at = excluded.acknowledged_at
            returning outcome, body_sha256";
        let done = |settled: &Vec<(String, Vec<u8>)>| {
            let failures = settled.iter().map(|(outcome, body_sha256)| {
                json!({ "outcome": outcome, "body_sha256": hex::encode(body_sha256) })
            });
            acknowledged(ActionKind::AcknowledgeEvent, event, failures.collect())
        };
        let settled = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => sqlx::query_as(SQL)
                .bind(event.id.as_str())
                .bind(event.source.as_str())
                .bind(by.note())
                .bind(by.at())
                .bind(body_sha256.map(<[u8; 32]>::as_slice))
                .fetch_all(connection)
                .await?, done))
        };
        Ok(within(ANSWER_MAX, settled).await?.len())
    }

    /// What was settled of one event, the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_acknowledgements(
        &self,
        event: &Key,
    ) -> Result<Vec<EventAcknowledgementRow>, StoreError> {
        const SQL: &str = "
            select outcome, body_sha256, note, acknowledged_at
              from event_acknowledgements
             where event_id = $1 and source = $2
             order by acknowledged_at desc, outcome, body_sha256
             limit $3";
        type Row = (String, Vec<u8>, Option<String>, UnixMicros);
        let rows = async {
            let rows: Vec<Row> = on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                .bind(event.id.as_str())
                .bind(event.source.as_str())
                .bind(ACKNOWLEDGEMENTS_MAX)
                .fetch_all(pool)
                .await?);
            Ok(rows)
        };
        let rows = within(ANSWER_MAX, rows).await?.into_iter();
        Ok(rows
            .map(|(outcome, body_sha256, note, at)| EventAcknowledgementRow {
                outcome,
                body_sha256: hex::encode(body_sha256),
                note,
                acknowledged_at: rfc3339(at).unwrap_or_default(),
            })
            .collect())
    }
}

/// Nothing was done where there was nothing to settle.
fn acknowledged(kind: ActionKind, what: &Key, settled: Vec<Value>) -> Option<Action> {
    (!settled.is_empty()).then(|| Action {
        kind,
        source: Some(what.source.clone()),
        target: what.id.to_string(),
        before: None,
        after: Some(Value::Array(settled)),
    })
}
