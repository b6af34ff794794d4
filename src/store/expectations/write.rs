//! Writes what was settled, with a new version and an entry in the log where anything changed that is told.

use std::collections::HashMap;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::known::Known;
use super::settle::columns;
use super::{ANSWER_MAX, BY_KEY, QUERY_MAX};
use crate::store::postgres::Transaction;
use crate::store::{Database, Store, StoreError, within};

/// Entries of one row of the log.
const ENTRIES_MAX: usize = 256;

const ADVANCE: &str = "update settlement_progress set position = $1, step = step + 1 where step = $2";
/// `$1` is `[[order, ledger, marks, revision, settlement, currency, expected, captured, refunded, lost, held, due, anomalies,
/// unpaid_at], ..]`.
const SETTLED_POSTGRES: &str = "
    with settled as (
        select value ->> 0 as order_id, value ->> 1 as ledger, cast(value ->> 2 as bigint) as marks,
               cast(value ->> 3 as bigint) as revision, value ->> 4 as settlement, value ->> 5 as currency,
               cast(value ->> 6 as bigint) as expected, cast(value ->> 7 as bigint) as captured,
               cast(value ->> 8 as bigint) as refunded, cast(value ->> 9 as bigint) as lost, cast(value ->> 10 as bigint) as held,
               cast(value ->> 11 as bigint) as due, value -> 12 as anomalies, cast(value ->> 13 as timestamptz) as unpaid_at
          from jsonb_array_elements(cast($1 as jsonb))),
    locked as materialized (
        select g.* from settled g
          join settlements s on s.order_id = g.order_id and s.ledger = g.ledger and s.marks = g.marks
         order by g.order_id, g.ledger for update of s)";
const SETTLED_SQLITE: &str = "
    with locked as (
        select key as place, value ->> 0 as order_id, value ->> 1 as ledger, value ->> 2 as marks, value ->> 3 as revision,
               value ->> 4 as settlement, value ->> 5 as currency, value ->> 6 as expected, value ->> 7 as captured,
               value ->> 8 as refunded, value ->> 9 as lost, value ->> 10 as held, value ->> 11 as due,
               value -> 12 as anomalies, value ->> 13 as unpaid_at
          from json_each($1))";
const SETTLE: &str = "
    update settlements
       set stale = false, revision = g.revision, settlement = g.settlement, currency = g.currency, expected = g.expected,
           captured = g.captured, refunded = g.refunded, lost = g.lost, held = g.held, due = g.due, anomalies = g.anomalies,
           unpaid_at = g.unpaid_at, updated_at = NOW,
           version = case when g.settlement is not null
                           and (settlements.revision, settlements.settlement, settlements.currency, settlements.expected,
                                settlements.captured, settlements.refunded, settlements.lost, settlements.held, settlements.due,
                                settlements.anomalies, settlements.unpaid_at)
                        DIFFERS (g.revision, g.settlement, g.currency, g.expected, g.captured, g.refunded, g.lost, g.held, g.due,
                                g.anomalies, g.unpaid_at)
                          then NEXT else settlements.version end
      from locked g
     where settlements.order_id = g.order_id and settlements.ledger = g.ledger and settlements.marks = g.marks
    returning settlements.order_id, settlements.ledger, settlements.version";
/// Before a number is drawn, as whoever changes an order does: a reader waits for whoever holds this.
const HOLD_READERS: &str = "select pg_advisory_xact_lock_shared(1885434479, 1)";
/// While changes are noted at all.
const NOTE_POSTGRES: &str = "
    insert into settlement_changes (order_ids, ledgers, versions)
    select $1, $2, $3
     where exists (select from pg_trigger where tgrelid = to_regclass('orders') and tgname = 'order_changes_insert')";
/// The log of the orders counts for both.
const COUNT_SQLITE: [&str; 2] = [
    "insert into sqlite_sequence (name, seq)
     select 'order_changes', 0 where not exists (select 1 from sqlite_sequence where name = 'order_changes')",
    "update sqlite_sequence set seq = seq + 1 where name = 'order_changes'",
];
const NOTE_SQLITE: &str = "
    insert into settlement_changes (change, order_ids, ledgers, versions)
    select seq, $1, $2, $3 from sqlite_sequence
     where name = 'order_changes' and exists (
           select 1 from sqlite_master where type = 'trigger' and name = 'order_changes_insert')";

/// A settlement, and its version.
type Written = (String, String, i64);

