//! Findings as they are listed, counted and settled.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use utoipa::ToSchema;

use super::{ANSWER_MAX, STEP_MAX};
use crate::order::{Key, UnixMicros};
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::inspect::ROWS_MAX;
use crate::store::inspect::rows::{self, time};
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
    /// Behind this row: [`FindingRow::cursor`] of the last one seen.
    pub after: Option<String>,
    /// How many rows, at most [`ROWS_MAX`].
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

impl FindingRow {
    /// Where the list goes on behind it.
    #[must_use]
    pub fn cursor(&self) -> String {
        format!("{}/{}/{}/{}", self.source, self.finding, self.kind, self.reference)
    }
}

impl Store {
    /// Findings by (reference, source, kind, finding), from `after` on.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Refused`] when `after` is no cursor.
    pub async fn findings(&self, filter: &FindingFilter) -> Result<Vec<FindingRow>, StoreError> {
        const COLUMNS: &str = "reference, source, kind, finding, payment_id, ours, theirs, currency, cast(detail as text) as detail,
            first_seen, last_seen, gone_at, acknowledged_note, acknowledged_at,
            coalesce(acknowledged_detail = detail, false) as acknowledged";
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        if !filter.all {
            conditions.push(IS_OPEN.to_owned());
        }
        let named =
            [("source", &filter.source), ("finding", &filter.finding), ("reference", &filter.reference)];
        for (column, value) in
            named.into_iter().filter_map(|(column, value)| Some((column, value.as_deref()?)))
        {
            values.push(value);
            conditions.push(format!("{column} = ${}", values.len()));
        }
        if let Some(after) = filter.after.as_deref() {
            let [source, finding, kind, reference] = parts_of(after)?;
            values.extend([reference, source, kind, finding]);
            let n = values.len();
            conditions.push(format!(
                "(reference, source, kind, finding) > (${}, ${}, ${}, ${n})",
                n - 3,
                n - 2,
                n - 1
            ));
        }
        let sql = || {
            let conditions = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" and ") };
            sqlx::AssertSqlSafe(format!(
                "select {COLUMNS} from findings where {conditions} order by reference, source, kind, finding limit {}",
                filter.limit.min(ROWS_MAX)
            ))
        };
        let rows = async {
            Ok(on_either!(self, STEP_MAX, pool => {
                values.iter().fold(sqlx::query_as(sql()), |list, value| list.bind(*value)).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, rows).await
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

/// Source, finding, kind and reference of a cursor; only the last may hold a slash, as no source does.
fn parts_of(after: &str) -> Result<[&str; 4], StoreError> {
    let mut parts = after.splitn(4, '/');
    let mut next = || parts.next();
    let found = (|| Some([next()?, next()?, next()?, next()?]))();
    found.ok_or_else(|| StoreError::Refused {
        code: "22023".to_owned(),
        message: "after is not the place of a finding".to_owned(),
    })
}

impl<'r, R> FromRow<'r, R> for FindingRow
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let is_there = |column| Ok::<_, sqlx::Error>(row.try_get::<Option<UnixMicros>, _>(column)?.is_some());
        let may_be = |column| is_there(column)?.then(|| time(row, column)).transpose();
        Ok(Self {
            source: row.try_get("source")?,
            finding: row.try_get("finding")?,
            kind: row.try_get("kind")?,
            reference: row.try_get("reference")?,
            payment_id: row.try_get("payment_id")?,
            ours: row.try_get("ours")?,
            theirs: row.try_get("theirs")?,
            currency: row.try_get("currency")?,
            detail: rows::json(&row.try_get::<String, _>("detail")?)?,
            first_seen: time(row, "first_seen")?,
            last_seen: time(row, "last_seen")?,
            gone_at: may_be("gone_at")?,
            acknowledged: row.try_get("acknowledged")?,
            acknowledged_note: row.try_get("acknowledged_note")?,
            acknowledged_at: may_be("acknowledged_at")?,
        })
    }
}
