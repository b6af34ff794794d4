//! Findings as they are listed, counted and settled.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{ANSWER_MAX, STEP_MAX};
use crate::order::Key;
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::inspect::List;
use crate::store::inspect::clause::{Clause, Sequence};
use crate::store::inspect::list::Placed;
use crate::store::inspect::rows::{json_of, time, time_if_any};
use crate::store::{Database, Store, StoreError, within};

/// What nobody has settled with the sums that it has.
const IS_OPEN: &str = "gone_at is null and (acknowledged_detail is null or acknowledged_detail <> detail)";

/// Which findings; a filter that is `None` lets all through.
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    /// Of this source.
    pub source: Option<String>,
    /// How the two sides disagree, in the words of the database.
    pub finding: Option<String>,
    /// Of this movement.
    pub reference: Option<String>,
    /// Also those that are gone or acknowledged.
    pub all: bool,
    /// Behind this row: `source/finding/kind/reference` of the last one seen.
    pub after: Option<String>,
    /// How many rows, at most [`ROWS_MAX`](crate::store::ROWS_MAX).
    pub limit: u32,
}

/// A row of `findings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingRow {
    /// The configured account of the provider.
    pub source: String,
    /// How the two sides disagree.
    pub finding: String,
    /// captured, refunded or disputed; empty of an unknown type.
    pub kind: String,
    /// The movement of money; of an unknown type its name, of a changed row its id.
    pub reference: String,
    /// The provider's payment.
    pub payment_id: Option<String>,
    /// Our amount, in minor units.
    pub ours: Option<i64>,
    /// The report's.
    pub theirs: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// Everything that was compared.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// When it was first found.
    #[schema(format = DateTime)]
    pub first_seen: String,
    /// When it was last found.
    #[schema(format = DateTime)]
    pub last_seen: String,
    /// When both sides came to agree; null while they do not.
    #[schema(format = DateTime)]
    pub gone_at: Option<String>,
    /// Whether a person has settled it with the detail that it has.
    pub acknowledged: bool,
    /// How, in the words of who settled it.
    pub acknowledged_note: Option<String>,
    /// When a person settled it, perhaps with another detail.
    #[schema(format = DateTime)]
    pub acknowledged_at: Option<String>,
}

impl FindingFilter {
    fn clause(&self) -> Result<Clause<'_>, StoreError> {
        let columns = &["reference", "source", "kind", "finding"];
        // Source, finding, kind and reference: only the last may hold a slash, as no source does.
        let sequence = Sequence { columns, in_cursor: &[1, 3, 2, 0] };
        let mut clause = Clause::new(sequence, &["findings"]);
        if let Some(reference) = self.reference.as_deref() {
            clause.find("reference = $", &[reference]);
        }
        if !self.all {
            clause.filter(IS_OPEN, &[]);
        }
        clause.filter_by("source = $", self.source.as_deref());
        clause.filter_by("finding = $", self.finding.as_deref());
        clause.behind(self.after.as_deref())?;
        Ok(clause)
    }
}

impl Placed for FindingRow {
    fn place(&self) -> Vec<&str> {
        vec![&self.reference, &self.source, &self.kind, &self.finding]
    }
}

impl Store {
    /// Findings by (reference, source, kind, finding), from `after` on.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] when `after` is no cursor.
    pub async fn findings(&self, filter: &FindingFilter) -> Result<List<FindingRow>, StoreError> {
        const COLUMNS: &str = "reference, source, kind, finding, payment_id, ours, theirs, currency, cast(detail as text) as detail,
            first_seen, last_seen, gone_at, acknowledged_note, acknowledged_at,
            coalesce(acknowledged_detail = detail, false) as acknowledged";
        self.list(COLUMNS, filter.clause()?, filter.limit).await
    }

    /// How many findings are open, by source and word; none of a word that has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finding_counts(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select source, finding, count(*) from findings where {IS_OPEN} group by source, finding
                  order by source, finding"
            ))
        };
        let counts =
            async { Ok(on_either!(self, STEP_MAX, pool => sqlx::query_as(sql()).fetch_all(pool).await?)) };
        within(ANSWER_MAX, counts).await
    }

    /// Keeps that a person has settled the open findings of a movement, with the detail that each has now; tells how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acknowledge_findings(&self, movement: &Key, by: &By) -> Result<usize, StoreError> {
        const SQL: &str = "
            update findings set acknowledged_detail = detail, acknowledged_note = $3, acknowledged_at = $4
             where reference = $1 and source = $2 and gone_at is null
         returning finding, cast(detail as text)";
        let done = |settled: &Vec<(String, String)>| {
            let findings = settled.iter().map(|(finding, detail)| {
                let detail: Value = serde_json::from_str(detail).unwrap_or_default();
                json!({ "finding": finding, "detail": detail })
            });
            let after: Vec<Value> = findings.collect();
            (!after.is_empty()).then(|| Action {
                kind: ActionKind::AcknowledgeFinding,
                source: Some(movement.source.clone()),
                target: movement.id.to_string(),
                before: None,
                after: Some(after.into()),
            })
        };
        let settled = async {
            Ok(act_on_either!(self, STEP_MAX, by, connection => sqlx::query_as(SQL)
                .bind(movement.id.as_str())
                .bind(movement.source.as_str())
                .bind(by.note())
                .bind(by.at())
                .fetch_all(connection)
                .await?, done))
        };
        Ok(within(ANSWER_MAX, settled).await?.len())
    }
}

from_row!(FindingRow {
    source, finding, kind, reference, payment_id, ours, theirs, currency, detail by json_of, first_seen by time,
    last_seen by time, gone_at by time_if_any, acknowledged, acknowledged_note, acknowledged_at by time_if_any,
});
