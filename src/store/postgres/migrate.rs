//! Applies migrations, one process at a time, also through a pooler: the lock is that of a transaction, and where a
//! migration cannot run in one, another connection's holds it.

use std::time::Duration;

use sqlx::{AssertSqlSafe, raw_sql};
use tokio::time::sleep;

use super::Postgres;
use super::check;
use super::migrations::made;
use super::transaction::Transaction;
use crate::store::StoreError;
use crate::store::actions::{Action, By, keep_postgres};
use crate::store::applied::{self, Applied, IS_UNRELEASED, KEEP};
use crate::store::migration::Migration;

/// One migration, server-side; a longer one has to run outside a transaction.
const MIGRATION_MAX: Duration = Duration::from_mins(5);
/// How long a migration waits for readers of a table that it changes: who queues for a table lock holds up everyone
/// behind it. And no limit on waiting between statements: an index may be built meanwhile.
const LIMITS: &str = "set local lock_timeout to '10s'; set local idle_in_transaction_session_timeout to 0";
/// `paylatch` in ASCII.
const LOCK: &str = "select pg_try_advisory_xact_lock(8097887111387308904)";
const LOCK_RETRY: Duration = Duration::from_millis(100);
const TABLE: &str = "
    create table if not exists paylatch_migrations (
        version    bigint not null constraint paylatch_migrations_pkey primary key,
        name       text not null,
        sha256     bytea not null,
        applied_at timestamptz not null default now()
    );
    comment on table paylatch_migrations is 'Which migrations were applied to this schema.';
    comment on column paylatch_migrations.version is 'The number of the file in migrations/.';
    comment on column paylatch_migrations.name is 'Its name.';
    comment on column paylatch_migrations.sha256 is 'The digest of its text: an applied migration is never edited.';
    comment on column paylatch_migrations.applied_at is 'When it was applied.'";

/// Applies what is missing, and says what that was; in a database that was in use it is kept who did it.
pub(super) async fn migrate(
    own: &Postgres,
    migrations: &'static [Migration],
    by: Option<&By>,
) -> Result<Vec<String>, StoreError> {
    let mut done = Vec::new();
    let by = if by.is_some() && was_in_use(own).await? { by } else { None };
    while let Some(applied) = apply_next(own, migrations, by).await? {
        done.push(applied.title());
    }
    Ok(done)
}

/// Whether what people do is kept there already.
async fn was_in_use(own: &Postgres) -> Result<bool, StoreError> {
    let mut transaction = own.lists.begin(MIGRATION_MAX).await?;
    let was = check::has_table(&mut transaction, "operator_actions").await?;
    transaction.commit().await?;
    Ok(was)
}

/// Applies the first migration that is missing, in a transaction with the note that it was.
async fn apply_next(
    own: &Postgres,
    migrations: &'static [Migration],
    by: Option<&By>,
) -> Result<Option<&'static Migration>, StoreError> {
    let mut transaction = own.lists.begin(MIGRATION_MAX).await?;
    raw_sql(LIMITS).execute(transaction.statements()).await?;
    lock(&mut transaction).await?;
    check::server_fits(&mut transaction).await?;
    let applied = applied(own, &mut transaction).await?;
    let missing = applied::first_missing(migrations, &applied)?;
    if let Some(migration) = missing {
        if migration.runs_alone() {
            apply_alone(own, &mut transaction, migration).await?;
        } else {
            raw_sql(migration.sql).execute(transaction.statements()).await?;
        }
        let keep = sqlx::query(KEEP).bind(migration.version).bind(migration.name);
        keep.bind(migration.sha256().to_vec()).execute(transaction.statements()).await?;
        if let Some(by) = by {
            keep_postgres(transaction.statements(), by, &Action::applied(migration)).await?;
        }
    }
    transaction.commit().await?;
    Ok(missing)
}

/// Asks again and again: a statement that waits for the lock holds a snapshot, which an index that is built concurrently
/// waits for.
async fn lock(transaction: &mut Transaction) -> Result<(), StoreError> {
    while !sqlx::query_scalar::<_, bool>(LOCK).fetch_one(transaction.statements()).await? {
        sleep(LOCK_RETRY).await;
    }
    Ok(())
}

/// What was applied; makes the schema and the table of migrations where they are missing.
async fn applied(own: &Postgres, transaction: &mut Transaction) -> Result<Vec<Applied>, StoreError> {
    if let Some(schema) = &own.schema {
        let exists = "select exists (select 1 from pg_namespace where nspname = $1)";
        let exists = sqlx::query_scalar(exists).bind(schema.as_ref());
        if !exists.fetch_one(transaction.statements()).await? {
            let create = AssertSqlSafe(format!("create schema \"{schema}\""));
            raw_sql(create).execute(transaction.statements()).await?;
        }
    }
    if check::has_table(transaction, "paylatch_migrations").await? {
        return check::applied(transaction).await;
    }
    if check::has_table(transaction, "_sqlx_migrations").await? {
        let is_unreleased = sqlx::query_scalar(IS_UNRELEASED).fetch_one(transaction.statements()).await?;
        applied::refuse_unreleased(is_unreleased)?;
    }
    refuse_strangers(transaction).await?;
    raw_sql(TABLE).execute(transaction.statements()).await?;
    Ok(Vec::new())
}

/// Refuses a schema in which somebody else's tables have our names.
async fn refuse_strangers(transaction: &mut Transaction) -> Result<(), StoreError> {
    let schema: Option<String> =
        sqlx::query_scalar("select current_schema()::text").fetch_one(transaction.statements()).await?;
    let way_out = "set database_schema = \"paylatch\", which `paylatch migrate` then makes, or give Paylatch a \
                   database of its own";
    let Some(schema) = schema else {
        return Err(StoreError::Misconfigured(format!(
            "the role's search_path leads to no schema; {way_out}"
        )));
    };
    let names = "select relname::text from pg_class
                  where relnamespace = to_regnamespace(quote_ident($1)) and relname = any ($2) order by 1 limit 1";
    let names = sqlx::query_scalar(names).bind(&schema).bind(made("table"));
    let stranger: Option<String> = names.fetch_optional(transaction.statements()).await?;
    stranger.map_or(Ok(()), |table| {
        Err(StoreError::Misconfigured(format!(
            "schema {schema} of this database has a table {table} that is not Paylatch's; {way_out}"
        )))
    })
}

/// Runs each statement by itself, on a connection of its own, while `transaction` holds the lock. One that was cut short
/// is run again, so the text begins by removing what it left.
async fn apply_alone(
    own: &Postgres,
    transaction: &mut Transaction,
    migration: &Migration,
) -> Result<(), StoreError> {
    let schema = "select quote_ident(current_schema())";
    let schema: String = sqlx::query_scalar(schema).fetch_one(transaction.statements()).await?;
    let mut connection = own.lists.connect().await?;
    for statement in migration.sql.split_inclusive(";\n") {
        let statement = statement.replace(":schema", &schema);
        raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    Ok(())
}
