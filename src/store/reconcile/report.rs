//! Files that were read: each once, by its digest and that of its definition.

use crate::order::{Id, TimeSpan, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

use super::{ANSWER_MAX, STEP_MAX};

/// How many rows of a file are removed at once before it is read again by another definition.
const REMOVED_AT_ONCE: i64 = 10_000;

/// A file of a provider's record.
#[derive(Debug, Clone)]
pub struct ReportFile {
    /// Its digest.
    pub sha256: [u8; 32],
    /// Whose it is.
    pub source: Id,
    /// The name of the report.
    pub definition: String,
    /// The digest of its definition.
    pub definition_sha256: [u8; 32],
}

/// A file that was read, or begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportRead {
    /// Whether all of it was, by the same definition.
    pub is_complete: bool,
    /// The time that it is about.
    pub span: Option<TimeSpan>,
}

type Row = (Vec<u8>, bool, Option<UnixMicros>, Option<UnixMicros>);

impl Store {
    /// What is known of a file that is to be read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(&self, file: &ReportFile) -> Result<Option<ReportRead>, StoreError> {
        const SQL: &str = "
            select definition_sha256, complete, from_at, to_at from reports where sha256 = $1 and source = $2";
        let row = async {
            let row: Option<Row> = on_either!(self, STEP_MAX, pool => sqlx::query_as(SQL)
                .bind(file.sha256.as_slice())
                .bind(file.source.as_str())
                .fetch_optional(pool)
                .await?);
            Ok(row)
        };
        let row = within(ANSWER_MAX, row).await?;
        Ok(row.map(|(definition, complete, from, to)| ReportRead {
            is_complete: complete && definition == file.definition_sha256,
            span: from.zip(to).map(|(from, to)| TimeSpan { from, to }),
        }))
    }

    /// Notes that a file is being read. What another definition read of it goes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_report(&self, file: &ReportFile, at: UnixMicros) -> Result<(), StoreError> {
        const BEGIN: &str = "
            insert into reports (sha256, source, definition, definition_sha256, imported_at)
            values ($1, $2, $3, $4, $5)
                on conflict (sha256, source) do update
               set definition = excluded.definition, definition_sha256 = excluded.definition_sha256,
                   imported_at = excluded.imported_at, complete = false, rows = 0";
        while self.remove_rows_of_other_definitions(file).await? > 0 {}
        let begin = async {
            on_either!(self, STEP_MAX, pool => {
                sqlx::query(BEGIN)
                    .bind(file.sha256.as_slice())
                    .bind(file.source.as_str())
                    .bind(file.definition.as_str())
                    .bind(file.definition_sha256.as_slice())
                    .bind(at)
                    .execute(pool)
                    .await?;
            });
            Ok(())
        };
        within(ANSWER_MAX, begin).await
    }

    async fn remove_rows_of_other_definitions(&self, file: &ReportFile) -> Result<u64, StoreError> {
        const SQL: &str = "
            delete from report_rows
             where source = $2 and row_id in (
                   select row_id from report_rows
                    where report_sha256 = $1 and source = $2 and definition_sha256 <> $3 limit $4)";
        let removed = async {
            Ok(on_either!(self, STEP_MAX, pool => sqlx::query(SQL)
                .bind(file.sha256.as_slice())
                .bind(file.source.as_str())
                .bind(file.definition_sha256.as_slice())
                .bind(REMOVED_AT_ONCE)
                .execute(pool)
                .await?
                .rows_affected()))
        };
        within(ANSWER_MAX, removed).await
    }

    /// Notes how far a file was read, and whether that is all of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_report(
        &self,
        file: &ReportFile,
        rows: u64,
        span: Option<TimeSpan>,
        is_complete: bool,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            update reports set rows = $3, from_at = $4, to_at = $5, complete = $6 where sha256 = $1 and source = $2";
        let end = async {
            on_either!(self, STEP_MAX, pool => {
                sqlx::query(SQL)
                    .bind(file.sha256.as_slice())
                    .bind(file.source.as_str())
                    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
                    .bind(span.map(|span| span.from))
                    .bind(span.map(|span| span.to))
                    .bind(is_complete)
                    .execute(pool)
                    .await?;
            });
            Ok(())
        };
        within(ANSWER_MAX, end).await
    }

    /// Up to when each source was compared with its provider's record, and when that was, by source.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reconciled(&self) -> Result<Vec<(String, Option<UnixMicros>, UnixMicros)>, StoreError> {
        const SQL: &str = "
            select source, max(to_at), max(imported_at) from reports where complete group by source order by source";
        let read =
            async { Ok(on_either!(self, STEP_MAX, pool => sqlx::query_as(SQL).fetch_all(pool).await?)) };
        within(ANSWER_MAX, read).await
    }
}
