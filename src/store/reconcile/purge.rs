//! Old reports go, in small steps; what an open finding rests on stays.

use serde_json::json;

use crate::order::UnixMicros;
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

use super::{ANSWER_MAX, STEP_MAX};

/// How many rows go at once.
const PURGED_AT_ONCE: i64 = 5_000;

/// What a file said is not all there any more: the same bytes are read again.
const MARKS: &str = "
    update reports set complete = false
     where sha256 in (select sha256 from reports where imported_at < $1 and complete limit $2) and imported_at < $1";
/// Rows of reports that were read before $1, but for those of payments of which something is found.
const ROWS: &str = "
    delete from report_rows
     where row_id in (
           select r.row_id from reports f
             join report_rows r on r.report_sha256 = f.sha256 and r.source = f.source
            where f.imported_at < $1
              and not exists (select 1 from findings g
                               where g.payment_id = r.payment_id and g.source = r.source and g.gone_at is null)
            limit $2)
       and report_sha256 in (select sha256 from reports where imported_at < $1)";
/// Reports of which no row is left.
const REPORTS: &str = "
    delete from reports
     where sha256 in (
           select f.sha256 from reports f
            where f.imported_at < $1
              and not exists (select 1 from report_rows r where r.report_sha256 = f.sha256 and r.source = f.source)
            limit $2)
       and imported_at < $1";
/// Findings that are gone since before $1.
const FINDINGS: &str = "
    delete from findings
     where reference in (select reference from findings where gone_at < $1 limit $2) and gone_at < $1";

impl Store {
    /// Clears reports that were read before `older_than`, and findings that are gone since; tells how many rows went. That
    /// `by` did it is kept with the first that go.
    ///
    /// # Errors
    /// [`StoreError`]; what was cleared until then stays cleared.
    pub async fn purge_reports(&self, older_than: UnixMicros, by: &By) -> Result<u64, StoreError> {
        let mut purged = 0;
        while self.purge_some(MARKS, older_than, by, true).await? > 0 {}
        for sql in [ROWS, REPORTS, FINDINGS] {
            loop {
                let step = self.purge_some(sql, older_than, by, purged > 0).await?;
                purged += step;
                if step == 0 {
                    break;
                }
            }
        }
        Ok(purged)
    }

    async fn purge_some(
        &self,
        sql: &'static str,
        older_than: UnixMicros,
        by: &By,
        is_kept: bool,
    ) -> Result<u64, StoreError> {
        let done = |rows: &u64| {
            (*rows > 0 && !is_kept).then(|| Action {
                kind: ActionKind::PurgeReports,
                source: None,
                target: "reports".to_owned(),
                before: None,
                after: Some(json!({ "read_before": rfc3339(older_than).unwrap_or_default() })),
            })
        };
        let purged = async {
            Ok(act_on_either!(self, STEP_MAX, by, connection => {
                sqlx::query(sql).bind(older_than).bind(PURGED_AT_ONCE).execute(connection).await?.rows_affected()
            }, done))
        };
        within(ANSWER_MAX, purged).await
    }
}
