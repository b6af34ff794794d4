//! Checks the constraints and indexes that a schema must have: unique keys decide races, indexes keep look-ups short, checks refuse
//! rows that cannot be.

use std::collections::BTreeMap;

use super::super::migrations::{MIGRATIONS, made};
use super::super::transaction::Transaction;
use crate::store::applied::tampered;
use crate::store::{Schema, StoreError};

/// Tables, and the columns by which no two of their rows may agree.
const KEYS: [(&str, &[&str]); 12] = [
    ("events", &["event_id", "source"]),
    ("payments", &["payment_id", "source"]),
    ("orders", &["order_id", "source"]),
    ("conflicts", &["event_id", "source", "body_sha256"]),
    ("coupons", &["code"]),
    ("redemptions", &["code", "redeemer"]),
    ("expectations", &["order_id", "ledger", "revision"]),
    ("customer_returns", &["order_id", "ledger"]),
    ("settlements", &["order_id", "ledger"]),
    ("reports", &["sha256", "source"]),
    ("report_rows", &["row_id", "source"]),
    ("findings", &["reference", "source", "kind", "finding"]),
];
/// Tables, and the columns by which their rows are found.
const LOOKUPS: [(&str, &[&str]); 2] =
    [("events", &["payment_id", "source"]), ("payments", &["order_id", "source"])];
pub(super) async fn check(transaction: &mut Transaction, schema: Schema) -> Result<(), StoreError> {
    let tables = made("table");
    are_durable(transaction, &tables).await?;
    indexes(transaction, &tables).await?;
    functions(transaction, schema).await?;
    // A newer version may have put wider conditions in the place of ours.
    if schema.unknown_migrations == 0 {
        conditions(transaction, &tables).await?;
    }
    Ok(())
}

async fn are_durable(transaction: &mut Transaction, tables: &[&str]) -> Result<(), StoreError> {
    let durable: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class
          where oid in (select to_regclass(name) from unnest($1::text[]) name) and relpersistence = 'p'",
    )
    .bind(tables)
    .fetch_all(transaction.statements())
    .await?;
    tables
        .iter()
        .find(|table| !durable.iter().any(|durable| durable == *table))
        .map_or(Ok(()), |table| Err(tampered(format_args!("table {table} is missing or unlogged"))))
}

async fn indexes(transaction: &mut Transaction, tables: &[&str]) -> Result<(), StoreError> {
    // An index that is invalid, partial or deferrable would let a second row through.
    let found: Vec<(String, Vec<String>, bool)> = sqlx::query_as(
        "select t.relname::text,
                array(select a.attname::text
                        from unnest(i.indkey) with ordinality k (number, place)
                        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
                       where place <= i.indnkeyatts
                       order by place),
                i.indisunique and i.indimmediate
           from pg_index i
           join pg_class t on t.oid = i.indrelid
          where i.indrelid in (select to_regclass(name) from unnest($1::text[]) name)
            and i.indisvalid and i.indisready and i.indpred is null and i.indexprs is null",
    )
    .bind(tables)
    .fetch_all(transaction.statements())
    .await?;
    for (table, columns) in KEYS {
        let is_key = |own: &[String]| own.iter().all(|column| columns.contains(&column.as_str()));
        if !found.iter().any(|(on, own, is_unique)| on == table && *is_unique && is_key(own)) {
            let columns = columns.join(", ");
            return Err(tampered(format_args!("unique index on {table} ({columns}) is missing or invalid")));
        }
    }
    for (table, columns) in LOOKUPS {
        let leads = |own: &[String]| own.iter().zip(columns).filter(|(own, column)| own == column).count();
        if !found.iter().any(|(on, own, _)| on == table && leads(own) == columns.len()) {
            let columns = columns.join(", ");
            return Err(tampered(format_args!("index on {table} ({columns}) is missing or invalid")));
        }
    }
    Ok(())
}

async fn conditions(transaction: &mut Transaction, tables: &[&str]) -> Result<(), StoreError> {
    let valid: Vec<String> = sqlx::query_scalar(
        "select conname::text from pg_constraint
          where conrelid in (select to_regclass(name) from unnest($1::text[]) name)
            and contype = 'c' and convalidated",
    )
    .bind(tables)
    .fetch_all(transaction.statements())
    .await?;
    let missing = MIGRATIONS
        .iter()
        .flat_map(|migration| named_checks(migration.sql))
        .find(|name| !valid.iter().any(|valid| valid == name));
    missing.map_or(Ok(()), |name| {
        Err(tampered(format_args!("check constraint {name} is missing or not validated")))
    })
}

/// The names in `constraint NAME check (..)`.
fn named_checks(sql: &'static str) -> impl Iterator<Item = &'static str> {
    sql.split("constraint ").filter_map(|rest| {
        let (name, definition) = rest.split_once(' ')?;
        definition.starts_with("check").then_some(name)
    })
}

/// A newer version may have replaced the body of one that does more than ours and is called alike.
async fn functions(transaction: &mut Transaction, schema: Schema) -> Result<(), StoreError> {
    let found: Vec<(String, String)> = sqlx::query_as(
        "select proname::text, prosrc from pg_proc where proname = any ($1) and pronamespace = any (
             select oid from pg_namespace where nspname = any (current_schemas(false)))",
    )
    .bind(made("function"))
    .fetch_all(transaction.statements())
    .await?;
    // What a migration replaced is looked for as it is then.
    let bodies: BTreeMap<&str, &str> =
        MIGRATIONS.iter().flat_map(|migration| bodies(migration.sql)).collect();
    for (name, text) in bodies {
        let mut found = found.iter().filter(|(own, _)| own == name).map(|(_, body)| body.as_str());
        match (found.next(), found.next()) {
            (Some(body), None) if body == text || schema.unknown_migrations > 0 => {}
            (Some(_), None) => {
                return Err(tampered(format_args!(
                    "function {name} is not the one that this version was tested with"
                )));
            }
            (Some(_), Some(_)) if schema.unknown_migrations > 0 => {}
            (Some(_), Some(_)) => return Err(tampered(format_args!("there are several functions {name}"))),
            (None, _) => return Err(tampered(format_args!("function {name} is missing"))),
        }
    }
    Ok(())
}

/// The functions that `sql` makes, and the text of each: it stands between the first two `$$` after its name.
fn bodies(sql: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    sql.split("create ").skip(1).filter_map(|made| {
        let definition = made.strip_prefix("or replace ").unwrap_or(made).strip_prefix("function ")?;
        let (name, _) = definition.split_once('(')?;
        Some((name, definition.split("$$").nth(1)?))
    })
}
