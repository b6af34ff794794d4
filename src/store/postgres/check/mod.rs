//! Whether this Postgres may be used: its schema is ours, every backstop stands, and a commit is a promise.

mod condition;

use sqlx::{PgConnection, PgPool};

use crate::store::{Schema, StoreError, schema};

const SERVER_VERSION_MIN: i32 = 13;
const TABLES: [&str; 8] = [
    "events",
    "payments",
    "orders",
    "conflicts",
    "coupons",
    "redemptions",
    "acknowledgements",
    "event_acknowledgements",
];
/// Index, table, columns, whether it is unique: what decides a race, and what keeps every lookup short.
const INDEXES: [(&str, &str, &[&str], bool); 10] = [
    ("events_pkey", "events", &["event_id", "source"], true),
    ("payments_pkey", "payments", &["payment_id", "source"], true),
    ("orders_pkey", "orders", &["order_id", "source"], true),
    ("conflicts_pkey", "conflicts", &["event_id", "source", "body_sha256"], true),
    ("coupons_pkey", "coupons", &["code"], true),
    ("redemptions_pkey", "redemptions", &["code", "redeemer"], true),
    ("acknowledgements_pkey", "acknowledgements", &["order_id", "source", "anomaly", "detail"], true),
    (
        "event_acknowledgements_pkey",
        "event_acknowledgements",
        &["event_id", "source", "body_sha256", "outcome"],
        true,
    ),
    ("events_payment", "events", &["payment_id", "source"], false),
    ("payments_order", "payments", &["order_id", "source"], false),
];

pub(super) async fn check(pool: &PgPool) -> Result<Schema, StoreError> {
    server(pool).await?;
    let schema = migrations(pool).await?;
    tables(pool).await?;
    indexes(pool).await?;
    constraints(pool).await?;
    function(pool, "save_decided", super::SAVE_SQL).await?;
    function(pool, "redeem_batch", super::COUPONS_SQL).await?;
    function(pool, "give_back", super::COUPONS_SQL).await?;
    Ok(schema)
}

async fn server(pool: &PgPool) -> Result<(), StoreError> {
    let (version, is_standby, read_only, fsync, synchronous_commit): (i32, bool, String, String, String) =
        sqlx::query_as(
            "select current_setting('server_version_num')::int4 / 10000, pg_is_in_recovery(),
                    current_setting('default_transaction_read_only'), current_setting('fsync'),
                    current_setting('synchronous_commit')",
        )
        .fetch_one(pool)
        .await?;
    let unfit = |what: String| Err(StoreError::Misconfigured(what));
    if version < SERVER_VERSION_MIN {
        unfit(format!("Postgres {version} is too old; use {SERVER_VERSION_MIN} or newer"))
    } else if is_standby {
        unfit("the database is a standby; point database_url at the primary".to_owned())
    } else if read_only == "on" {
        unfit("default_transaction_read_only is on; let this user write".to_owned())
    } else if fsync == "off" {
        unfit("fsync is off: a crash would lose acknowledged events; set fsync = on".to_owned())
    } else if synchronous_commit == "off" {
        unfit("synchronous_commit is off: a crash would lose acknowledged events; set it to on".to_owned())
    } else {
        Ok(())
    }
}

/// Whether a commit from before the first release made this database: it kept what it applied in sqlx's own table.
pub(super) async fn is_unreleased(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let table: Option<String> = sqlx::query_scalar("select to_regclass('_sqlx_migrations')::text")
        .fetch_one(&mut *connection)
        .await?;
    match table {
        Some(_) => Ok(sqlx::query_scalar(schema::IS_UNRELEASED).fetch_one(connection).await?),
        None => Ok(false),
    }
}

async fn migrations(pool: &PgPool) -> Result<Schema, StoreError> {
    schema::refuse_unreleased(is_unreleased(pool.acquire().await?.as_mut()).await?)?;
    let table: Option<String> =
        sqlx::query_scalar("select to_regclass('paylatch_migrations')::text").fetch_one(pool).await?;
    let applied = match table {
        Some(_) => {
            sqlx::query_as("select version, checksum from paylatch_migrations where success")
                .fetch_all(pool)
                .await?
        }
        None => Vec::new(),
    };
    schema::compare(&super::migrator(), applied)
}

