//! Whether webhooks can be stored in this Postgres: its schema is ours or wider, every backstop stands, the role may write,
//! and a commit is a promise.
//!
//! What a later version's migration made is its own to check: this version refuses what is missing or narrower, never what
//! was made wider or added.

mod backstops;
mod privileges;

use super::migrations::MIGRATIONS;
use super::transaction::Transaction;
use crate::store::applied::{self, APPLIED, Applied, IS_UNRELEASED};
use crate::store::{Schema, StoreError};

const SERVER_VERSION_MIN: i32 = 13;
/// In the others a text can hold a character that the database refuses.
const ENCODINGS: [&str; 2] = ["UTF8", "SQL_ASCII"];

pub(super) async fn check(transaction: &mut Transaction) -> Result<Schema, StoreError> {
    server_fits(transaction).await?;
    commits_last(transaction).await?;
    let schema = applied_schema(transaction).await?;
    privileges::check(transaction).await?;
    backstops::check(transaction, schema).await?;
    Ok(schema)
}

/// Whether this server can hold our schema.
pub(super) async fn server_fits(transaction: &mut Transaction) -> Result<(), StoreError> {
    let (version, is_standby, encoding): (i32, bool, String) = sqlx::query_as(
        "select current_setting('server_version_num')::int4 / 10000, pg_is_in_recovery(),
                current_setting('server_encoding')",
    )
    .fetch_one(transaction.statements())
    .await?;
    let unfit = |what: String| Err(StoreError::Misconfigured(what));
    if version < SERVER_VERSION_MIN {
        unfit(format!("Postgres {version} is too old; use {SERVER_VERSION_MIN} or newer"))
    } else if is_standby {
        unfit("the database is a standby; point database_url at the primary".to_owned())
    } else if !ENCODINGS.contains(&encoding.as_str()) {
        unfit(format!(
            "the database's encoding is {encoding}, which cannot hold what providers send; \
             make one with `create database .. encoding 'UTF8' template template0`"
        ))
    } else {
        Ok(())
    }
}

async fn commits_last(transaction: &mut Transaction) -> Result<(), StoreError> {
    let (read_only, fsync, synchronous_commit): (String, String, String) = sqlx::query_as(
        "select current_setting('default_transaction_read_only'), current_setting('fsync'),
                current_setting('synchronous_commit')",
    )
    .fetch_one(transaction.statements())
    .await?;
    let unfit = |what: &str| Err(StoreError::Misconfigured(what.to_owned()));
    if read_only == "on" {
        unfit("default_transaction_read_only is on; let this user write")
    } else if fsync == "off" {
        unfit("fsync is off: a crash would lose acknowledged events; set fsync = on")
    } else if synchronous_commit == "off" {
        unfit("synchronous_commit is off: a crash would lose acknowledged events; set it to on")
    } else {
        Ok(())
    }
}

async fn applied_schema(transaction: &mut Transaction) -> Result<Schema, StoreError> {
    let applied = if has_table(transaction, "paylatch_migrations").await? {
        privileges::may_read_migrations(transaction).await?;
        applied(transaction).await?
    } else {
        if has_table(transaction, "_sqlx_migrations").await? {
            let is_unreleased = sqlx::query_scalar(IS_UNRELEASED).fetch_one(transaction.statements()).await;
            applied::refuse_unreleased(is_unreleased.unwrap_or(false))?;
        }
        Vec::new()
    };
    applied::compare(MIGRATIONS, &applied)
}

pub(super) async fn has_table(transaction: &mut Transaction, name: &str) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("select to_regclass($1) is not null").bind(name);
    Ok(found.fetch_one(transaction.statements()).await?)
}

pub(super) async fn applied(transaction: &mut Transaction) -> Result<Vec<Applied>, StoreError> {
    Ok(sqlx::query_as(APPLIED).fetch_all(transaction.statements()).await?)
}
