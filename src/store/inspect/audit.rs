//! Recomputes `payments` and `orders` from `events`, compares, and puts back what differs.
//!
//! The comparison is one statement in one snapshot and holds one order at a time. A repair goes through the lanes' own
//! save: links first, then every order that they touch, each against the version that was read.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{Stream, StreamExt};
use serde::Serialize;
use sqlx::{ColumnIndex, Connection, Decode, FromRow, Row, Type};

use super::on_either;
use crate::order::{Changes, Entry, Id, Key, Link, Order, Relink, Rewrite, UnixMicros};
use crate::store::{Database, Session, Store, StoreError, Wanted, link_word, snapshot};

/// Differences that one audit lists; it stops there.
pub const DIFFERENCES_MAX: usize = 10_000;
/// How often a repair starts over when lanes write the same orders.
const REPAIR_ATTEMPTS_MAX: u32 = 20;

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

impl Store {
    /// Compares every payment and order with what the events say; `repair` puts right what differs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(&self, repair: bool) -> Result<Audit, StoreError> {
        let (audit, wrong) = self.compare().await?;
        if repair {
            let mut session = self.session();
            for payment in &wrong.payments {
                self.relink(&mut session, payment).await?;
            }
            for order in &wrong.orders {
                refold(&mut session, order).await?;
            }
        }
        Ok(audit)
    }

    async fn compare(&self) -> Result<(Audit, Wrong), StoreError> {
        const SNAPSHOT: &str = "begin isolation level repeatable read read only";
        match &self.database {
            Database::Postgres(own) => {
                let mut connection = own.pool.acquire().await?;
                let mut transaction = connection.begin_with(SNAPSHOT).await?;
                let totals = sqlx::query_as(TOTALS).fetch_one(&mut *transaction).await?;
                let rows = sqlx::query_as(include_str!("audit.sql")).fetch(&mut *transaction);
                compare(totals, rows).await
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
    async fn relink(&self, session: &mut Session, wrong: &WrongLink) -> Result<(), StoreError> {
        const REMOVE: &str = "delete from payments where payment_id = $1 and source = $2 and order_id = $3";
        let payment = &wrong.payment;
        match (&wrong.was, &wrong.link) {
            (was, Some(link)) => {
                let relink = Relink { payment: payment.clone(), was: was.clone(), link: link.clone() };
                let changes = Changes { payments: vec![relink], ..Changes::default() };
                match session.save(&changes).await {
                    // A lane wrote the row in the meantime, from the same events.
                    Err(StoreError::Raced(_)) => Ok(()),
                    other => other,
                }
            }
            (Some(was), None) => {
                on_either!(self, pool => {
                    sqlx::query(REMOVE)
                        .bind(payment.id.as_str())
                        .bind(payment.source.as_str())
                        .bind(was.as_str())
                        .execute(pool)
                        .await?;
                });
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }
}

/// Folds an order again from everything that belongs to it now, and writes it with a new version.
async fn refold(session: &mut Session, order: &Key) -> Result<(), StoreError> {
    for _ in 0..REPAIR_ATTEMPTS_MAX {
        let snapshot = session.load(&Wanted { orders: vec![order.clone()], ..Wanted::default() }).await?;
        let members: Vec<&[Entry]> = snapshot
            .links
            .iter()
            .filter(|(payment, link)| payment.sibling(&link.order) == *order)
            .filter_map(|(payment, _)| snapshot.entries.get(payment).map(Vec::as_slice))
            .collect();
        let read = snapshot.versions.get(order).copied();
        let row = Order::fold(&members);
        if read.is_none() && row.is_none() {
            return Ok(());
        }
        let changes =
            Changes { orders: vec![Rewrite { order: order.clone(), read, row }], ..Changes::default() };
        match session.save(&changes).await {
            Err(StoreError::Raced(_)) => {}
            other => return other,
        }
    }
    Err(StoreError::Raced(format!("order {order} is written faster than it can be repaired")))
}

const TOTALS: &str = "
    select (select count(*) from orders), (select count(*) from payments), count(*), count(*) - count(payload) from events";

/// What a repair has to write.
#[derive(Default)]
struct Wrong {
    payments: Vec<WrongLink>,
    orders: BTreeSet<Key>,
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
    while let Some(line) = rows.next().await {
        let line = line?;
        let key = line.key().ok_or_else(|| unreadable(&line))?;
        if let Some(done) = group.take_if(|group| group.order != key) {
            done.compare(&mut audit.differences, &mut wrong);
            if audit.differences.len() >= DIFFERENCES_MAX {
                return Ok((audit, wrong));
            }
        }
        let group = group.get_or_insert_with(|| Group::new(key));
        let name = line.order_id.clone();
        group.add(line).ok_or_else(|| {
            StoreError::Unfit(format!("order {name} holds a value that this version cannot read"))
        })?;
    }
    if let Some(last) = group {
        last.compare(&mut audit.differences, &mut wrong);
    }
    Ok((audit, wrong))
}

fn unreadable(line: &Line) -> StoreError {
    StoreError::Unfit(format!("order {} holds a value that this version cannot read", line.order_id))
}

/// One order: its row, and the payments that belong to it or say that they do.
struct Group {
    order: Key,
    stored: Option<Columns>,
    payments: BTreeMap<Id, Member>,
}

struct Member {
    stored: Option<(Id, String)>,
    entries: Vec<Entry>,
}

/// An order's columns as text, in the order of [`COLUMNS`].
type Columns = [Option<String>; 9];
const COLUMNS: [&str; 9] = [
    "status",
    "currency",
    "authorized",
    "captured",
    "refunded",
    "disputed",
    "anomaly",
    "first_event_at",
    "last_event_at",
];

impl Group {
    fn new(order: Key) -> Self {
        Self { order, stored: None, payments: BTreeMap::new() }
    }

    fn add(&mut self, line: Line) -> Option<()> {
        if line.tag == 1 {
            self.stored = Some(line.columns());
            return Some(());
        }
        let payment = Id::new(line.payment_id.as_deref()?).ok()?;
        let stored = match (&line.stored_order, &line.stored_link) {
            (Some(order), Some(link)) => Some((Id::new(order).ok()?, link.clone())),
            _ => None,
        };
        let member = self.payments.entry(payment).or_insert_with(|| Member { stored, entries: Vec::new() });
        if line.tag == 2 {
            member.entries.push(line.entry()?);
        }
        Some(())
    }

    fn compare(self, differences: &mut Vec<Difference>, wrong: &mut Wrong) {
        for (id, member) in &self.payments {
            self.compare_link(&self.order.sibling(id), member, differences, wrong);
        }
        let members: Vec<&[Entry]> = self
            .payments
            .values()
            .map(|member| member.entries.as_slice())
            .filter(|own| !own.is_empty())
            .collect();
        let expected = Order::fold(&members).as_ref().map(columns);
        let found = differences.len();
        match (&self.stored, &expected) {
            (Some(stored), Some(expected)) => {
                for ((column, stored), expected) in COLUMNS.iter().zip(stored).zip(expected) {
                    if stored != expected {
                        differences.push(self.differs(column, stored.clone(), expected.clone()));
                    }
                }
            }
            (None, None) => {}
            (stored, expected) => {
                let status =
                    |columns: &Option<Columns>| columns.as_ref().and_then(|columns| columns[0].clone());
                differences.push(self.differs("row", status(stored), status(expected)));
            }
        }
        if differences.len() > found {
            wrong.orders.insert(self.order);
        }
    }

    fn compare_link(&self, key: &Key, member: &Member, differences: &mut Vec<Difference>, wrong: &mut Wrong) {
        let expected = (!member.entries.is_empty()).then(|| Link::learned(key, &member.entries));
        let expected_words = expected.as_ref().map(|link| (link.order.clone(), link_word(link).to_owned()));
        if member.stored == expected_words {
            return;
        }
        let show =
            |words: &Option<(Id, String)>| words.as_ref().map(|(order, link)| format!("{order} ({link})"));
        differences.push(Difference {
            table: "payments",
            key: key.to_string(),
            column: if member.stored.is_some() && expected.is_some() { "order_id" } else { "row" },
            stored: show(&member.stored),
            expected: show(&expected_words),
        });
        let orders = member.stored.iter().chain(&expected_words).map(|(order, _)| key.sibling(order));
        wrong.orders.extend(orders);
        let was = member.stored.as_ref().map(|(order, _)| order.clone());
        wrong.payments.push(WrongLink { payment: key.clone(), was, link: expected });
    }

    fn differs(&self, column: &'static str, stored: Option<String>, expected: Option<String>) -> Difference {
        Difference { table: "orders", key: self.order.to_string(), column, stored, expected }
    }
}

fn columns(order: &Order) -> Columns {
    [
        Some(order.status.to_string()),
        order.currency.map(|currency| currency.to_string()),
        Some(order.authorized.to_string()),
        Some(order.captured.to_string()),
        Some(order.refunded.to_string()),
        Some(order.disputed.to_string()),
        order.anomaly.map(|anomaly| anomaly.to_string()),
        time(Some(order.first_event_at)),
        time(Some(order.last_event_at)),
    ]
}

fn time(at: Option<UnixMicros>) -> Option<String> {
    at.and_then(|at| crate::store::moment::rfc3339(at).ok())
}

/// A row of `audit.sql`.
struct Line {
    tag: i32,
    order_id: String,
    source: String,
    payment_id: Option<String>,
    event_id: Option<String>,
    kind: Option<String>,
    reference: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    cumulative: Option<bool>,
    order_claim: Option<String>,
    claim_rank: Option<i16>,
    at: Option<UnixMicros>,
    until: Option<UnixMicros>,
    stored_order: Option<String>,
    stored_link: Option<String>,
    status: Option<String>,
    sums: [Option<i64>; 4],
    anomaly: Option<String>,
}

impl Line {
    fn key(&self) -> Option<Key> {
        Some(Key { id: Id::new(&self.order_id).ok()?, source: Id::new(&self.source).ok()? })
    }

    fn columns(self) -> Columns {
        let [authorized, captured, refunded, disputed] = self.sums.map(|sum| sum.map(|sum| sum.to_string()));
        let (first, last) = (time(self.at), time(self.until));
        [self.status, self.currency, authorized, captured, refunded, disputed, self.anomaly, first, last]
    }

    fn entry(self) -> Option<Entry> {
        Some(Entry {
            event: Id::new(self.event_id.as_deref()?).ok()?,
            occurred_at: self.at?,
            fact: snapshot::fact(self.kind, self.reference, self.amount, self.currency, self.cumulative)?,
            claim: snapshot::claim(self.order_claim, self.claim_rank)?,
        })
    }
}

impl<'r, R> FromRow<'r, R> for Line
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    i16: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            tag: row.try_get("tag")?,
            order_id: row.try_get("order_id")?,
            source: row.try_get("source")?,
            payment_id: row.try_get("payment_id")?,
            event_id: row.try_get("event_id")?,
            kind: row.try_get("kind")?,
            reference: row.try_get("reference")?,
            amount: row.try_get("amount")?,
            currency: row.try_get("currency")?,
            cumulative: row.try_get("cumulative")?,
            order_claim: row.try_get("order_claim")?,
            claim_rank: row.try_get("claim_rank")?,
            at: row.try_get("at")?,
            until: row.try_get("until")?,
            stored_order: row.try_get("stored_order")?,
            stored_link: row.try_get("stored_link")?,
            status: row.try_get("status")?,
            sums: [
                row.try_get("authorized")?,
                row.try_get("captured")?,
                row.try_get("refunded")?,
                row.try_get("disputed")?,
            ],
            anomaly: row.try_get("anomaly")?,
        })
    }
}
