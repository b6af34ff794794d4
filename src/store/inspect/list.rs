//! Lists, a part at a time. However a list is filtered, a part of it looks at a bounded number of rows: where few pass, it ends
//! early and says where the list goes on. An index for each filter would cost every webhook instead.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::clause::{Clause, LOOKED_AT_MAX};
use super::{ANSWER_MAX, QUERY_MAX, ROWS_MAX};
use crate::store::{Database, Store, StoreError, within};

/// A part of a list.
#[derive(Debug, Clone)]
pub struct List<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// The cursor behind which the list goes on; `None` at its end.
    pub after: Option<String>,
    /// Whether it ends because [`LOOKED_AT_MAX`] rows were looked at, and not because it is as long as asked for.
    pub is_cut: bool,
}

/// A row that has a place in a list.
pub(in crate::store) trait Placed {
    /// What it has in the columns of the list's sequence.
    fn place(&self) -> Vec<&str>;
}

impl Store {
    /// The next `limit` rows of a list, at most [`ROWS_MAX`].
    pub(in crate::store) async fn list<T>(
        &self,
        columns: &str,
        clause: Clause<'_>,
        limit: u32,
    ) -> Result<List<T>, StoreError>
    where
        T: Placed + for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let limit = limit.min(ROWS_MAX);
        let end = if clause.has_filters() { self.last_looked_at(&clause).await? } else { None };
        let mut clause = clause;
        if let Some(end) = &end {
            clause.up_to(end);
        }
        let (passing, sequence) = (clause.passing(), clause.sequence());
        let sql = || {
            let (from, more) = (&passing.sql, limit + 1);
            sqlx::AssertSqlSafe(format!("select {columns} {from} order by {sequence} limit {more}"))
        };
        let rows = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                passing.values.iter().fold(sqlx::query_as(sql()), |list, value| list.bind(*value)).fetch_all(pool).await?
            }))
        };
        let mut rows: Vec<T> = within(ANSWER_MAX, rows).await?;
        let is_full = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = match is_full {
            true => rows.last().map(Placed::place),
            false => end.as_ref().map(|end| end.iter().map(String::as_str).collect()),
        };
        let after = last.map(|place| clause.cursor(&place));
        Ok(List { after, is_cut: !is_full && end.is_some(), rows })
    }

    /// The place of the last row that may be looked at; `None` when fewer are left.
    async fn last_looked_at(&self, clause: &Clause<'_>) -> Result<Option<Vec<String>>, StoreError> {
        let (found, sequence) = (clause.found(), clause.sequence());
        let sql = || {
            let (from, before) = (&found.sql, LOOKED_AT_MAX - 1);
            sqlx::AssertSqlSafe(format!(
                "select {sequence} {from} order by {sequence} limit 1 offset {before}"
            ))
        };
        let end = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                let row = found.values.iter().fold(sqlx::query(sql()), |list, value| list.bind(*value)).fetch_optional(pool).await?;
                row.as_ref().map(place_of).transpose()?
            }))
        };
        within(ANSWER_MAX, end).await
    }
}

fn place_of<'r, R>(row: &'r R) -> Result<Vec<String>, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    (0..row.len()).map(|column| row.try_get(column)).collect()
}
