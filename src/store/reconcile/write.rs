//! Findings are written: found again they are renewed, found no more they are gone.

use serde_json::{Value, json};

use super::{ANSWER_MAX, STEP_MAX, as_table, in_list};
use crate::order::{Class, Id, ReportFinding, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

/// Findings as they travel.
pub(super) struct Upsert(Vec<Value>);

impl Upsert {
    pub(super) fn all<'f>(findings: impl IntoIterator<Item = &'f ReportFinding>) -> Self {
        Self(findings.into_iter().map(to_json).collect())
    }

    fn to_text(&self) -> String {
        Value::from(self.0.clone()).to_string()
    }
}

impl Store {
    /// Keeps findings as they are now; one that was gone is there again.
    pub(super) async fn upsert_findings(
        &self,
        source: &Id,
        findings: &Upsert,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        if findings.0.is_empty() {
            return Ok(());
        }
        let incoming = as_table!(self, "1", "f", [
            "reference" "text", "kind" "text", "finding" "text", "payment_id" "text", "ours" "bigint",
            "theirs" "bigint", "currency" "text", "detail" "jsonb",
        ]);
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "insert into findings (reference, source, kind, finding, payment_id, ours, theirs, currency, detail,
                                       first_seen, last_seen)
                 select reference, $2, kind, finding, payment_id, ours, theirs, currency, detail, $3, $3
                   from {incoming} where true order by reference, kind, finding
                     on conflict (reference, source, kind, finding) do update
                    set payment_id = excluded.payment_id, ours = excluded.ours, theirs = excluded.theirs,
                        currency = excluded.currency, detail = excluded.detail, last_seen = excluded.last_seen,
                        gone_at = null"
            ))
        };
        let text = findings.to_text();
        let written = async {
            on_either!(self, STEP_MAX, pool => {
                sqlx::query(sql()).bind(text.as_str()).bind(source.as_str()).bind(at).execute(pool).await?;
            });
            Ok(())
        };
        within(ANSWER_MAX, written).await
    }

    /// Notes of the open findings of `payments` that they are gone, but for those that still hold.
    pub(super) async fn close_findings(
        &self,
        source: &Id,
        payments: &str,
        holding: &Upsert,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        let condition = format!(
            "payment_id in {} and finding in ('missing_here', 'not_in_report', 'amount_differs', 'currency_differs',
                                              'order_differs')",
            in_list(&self.database, 4)
        );
        self.close(source, &condition, payments, holding, at).await
    }

    /// The same of the types that nobody knew.
    pub(super) async fn close_unknown_types(
        &self,
        source: &Id,
        holding: &Upsert,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        // Mentions the list only because `close` binds it.
        let condition = format!("finding = 'unknown_type' and '' not in {}", in_list(&self.database, 4));
        self.close(source, &condition, "[]", holding, at).await
    }

    /// The same of rows that came again as they are stored.
    pub(super) async fn close_row_changes(
        &self,
        source: &Id,
        rows: &[&str],
        changed: &[ReportFinding],
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        let condition = format!("finding = 'row_changed' and reference in {}", in_list(&self.database, 4));
        self.close(source, &condition, &json!(rows).to_string(), &Upsert::all(changed), at).await
    }

    async fn close(
        &self,
        source: &Id,
        condition: &str,
        list: &str,
        holding: &Upsert,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        let still = as_table!(self, "1", "h", ["reference" "text", "kind" "text", "finding" "text"]);
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "update findings set gone_at = $3
                  where source = $2 and gone_at is null and {condition}
                    and not exists (select 1 from {still}
                                     where h.reference = findings.reference and h.kind = findings.kind
                                       and h.finding = findings.finding)"
            ))
        };
        let text = holding.to_text();
        let closed = async {
            on_either!(self, STEP_MAX, pool => {
                sqlx::query(sql())
                    .bind(text.as_str())
                    .bind(source.as_str())
                    .bind(at)
                    .bind(list)
                    .execute(pool)
                    .await?;
            });
            Ok(())
        };
        within(ANSWER_MAX, closed).await
    }
}

fn to_json(finding: &ReportFinding) -> Value {
    json!({
        "reference": finding.reference.as_str(),
        "kind": finding.class.map_or("", Class::as_str),
        "finding": finding.disagreement.as_str(),
        "payment_id": finding.payment.as_ref().map(Id::as_str),
        "ours": finding.ours,
        "theirs": finding.theirs,
        "currency": finding.currency.map(|currency| currency.to_string()),
        "detail": finding.detail,
    })
}
