//! What needs a person, one line for each cause.

use serde::Serialize;
use utoipa::ToSchema;

use super::rows::AnomalyRow;
use super::{ANSWER_MAX, QUERY_MAX, ROWS_MAX};
use crate::order::UnixMicros;
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// Failures of one outcome beyond these are not looked at: so many have few causes.
pub const FAILURES_MAX: u32 = 2_000;
/// Causes that are told.
const CAUSES_MAX: u32 = 200;

/// Events that failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailureCause {
    /// The configured account of the provider.
    pub source: String,
    /// `parked`, `dead` or `conflict`.
    pub outcome: String,
    /// Why.
    pub reason: Option<String>,
    /// The provider's name for what happened; null where it could not be read, and of conflicts.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
    /// How many; of one outcome at most 2,000 are counted.
    pub events: i64,
    /// When the first arrived.
    #[schema(format = DateTime)]
    pub first_at: String,
    /// When the last did.
    #[schema(format = DateTime)]
    pub last_at: String,
    /// One of them.
    pub event_id: String,
}

/// An anomaly that nobody has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenAnomaly {
    /// The configured account of the provider.
    pub source: String,
    /// The order.
    pub order_id: String,
    /// What it is, and why.
    #[serde(flatten)]
    pub anomaly: AnomalyRow,
}

impl Store {
    /// Why events failed that nobody has settled, the commonest cause first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn failure_causes(&self) -> Result<Vec<FailureCause>, StoreError> {
        // Each outcome for itself: however many events are parked, what is in conflict is told.
        let open = ["parked", "dead", "conflict"].map(|outcome| {
            format!(
                "select * from (select * from v_failures where outcome = '{outcome}' and acknowledged_at is null
                  limit {FAILURES_MAX}) {outcome}"
            )
        });
        let sql = || {
            let open = open.join(" union all ");
            sqlx::AssertSqlSafe(format!(
                "select source, outcome, reason, type, count(*), min(received_at), max(received_at), min(event_id)
                   from ({open}) open
                  group by source, outcome, reason, type
                  order by count(*) desc, source, outcome, reason, type limit {CAUSES_MAX}"
            ))
        };
        type Cause = (String, String, Option<String>, Option<String>, i64, UnixMicros, UnixMicros, String);
        let read = async {
            let rows: Vec<Cause> =
                on_either!(self, QUERY_MAX, pool => sqlx::query_as(sql()).fetch_all(pool).await?);
            let told = rows.into_iter().map(
                |(source, outcome, reason, type_name, events, first, last, event_id)| FailureCause {
                    source,
                    outcome,
                    reason,
                    type_name,
                    events,
                    first_at: rfc3339(first).unwrap_or_default(),
                    last_at: rfc3339(last).unwrap_or_default(),
                    event_id,
                },
            );
            Ok(told.collect())
        };
        within(ANSWER_MAX, read).await
    }

    /// Anomalies that nobody has settled, by order and source; at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_anomalies(&self, limit: u32) -> Result<Vec<OpenAnomaly>, StoreError> {
        const SQL: &str = "
            select source, order_id, anomaly, cast(detail as text) from v_anomalies
             where acknowledged_at is null order by order_id, source, anomaly limit $1";
        let read = async {
            let rows: Vec<(String, String, String, String)> = on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                .bind(i64::from(limit.min(ROWS_MAX)))
                .fetch_all(pool)
                .await?);
            let told = rows.into_iter().map(|(source, order_id, anomaly, detail)| {
                let detail = serde_json::from_str(&detail).unwrap_or_default();
                OpenAnomaly { source, order_id, anomaly: AnomalyRow { anomaly, detail } }
            });
            Ok(told.collect())
        };
        within(ANSWER_MAX, read).await
    }
}
