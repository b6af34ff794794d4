//! Whether `settlements` is what expectations and payments come to. The server that keeps it is a moment behind: what is still
//! to come is no difference.

use std::collections::HashSet;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection};

use super::known::{Known, Wanted, known_in_postgres, known_in_sqlite, members};
use super::settle::columns;
use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::Ledgers;
use crate::store::inspect::{DIFFERENCES_MAX, Difference};
use crate::store::{Database, Store, StoreError, within};

/// Orders that are compared at once.
const PAGE_ORDERS_MAX: usize = 500;

/// The columns as JSON writes them, in the order of `settle.rs`.
const COLUMNS: [&str; 11] = [
    "revision",
    "settlement",
    "currency",
    "expected",
    "captured",
    "refunded",
    "lost",
    "held",
    "due",
    "anomalies",
    "unpaid_at",
];
const PAGE: &str = "
    select s.order_id, s.ledger, s.stale, AS_JSON as stored from settlements s
     where (s.order_id, s.ledger) > ($1, $2) order by s.order_id, s.ledger limit $3";
const AS_JSON_POSTGRES: &str = "
    cast(jsonb_build_array(s.revision, s.settlement, s.currency, s.expected, s.captured, s.refunded, s.lost, s.held, s.due,
         s.anomalies, to_char(s.unpaid_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) as text)";
const AS_JSON_SQLITE: &str = "
    json_array(s.revision, s.settlement, s.currency, s.expected, s.captured, s.refunded, s.lost, s.held, s.due,
         json(s.anomalies), s.unpaid_at)";
/// Of `$1`, `[[order, ..], ..]`, those that the log names behind what is settled.
const TO_COME_POSTGRES: &str = "
    select distinct id from order_changes c cross join unnest(c.order_ids) as id
     where c.change >= (select position / 256 from settlement_progress)
       and id in (select value ->> 0 from jsonb_array_elements(cast($1 as jsonb)))";
const TO_COME_SQLITE: &str = "
    select distinct ids.value from order_changes c, json_each(c.order_ids) ids
     where c.change >= (select position / 256 from settlement_progress)
       and ids.value in (select value ->> 0 from json_each($1))";

type Row = (String, String, bool, String);

impl Store {
    /// Compares the settlements of `ledgers` with what they should be, at most [`DIFFERENCES_MAX`] differences.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_settlements(&self, ledgers: &Ledgers) -> Result<Vec<Difference>, StoreError> {
        let (_, _, settled_as) = self.progress().await?;
        let mut differences = Vec::new();
        let mut after = (String::new(), String::new());
        // Where no server has settled these ledgers yet, all is still to come.
        let mut is_done = settled_as != members(ledgers);
        while !is_done && differences.len() < DIFFERENCES_MAX {
            let (rows, known, to_come) = within(ANSWER_MAX, self.page(&after, ledgers)).await?;
            is_done = rows.len() < PAGE_ORDERS_MAX;
            if let Some((order, ledger, ..)) = rows.last() {
                after = (order.clone(), ledger.clone());
            }
            for ((order, _, is_stale, stored), known) in rows.iter().zip(&known) {
                if !is_stale && !to_come.contains(order) && ledgers.sources(&known.ledger).is_some() {
                    compare(stored, known, &mut differences)?;
                }
            }
        }
        Ok(differences)
    }

    /// Settles again what differs, with what else there is to settle.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn repair_settlements(&self, ledgers: &Ledgers) -> Result<(), StoreError> {
        self.settle_all_again().await?;
        while self.settle(ledgers).await? {}
        Ok(())
    }

    /// Rows, what is known of each, and the orders that the log names: in one snapshot.
    async fn page(
        &self,
        (order, ledger): &Wanted,
        ledgers: &Ledgers,
    ) -> Result<(Vec<Row>, Vec<Known>, HashSet<String>), StoreError> {
        const SNAPSHOT: &str =
            "begin isolation level repeatable read read only; set local enable_seqscan = off;
            set local enable_hashjoin = off; set local enable_mergejoin = off";
        let limit = i64::try_from(PAGE_ORDERS_MAX).unwrap_or(i64::MAX);
        match &self.database {
            Database::Postgres(own) => {
                let mut transaction = own.settlements.begin_as(SNAPSHOT, QUERY_MAX).await?;
                let page = AssertSqlSafe(PAGE.replace("AS_JSON", AS_JSON_POSTGRES));
                let page = sqlx::query_as(page).bind(order).bind(ledger).bind(limit);
                let rows: Vec<Row> = page.fetch_all(transaction.statements()).await?;
                let wanted = keys(&rows);
                let known = known_in_postgres(&mut transaction, &wanted, ledgers).await?;
                let to_come = sqlx::query_scalar(TO_COME_POSTGRES).bind(json!(wanted).to_string());
                let to_come = to_come.fetch_all(transaction.statements()).await?;
                transaction.commit().await?;
                Ok((rows, in_order(&wanted, known), to_come.into_iter().collect()))
            }
            Database::Sqlite(own) => {
                let mut connection = own.pool.acquire().await?;
                let mut transaction = connection.begin().await?;
                let page = AssertSqlSafe(PAGE.replace("AS_JSON", AS_JSON_SQLITE));
                let page = sqlx::query_as(page).bind(order).bind(ledger).bind(limit);
                let rows: Vec<Row> = page.fetch_all(&mut *transaction).await?;
                let wanted = keys(&rows);
                let known = known_in_sqlite(&mut transaction, &wanted, ledgers).await?;
                let to_come = sqlx::query_scalar(TO_COME_SQLITE).bind(json!(wanted).to_string());
                let to_come: Vec<String> = to_come.fetch_all(&mut *transaction).await?;
                Ok((rows, in_order(&wanted, known), to_come.into_iter().collect()))
            }
        }
    }
}

fn keys(rows: &[Row]) -> Vec<Wanted> {
    rows.iter().map(|(order, ledger, ..)| (order.clone(), ledger.clone())).collect()
}

/// As they were asked for: a join may give them in another order.
fn in_order(wanted: &[Wanted], mut known: Vec<Known>) -> Vec<Known> {
    known.sort_by_key(|known| {
        wanted.iter().position(|(order, ledger)| (order, ledger) == (&known.order, &known.ledger))
    });
    known
}

fn compare(stored: &str, known: &Known, differences: &mut Vec<Difference>) -> Result<(), StoreError> {
    let stored: Vec<Value> =
        serde_json::from_str(stored).map_err(|error| StoreError::Unknown(error.to_string()))?;
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    for ((column, stored), expected) in COLUMNS.into_iter().zip(&stored).zip(columns(known)?) {
        if *stored != expected {
            differences.push(Difference {
                table: "settlements",
                key: format!("{}/{}", known.ledger, known.order),
                column,
                stored: text(stored),
                expected: text(&expected),
            });
        }
    }
    Ok(())
}
