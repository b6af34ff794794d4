//! Recomputes `payments` and `orders` from `events`, compares, and puts back what differs.
//!
//! The comparison is one statement in one snapshot and holds one order at a time. A repair goes through the lanes' own
//! save: links first, then every order that they touch, each against the version that was read.

mod group;
mod line;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::Connection;

use self::group::Group;
use self::line::Line;
use super::QUERY_MAX;
use crate::order::{Changes, Id, Key, Link, Member, Order, Relink, Rewrite};
use crate::store::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use crate::store::{Database, Session, Store, StoreError, Wanted, within};

/// Differences that one audit lists; it stops there.
pub const DIFFERENCES_MAX: usize = 10_000;
/// How often the refolding of one order starts over when lanes write it too.
const REFOLD_ATTEMPTS_MAX: u32 = 20;
/// How often a repair compares again, each time for as many differences as one audit lists.
const REPAIR_PASSES_MAX: u32 = 1000;
/// How long the next row of the comparison may take; the first one waits until the database has sorted all events.
const ROW_TIMEOUT: Duration = Duration::from_mins(10);
/// How long the whole comparison may take in the database.
const AUDIT_MAX: Duration = Duration::from_hours(24);

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Rows that are not what the events come to, at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
    /// Rows of `orders`.
    pub orders: i64,
    /// Rows of `payments`.
    pub payments: i64,
    /// Rows of `events`.
    pub events: i64,
    /// Events whose body was purged: what was read from them stands, but cannot be read again.
    pub unverifiable: i64,
}

/// One column, or a whole row, that is not what the events come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `orders` or `payments`.
    pub table: &'static str,
    /// `source/id`.
    pub key: String,
    /// The column; `row` when the row is missing or should not be there.
    pub column: &'static str,
    /// What is stored.
    pub stored: Option<String>,
    /// What it should be.
    pub expected: Option<String>,
}

impl Audit {
    /// What putting right the row of `key` changes, as it is kept.
    fn repair_of(&self, kind: ActionKind, key: &Key) -> Action {
        let table = if kind == ActionKind::RepairPayment { "payments" } else { "orders" };
        let name = key.to_string();
        let differences =
            || self.differences.iter().filter(|found| found.table == table && found.key == name);
        let columns = |value: fn(&Difference) -> &Option<String>| {
            let columns = differences().map(|found| (found.column.to_owned(), json!(value(found))));
            Some(Value::Object(columns.collect())).filter(|_| differences().next().is_some())
        };
        let (before, after) = (columns(|found| &found.stored), columns(|found| &found.expected));
        Action { kind, source: Some(key.source.clone()), target: key.id.to_string(), before, after }
    }
}

