//! Whether the role may read and write what storing needs, where it does not own it.

use super::super::migrations::made;
use super::super::transaction::Transaction;
use crate::store::StoreError;

/// Tables whose rows are only added: nobody needs more of them, and a trigger refuses more.
const ONLY_ADDED_TO: [&str; 1] = ["operator_actions"];
/// What is missing, the first of it.
const MISSING: &str = "
    with named as (select unnest($1::text[]) as name)
    select *
      from (select 1 as place, may || ' on table ' || name, name
              from named, unnest(array['select', 'insert', 'update', 'delete']) may
             where name = any ($2) and not has_table_privilege(to_regclass(name), may)
               and (name <> all ($6) or may in ('select', 'insert'))
            union all
            select 2, 'select on view ' || name, name from named
             where name = any ($3) and not has_table_privilege(to_regclass(name), 'select')
            union all
            select 3, 'usage on sequence ' || name, name from named
             where name = any ($4) and not has_sequence_privilege(to_regclass(name), 'usage')
            union all
            -- Where changes are noted, what is told reads up to which number.
            select 3, 'select on sequence ' || name, name from (values ('order_changes_change_seq')) log (name)
             where exists (select from pg_trigger where tgrelid = to_regclass('orders') and tgname = 'order_changes_insert')
               and not has_sequence_privilege(to_regclass(name), 'select')
            union all
            select 4, 'execute on function ' || proname, proname from pg_proc
             where proname = any ($5) and pronamespace = any (
                       select oid from pg_namespace where nspname = any (current_schemas(false)))
               and not has_function_privilege(oid, 'execute')) missing (place, privilege, name)
     order by place, name, privilege
     limit 1";

pub(super) async fn check(transaction: &mut Transaction) -> Result<(), StoreError> {
    let tables = made("table");
    let views = made("view");
    let sequences = made("sequence");
    let functions = made("function");
    let missing: Option<(i32, String, String)> = sqlx::query_as(MISSING)
        .bind([tables.as_slice(), &views, &sequences].concat())
        .bind(tables)
        .bind(views)
        .bind(sequences)
        .bind(functions)
        .bind(ONLY_ADDED_TO.as_slice())
        .fetch_optional(transaction.statements())
        .await?;
    match missing {
        None => Ok(()),
        Some((_, privilege, _)) => Err(forbidden(transaction, &privilege).await?),
    }
}

/// Without this nothing else can be told.
pub(super) async fn may_read_migrations(transaction: &mut Transaction) -> Result<(), StoreError> {
    let may = sqlx::query_scalar("select has_table_privilege(to_regclass('paylatch_migrations'), 'select')");
    if may.fetch_one(transaction.statements()).await? {
        Ok(())
    } else {
        Err(forbidden(transaction, "select on table paylatch_migrations").await?)
    }
}

async fn forbidden(transaction: &mut Transaction, privilege: &str) -> Result<StoreError, StoreError> {
    let names = sqlx::query_as("select current_user::text, coalesce(current_schema()::text, '-')");
    let (role, schema): (String, String) = names.fetch_one(transaction.statements()).await?;
    Ok(StoreError::Forbidden(format!(
        "role {role} lacks {privilege} in schema {schema}; docs/operations.md has the grants that it needs"
    )))
}
