//! Rows of reports, each kept once: what comes again with other numbers is a finding, and the first stands.

use serde_json::{Value, json};

use super::write::Upsert;
use super::{ANSWER_MAX, ReportFile, STEP_MAX, as_table};
use crate::order::{Class, Disagreement, Id, Kind, ReportFinding, ReportRow, UnixMicros};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// What became of some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowsAdded {
    /// Not known before.
    pub new: u64,
    /// Known with other numbers.
    pub changed: u64,
}

/// A stored row that came again with other numbers.
type Changed = (String, Option<String>, Option<String>, Option<i64>, Option<String>);

impl Store {
    /// Keeps rows of a file; tells how many are new.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_report_rows(
        &self,
        file: &ReportFile,
        rows: &[ReportRow],
        at: UnixMicros,
    ) -> Result<RowsAdded, StoreError> {
        let incoming = rows.iter().map(to_json).collect::<Result<Value, StoreError>>()?.to_string();
        let new = self.insert_rows(file, &incoming).await?;
        if new == rows.len() as u64 {
            return Ok(RowsAdded { new, changed: 0 });
        }
        let changed = self.changed_rows(file, &incoming).await?;
        let findings: Vec<ReportFinding> =
            changed.iter().filter_map(|stored| finding(stored, rows)).collect();
        let closes: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        self.close_row_changes(&file.source, &closes, &findings, at).await?;
        self.upsert_findings(&file.source, &Upsert::all(&findings), at).await?;
        Ok(RowsAdded { new, changed: findings.len() as u64 })
    }

    fn incoming(&self) -> &'static str {
        as_table!(self, "1", "r", [
            "row_id" "text", "type" "text", "kind" "text", "payment_id" "text", "reference" "text",
            "reference_2" "text", "matched_by" "text", "compared" "text", "amount" "bigint", "currency" "text",
            "settled_amount" "bigint", "settled_currency" "text", "fee" "bigint", "payout_id" "text",
            "order_id" "text", "occurred_at" "timestamptz",
        ])
    }

    async fn insert_rows(&self, file: &ReportFile, incoming: &str) -> Result<u64, StoreError> {
        const COLUMNS: &str =
            "type, kind, payment_id, reference, reference_2, matched_by, compared, amount, currency,
            settled_amount, settled_currency, fee, payout_id, order_id, occurred_at";
        // In key order: another process may read the same rows from another file.
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "insert into report_rows (row_id, source, report_sha256, definition_sha256, {COLUMNS})
                 select row_id, $2, $3, $4, {COLUMNS} from {} where true order by row_id
                     on conflict (row_id, source) do nothing",
                self.incoming()
            ))
        };
        let inserted = async {
            Ok(on_either!(self, STEP_MAX, pool => sqlx::query(sql())
                .bind(incoming)
                .bind(file.source.as_str())
                .bind(file.sha256.as_slice())
                .bind(file.definition_sha256.as_slice())
                .execute(pool)
                .await?
                .rows_affected()))
        };
        within(ANSWER_MAX, inserted).await
    }

    async fn changed_rows(&self, file: &ReportFile, incoming: &str) -> Result<Vec<Changed>, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select s.row_id, s.kind, s.payment_id, s.amount, s.currency
                   from {} join report_rows s on s.row_id = r.row_id and s.source = $2
                  where s.definition_sha256 = $3
                    and (s.type is distinct from r.type or s.kind is distinct from r.kind
                         or s.payment_id is distinct from r.payment_id or s.reference is distinct from r.reference
                         or s.amount is distinct from r.amount or s.currency is distinct from r.currency
                         or s.settled_amount is distinct from r.settled_amount or s.fee is distinct from r.fee
                         or s.order_id is distinct from r.order_id)",
                self.incoming()
            ))
        };
        let changed = async {
            Ok(on_either!(self, STEP_MAX, pool => sqlx::query_as(sql())
                .bind(incoming)
                .bind(file.source.as_str())
                .bind(file.definition_sha256.as_slice())
                .fetch_all(pool)
                .await?))
        };
        within(ANSWER_MAX, changed).await
    }
}

fn finding((row_id, kind, payment, amount, currency): &Changed, rows: &[ReportRow]) -> Option<ReportFinding> {
    let id = Id::new(row_id).ok()?;
    // Of several that came again the last is told.
    let came = rows.iter().rev().find(|row| row.id == id)?;
    let theirs = came.money.map(|(amount, _)| amount);
    let shown = to_json(came).ok()?;
    Some(ReportFinding {
        disagreement: Disagreement::RowChanged,
        class: kind.as_deref().and_then(Kind::from_word).and_then(Class::of).map(|(class, _)| class),
        reference: id,
        payment: payment.as_deref().and_then(|payment| Id::new(payment).ok()),
        ours: *amount,
        theirs,
        currency: came.money.map(|(_, currency)| currency),
        detail: json!({ "came_again": shown, "stored": { "amount": amount, "currency": currency, "kind": kind } }),
    })
}

fn to_json(row: &ReportRow) -> Result<Value, StoreError> {
    let fact = row.fact.as_ref();
    let at =
        row.occurred_at.map(rfc3339).transpose().map_err(|error| StoreError::Unknown(error.to_string()))?;
    Ok(json!({
        "row_id": row.id.as_str(),
        "type": row.type_name,
        "kind": fact.map(|fact| fact.kind.as_str()),
        "payment_id": fact.map(|fact| fact.payment.as_str()),
        "reference": fact.map(|fact| fact.reference.as_str()),
        "reference_2": fact.and_then(|fact| fact.other_reference.as_ref()).map(Id::as_str),
        "matched_by": fact.map(|fact| fact.matched_by.as_str()),
        "compared": fact.map(|fact| fact.compared.as_str()),
        "amount": row.money.map(|(amount, _)| amount),
        "currency": row.money.map(|(_, currency)| currency.to_string()),
        "settled_amount": row.settled.map(|(amount, _)| amount),
        "settled_currency": row.settled.map(|(_, currency)| currency.to_string()),
        "fee": row.fee,
        "payout_id": row.payout.as_ref().map(Id::as_str),
        "order_id": fact.and_then(|fact| fact.order.as_ref()).map(Id::as_str),
        "occurred_at": at,
    }))
}