impl Store {
    /// Compares every payment and order with what the events say.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&self) -> Result<Audit, StoreError> {
        Ok(self.compare().await?.0)
    }

    /// The same, and puts right what differs. Answers what was found first, before any repair.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Stale`] when rows were written faster than they could be repaired.
    pub async fn repair(&self, by: &By) -> Result<Audit, StoreError> {
        let (audit, mut wrong) = self.compare().await?;
        let mut session = self.session();
        let mut latest = audit.clone();
        for _ in 0..REPAIR_PASSES_MAX {
            if wrong.is_empty() {
                return Ok(audit);
            }
            for payment in &wrong.payments {
                let action = latest.repair_of(ActionKind::RepairPayment, &payment.payment);
                self.relink(&mut session, payment, (by, &action)).await?;
            }
            for order in &wrong.orders {
                let action = latest.repair_of(ActionKind::RepairOrder, order);
                refold(&mut session, order, (by, &action)).await?;
            }
            (latest, wrong) = self.compare().await?;
        }
        Err(StoreError::Stale("rows that are written faster than they can be repaired".to_owned()))
    }

    async fn compare(&self) -> Result<(Audit, Wrong), StoreError> {
        const SNAPSHOT: &str = "begin isolation level repeatable read read only";
        match &self.database {
            Database::Postgres(own) => {
                let mut transaction = own.lists.begin_as(SNAPSHOT, AUDIT_MAX).await?;
                let totals = sqlx::query_as(TOTALS).fetch_one(transaction.statements()).await?;
                let rows = sqlx::query_as(include_str!("audit.sql")).fetch(transaction.statements());
                let compared = compare(totals, rows).await?;
                transaction.commit().await?;
                Ok(compared)
            }
            Database::Sqlite(own) => {
                let mut connection = own.pool.acquire().await?;
                let mut transaction = connection.begin().await?;
                let totals = sqlx::query_as(TOTALS).fetch_one(&mut *transaction).await?;
                let rows = sqlx::query_as(include_str!("audit.sql")).fetch(&mut *transaction);
                compare(totals, rows).await
            }
        }
    }

    /// Makes a payment's row what it should be, if it is still what the audit saw.
    async fn relink(
        &self,
        session: &mut Session,
        wrong: &WrongLink,
        kept: (&By, &Action),
    ) -> Result<(), StoreError> {
        const REMOVE: &str = "delete from payments where payment_id = $1 and source = $2 and order_id = $3";
        let payment = &wrong.payment;
        match (&wrong.was, &wrong.link) {
            (was, Some(link)) => {
                let relink = Relink { payment: payment.clone(), was: was.clone(), link: link.clone() };
                let changes = Changes { payments: vec![relink], ..Changes::default() };
                match session.save_for(&changes, kept).await {
                    // A lane wrote the row in the meantime, from the same events.
                    Err(StoreError::Stale(_)) => Ok(()),
                    other => other,
                }
            }
            (Some(was), None) => {
                let (by, action) = kept;
                let removed = |rows: &u64| (*rows > 0).then(|| action.clone());
                act_on_either!(self, QUERY_MAX, by, connection => {
                    sqlx::query(REMOVE)
                        .bind(payment.id.as_str())
                        .bind(payment.source.as_str())
                        .bind(was.as_str())
                        .execute(connection)
                        .await?
                        .rows_affected()
                }, removed);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }
}

/// Folds an order again from everything that belongs to it now, and writes it with a new version.
async fn refold(session: &mut Session, order: &Key, kept: (&By, &Action)) -> Result<(), StoreError> {
    for _ in 0..REFOLD_ATTEMPTS_MAX {
        let snapshot = session.load(&Wanted { orders: vec![order.clone()], ..Wanted::default() }).await?;
        let members: Vec<Member<'_>> = snapshot
            .links
            .iter()
            .filter(|(payment, link)| payment.sibling(&link.order) == *order)
            .filter_map(|(payment, _)| {
                let entries = snapshot.entries.get(payment)?;
                Some(Member { payment: &payment.id, entries })
            })
            .collect();
        let read = snapshot.versions.get(order).copied();
        let row = Order::fold(&members);
        if read.is_none() && row.is_none() {
            return Ok(());
        }
        let changes =
            Changes { orders: vec![Rewrite { order: order.clone(), read, row }], ..Changes::default() };
        match session.save_for(&changes, kept).await {
            Err(StoreError::Stale(_)) => {}
            other => return other,
        }
    }
    Err(StoreError::Stale(format!("order {order} is written faster than it can be repaired")))
}

const TOTALS: &str = "
    select (select count(*) from orders), (select count(*) from payments), count(*), count(*) - count(payload) from events";

/// What a repair has to write.
#[derive(Default)]
struct Wrong {
    payments: Vec<WrongLink>,
    orders: BTreeSet<Key>,
}

impl Wrong {
    fn is_empty(&self) -> bool {
        self.payments.is_empty() && self.orders.is_empty()
    }
}

struct WrongLink {
    payment: Key,
    was: Option<Id>,
    link: Option<Link>,
}

async fn compare(
    (orders, payments, events, unverifiable): (i64, i64, i64, i64),
    mut rows: impl Stream<Item = Result<Line, sqlx::Error>> + Unpin,
) -> Result<(Audit, Wrong), StoreError> {
    let mut audit = Audit { differences: Vec::new(), orders, payments, events, unverifiable };
    let mut wrong = Wrong::default();
    let mut group: Option<Group> = None;
    while let Some(line) = within(ROW_TIMEOUT, async { Ok(rows.next().await) }).await? {
        let line = line?;
        let order = line.order().ok_or_else(|| unreadable(&line))?;
        if let Some(done) = group.take_if(|group| *group.order() != order) {
            done.compare(&mut audit.differences, &mut wrong);
            if audit.differences.len() >= DIFFERENCES_MAX {
                return Ok((audit, wrong));
            }
        }
        group.get_or_insert_with(|| Group::new(order)).add(&line).ok_or_else(|| unreadable(&line))?;
    }
    if let Some(last) = group {
        last.compare(&mut audit.differences, &mut wrong);
    }
    Ok((audit, wrong))
}

fn unreadable(line: &Line) -> StoreError {
    let name = &line.order_id;
    StoreError::Misconfigured(format!(
        "what is stored of order {name} holds a value that this version cannot read"
    ))
}