impl Store {
    /// Writes what is known, unless another server took this step. The log is read up to `position`.
    pub(super) async fn write_settled(
        &self,
        known: &[Known],
        position: i64,
        step: i64,
    ) -> Result<(), StoreError> {
        let settled =
            known.iter().filter_map(|known| row(known).transpose()).collect::<Result<Value, _>>()?;
        let settled = settled.to_string();
        let write = async {
            match &self.database {
                Database::Postgres(own) => {
                    let settle = SETTLE.replace("NOW", "now()").replace("DIFFERS", "is distinct from");
                    let settle = settle.replace("NEXT", "nextval('order_version')");
                    let mut transaction = own.settlements.begin_as(BY_KEY, QUERY_MAX).await?;
                    let advance = sqlx::query(ADVANCE).bind(position).bind(step);
                    if advance.execute(transaction.statements()).await?.rows_affected() == 1 {
                        sqlx::query(HOLD_READERS).execute(transaction.statements()).await?;
                        let settle = sqlx::query_as(AssertSqlSafe(format!("{SETTLED_POSTGRES} {settle}")));
                        let written = settle.bind(settled).fetch_all(transaction.statements()).await?;
                        note_in_postgres(&mut transaction, &news(written, known)).await?;
                    }
                    transaction.commit().await
                }
                Database::Sqlite(own) => {
                    let now = "strftime('%Y-%m-%dT%H:%M:%f000Z')";
                    let next = "(select value from order_version) + 1 + g.place";
                    let settle =
                        SETTLE.replace("NOW", now).replace("DIFFERS", "is not").replace("NEXT", next);
                    let mut transaction = own.pool.begin_with("begin immediate").await?;
                    let advance = sqlx::query(ADVANCE).bind(position).bind(step);
                    if advance.execute(&mut *transaction).await?.rows_affected() == 1 {
                        let settle = sqlx::query_as(AssertSqlSafe(format!("{SETTLED_SQLITE} {settle}")));
                        let written = settle.bind(settled).fetch_all(&mut *transaction).await?;
                        note_in_sqlite(&mut transaction, &news(written, known)).await?;
                    }
                    Ok(transaction.commit().await?)
                }
            }
        };
        within(ANSWER_MAX, write).await?;
        self.saved.notify_waiters();
        Ok(())
    }
}

/// Those that have another version than was known.
fn news(written: Vec<Written>, known: &[Known]) -> Vec<Written> {
    let versions: HashMap<(&str, &str), Option<i64>> =
        known.iter().map(|known| ((&*known.order, &*known.ledger), known.version)).collect();
    let is_new = |(order, ledger, version): &Written| {
        versions.get(&(order.as_str(), ledger.as_str())).is_none_or(|known| *known != Some(*version))
    };
    written.into_iter().filter(is_new).collect()
}

async fn note_in_postgres(transaction: &mut Transaction, news: &[Written]) -> Result<(), StoreError> {
    for part in news.chunks(ENTRIES_MAX) {
        let note = sqlx::query(NOTE_POSTGRES)
            .bind(part.iter().map(|(order, ..)| order.as_str()).collect::<Vec<_>>())
            .bind(part.iter().map(|(_, ledger, _)| ledger.as_str()).collect::<Vec<_>>())
            .bind(part.iter().map(|(.., version)| *version).collect::<Vec<_>>());
        note.execute(transaction.statements()).await?;
    }
    Ok(())
}

async fn note_in_sqlite(connection: &mut SqliteConnection, news: &[Written]) -> Result<(), StoreError> {
    const KEEP_VERSION: &str = "update order_version set value = max(value, $1)";
    let Some(last) = news.iter().map(|(.., version)| *version).max() else { return Ok(()) };
    sqlx::query(KEEP_VERSION).bind(last).execute(&mut *connection).await?;
    for part in news.chunks(ENTRIES_MAX) {
        for count in COUNT_SQLITE {
            sqlx::query(count).execute(&mut *connection).await?;
        }
        let note = sqlx::query(NOTE_SQLITE)
            .bind(part.iter().map(|(order, ..)| json!(order)).collect::<Value>().to_string())
            .bind(part.iter().map(|(_, ledger, _)| json!(ledger)).collect::<Value>().to_string())
            .bind(part.iter().map(|(.., version)| json!(version)).collect::<Value>().to_string());
        note.execute(&mut *connection).await?;
    }
    Ok(())
}

/// What is written of an order; nothing of one of which nothing was said.
fn row(known: &Known) -> Result<Option<Value>, StoreError> {
    let Some(marks) = known.marks else { return Ok(None) };
    let mut row = vec![json!(known.order), json!(known.ledger), json!(marks)];
    row.extend(columns(known)?);
    Ok(Some(Value::from(row)))
}