async fn tables(pool: &PgPool) -> Result<(), StoreError> {
    let durable: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class
          where oid in (select to_regclass(name) from unnest($1::text[]) name) and relpersistence = 'p'",
    )
    .bind(TABLES.as_slice())
    .fetch_all(pool)
    .await?;
    TABLES
        .iter()
        .find(|table| !durable.iter().any(|durable| durable == *table))
        .map_or(Ok(()), |table| Err(schema::tampered(format_args!("table {table} is missing or unlogged"))))
}

async fn indexes(pool: &PgPool) -> Result<(), StoreError> {
    // An index that is invalid, partial or deferrable would let a second row through.
    let found: Vec<(String, String, Vec<String>, bool)> = sqlx::query_as(
        "select c.relname::text, t.relname::text,
                array(select a.attname::text
                        from unnest(i.indkey) with ordinality k (number, place)
                        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
                       order by place),
                i.indisunique and i.indimmediate
           from pg_index i
           join pg_class c on c.oid = i.indexrelid
           join pg_class t on t.oid = i.indrelid
          where i.indrelid in (select to_regclass(name) from unnest($1::text[]) name)
            and i.indisvalid and i.indisready and i.indpred is null and i.indexprs is null",
    )
    .bind(TABLES.as_slice())
    .fetch_all(pool)
    .await?;
    for (name, table, columns, unique) in INDEXES {
        let stands =
            found.iter().any(|own| own.0 == name && own.1 == table && own.2 == columns && (own.3 || !unique));
        if !stands {
            let kind = if unique { "unique index" } else { "index" };
            let columns = columns.join(", ");
            return Err(schema::tampered(format_args!(
                "{kind} {name} on {table} ({columns}) is missing or invalid"
            )));
        }
    }
    Ok(())
}

async fn constraints(pool: &PgPool) -> Result<(), StoreError> {
    let valid: Vec<(String, String)> = sqlx::query_as(
        "select conname::text, pg_get_constraintdef(oid) from pg_constraint
          where conrelid in (select to_regclass(name) from unnest($1::text[]) name) and contype = 'c' and convalidated",
    )
    .bind(TABLES.as_slice())
    .fetch_all(pool)
    .await?;
    for (name, definition) in [super::TABLES_SQL, super::COUPONS_SQL].into_iter().flat_map(named_checks) {
        match valid.iter().find(|(own, _)| own == name) {
            Some((_, own)) if condition::same(own, definition) => {}
            Some((_, own)) => {
                return Err(schema::tampered(format_args!("check constraint {name} is {own}")));
            }
            None => {
                return Err(schema::tampered(format_args!(
                    "check constraint {name} is missing or not validated"
                )));
            }
        }
    }
    Ok(())
}

/// The names and conditions in `constraint NAME check (..)`.
fn named_checks(sql: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    sql.split("constraint ").filter_map(|rest| {
        let (name, definition) = rest.split_once(' ')?;
        definition.starts_with("check").then(|| (name, condition::first(definition)))
    })
}

/// In `sql`, the function's text stands between the first two `$$` after its name.
async fn function(pool: &PgPool, name: &str, sql: &str) -> Result<(), StoreError> {
    let ours = sql
        .split_once(&format!("create function {name}("))
        .and_then(|(_, definition)| definition.split("$$").nth(1));
    let bodies: Vec<String> = sqlx::query_scalar(
        "select prosrc from pg_proc where proname = $1 and pronamespace = any (
             select oid from pg_namespace where nspname = any (current_schemas(false)))",
    )
    .bind(name)
    .fetch_all(pool)
    .await?;
    match bodies.as_slice() {
        [body] if Some(body.as_str()) == ours => Ok(()),
        [_] => Err(schema::tampered(format_args!(
            "function {name} is not the one that this version was tested with"
        ))),
        [] => Err(schema::tampered(format_args!("function {name} is missing"))),
        [_, _, ..] => Err(schema::tampered(format_args!("there are several functions {name}"))),
    }
}
