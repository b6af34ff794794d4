//! What is in the database, whichever it is.

use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AssertSqlSafe, Column, Row, TypeInfo, ValueRef};

/// A connection to the database that the replicas write.
pub enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Database {
    pub fn postgres(options: PgConnectOptions) -> Self {
        Self::Postgres(PgPoolOptions::new().max_connections(4).connect_lazy_with(options))
    }

    pub fn sqlite(path: &std::path::Path) -> Self {
        Self::Sqlite(SqlitePool::connect_lazy_with(SqliteConnectOptions::new().filename(path)))
    }

    /// The rows of a query, each as an object of its columns.
    pub async fn rows(&self, sql: &str) -> Vec<Value> {
        self.try_rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The number that a query such as `select count(*) ..` gives.
    pub async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows(sql).await;
        let row = rows.first().and_then(Value::as_object).expect("a row");
        row.values().next().and_then(Value::as_i64).expect("a number")
    }

    /// Runs a statement.
    pub async fn execute(&self, sql: &str) {
        let sql_text = AssertSqlSafe(sql.to_owned());
        let done = match self {
            Self::Postgres(pool) => sqlx::raw_sql(sql_text).execute(pool).await.map(drop),
            Self::Sqlite(pool) => sqlx::raw_sql(sql_text).execute(pool).await.map(drop),
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn try_rows(&self, sql: &str) -> sqlx::Result<Vec<Value>> {
        match self {
            Self::Postgres(pool) => {
                let sql = AssertSqlSafe(format!("select to_jsonb(row)::text from ({sql}) as row"));
                let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(pool).await?;
                Ok(rows.iter().map(|row| serde_json::from_str(row).expect("JSON of Postgres")).collect())
            }
            Self::Sqlite(pool) => {
                let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(pool).await?;
                Ok(rows.iter().map(sqlite_row).collect())
            }
        }
    }
}

fn sqlite_row(row: &sqlx::sqlite::SqliteRow) -> Value {
    let columns = row.columns().iter().map(|column| {
        let raw = row.try_get_raw(column.ordinal()).expect("a column");
        let value = match raw.type_info().name() {
            "NULL" => Value::Null,
            "INTEGER" => json!(row.get::<i64, _>(column.ordinal())),
            "TEXT" => json!(row.get::<String, _>(column.ordinal())),
            "BLOB" => json!(format!("\\x{}", hex::encode(row.get::<Vec<u8>, _>(column.ordinal())))),
            other => panic!("an SQLite value of type {other}"),
        };
        (column.name().to_owned(), value)
    });
    Value::Object(columns.collect::<Map<_, _>>())
}
