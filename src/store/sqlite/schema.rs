//! The schema of a SQLite file: applied in one transaction a migration, compared with one that is made anew in memory.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection, raw_sql};
use tokio::sync::OnceCell;

use crate::store::actions::{Action, By, keep_sqlite};
use crate::store::applied::{self, APPLIED, Applied, IS_UNRELEASED, KEEP, tampered};
use crate::store::{Schema, StoreError};

use super::migrations::MIGRATIONS;

const TABLE: &str = "
    create table if not exists paylatch_migrations ( -- Which migrations were applied.
        version    integer primary key, -- The number of the file in migrations/.
        name       text not null, -- Its name.
        sha256     blob not null, -- The digest of its text: an applied migration is never edited.
        applied_at text not null default (strftime('%Y-%m-%dT%H:%M:%f000Z')) -- When it was applied.
    ) strict";

/// Applies what is missing, and says what that was; in a file that was in use it is kept who did it.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    by: Option<&By>,
) -> Result<Vec<String>, StoreError> {
    let mut done = Vec::new();
    let by = if has_table(connection, "operator_actions").await? { by } else { None };
    loop {
        let mut transaction = connection.begin_with("begin immediate").await?;
        let applied = applied(&mut transaction).await?;
        let Some(migration) = applied::first_missing(MIGRATIONS, &applied)? else { return Ok(done) };
        raw_sql(TABLE).execute(&mut *transaction).await?;
        raw_sql(migration.sql).execute(&mut *transaction).await?;
        let keep = sqlx::query(KEEP).bind(migration.version).bind(migration.name);
        keep.bind(migration.sha256().to_vec()).execute(&mut *transaction).await?;
        if let Some(by) = by {
            keep_sqlite(&mut transaction, by, &Action::applied(migration)).await?;
        }
        transaction.commit().await?;
        done.push(migration.title());
    }
}

/// Whether everything stands that this version's migrations make. What a later one made is its own to check.
pub(super) async fn check(connection: &mut SqliteConnection) -> Result<Schema, StoreError> {
    let schema = applied::compare(MIGRATIONS, &applied(connection).await?)?;
    let found = objects(connection).await?;
    for (name, expected) in expected().await? {
        let stands = found.get(name).is_some_and(|object| object.is_at_least(expected, schema));
        if !stands {
            return Err(tampered(format_args!("{name} is missing or changed")));
        }
    }
    Ok(schema)
}

/// What the migrations make, made once: a server checks each second.
async fn expected() -> Result<&'static HashMap<String, Object>, StoreError> {
    static EXPECTED: OnceCell<HashMap<String, Object>> = OnceCell::const_new();
    let make = async || {
        let mut fresh = SqliteConnectOptions::new().in_memory(true).connect().await?;
        migrate(&mut fresh, None).await?;
        objects(&mut fresh).await
    };
    EXPECTED.get_or_try_init(make).await
}

async fn applied(connection: &mut SqliteConnection) -> Result<Vec<Applied>, StoreError> {
    if has_table(connection, "paylatch_migrations").await? {
        return Ok(sqlx::query_as(APPLIED).fetch_all(connection).await?);
    }
    if has_table(connection, "_sqlx_migrations").await? {
        applied::refuse_unreleased(sqlx::query_scalar(IS_UNRELEASED).fetch_one(connection).await?)?;
    }
    Ok(Vec::new())
}

async fn has_table(connection: &mut SqliteConnection, name: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("select exists (select 1 from sqlite_master where name = $1)").bind(name);
    Ok(found.fetch_one(connection).await?)
}

/// A table, index or view.
struct Object {
    /// The text that made it, which SQLite keeps.
    sql: String,
    /// A table's.
    columns: Vec<String>,
}

async fn objects(connection: &mut SqliteConnection) -> Result<HashMap<String, Object>, StoreError> {
    const OBJECTS: &str = "
        select m.name, m.sql, (select json_group_array(c.name || ' ' || c.type) from pragma_table_info(m.name) c
                                where m.type = 'table')
          from sqlite_master m
         where m.sql is not null and m.name <> 'paylatch_migrations'";
    let rows: Vec<(String, String, String)> = sqlx::query_as(OBJECTS).fetch_all(connection).await?;
    let object = |(name, sql, columns): (String, String, String)| {
        (name, Object { sql, columns: serde_json::from_str(&columns).unwrap_or_default() })
    };
    Ok(rows.into_iter().map(object).collect())
}

impl Object {
    /// A table may have more columns, and may have been made wider by a version that is newer than `schema`.
    fn is_at_least(&self, expected: &Self, schema: Schema) -> bool {
        let is_newer = schema.unknown_migrations > 0;
        if expected.columns.is_empty() {
            return is_newer || self.sql == expected.sql;
        }
        let has_columns = expected.columns.iter().all(|column| self.columns.contains(column));
        let mut constraints =
            expected.sql.split("constraint ").skip(1).filter_map(|rest| rest.split(' ').next());
        has_columns && (is_newer || constraints.all(|name| self.sql.contains(&format!("constraint {name} "))))
    }
}
