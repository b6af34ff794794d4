//! What the tests are written in: a store over either database, events in one line, deliveries that retry.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tempfile::TempDir;

use super::servers;
use crate::order::{
    self, About, Basis, Claim, Currency, Entry, Event, Evidence, Fact, Id, Key, Kind, Link, Member, Money,
    Order, REFUND_NOT_DONE, Receipt, Statement, UnixMicros, decide,
};
use crate::secret::Secret;
use crate::store::{By, Database, Role, Session, Store, StoreError, StoreSettings, Wanted};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    Postgres,
    Sqlite,
}

/// Connections of the tests' own.
pub(super) enum Hand {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// A migrated store of its own; the directory lives as long as the world.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) url: String,
    /// For statements by hand.
    pub(super) hand: Hand,
    _directory: Option<TempDir>,
}

impl World {
    pub(super) async fn new(on: On) -> Self {
        let world = Self::empty(on).await;
        world.store.migrate().await.unwrap();
        world
    }

    pub(super) async fn empty(on: On) -> Self {
        let (url, directory) = match on {
            On::Postgres => (servers::fresh_database().await, None),
            On::Sqlite => {
                let directory = TempDir::new().unwrap();
                (format!("sqlite://{}/paylatch.db", directory.path().display()), Some(directory))
            }
        };
        let store = open(&url);
        let hand = match &store.database {
            Database::Postgres(_) => Hand::Postgres(PgPool::connect_lazy(&url).unwrap()),
            Database::Sqlite(own) => Hand::Sqlite(own.pool.clone()),
        };
        Self { store, url, hand, _directory: directory }
    }

    /// Runs statements by hand.
    pub(super) async fn sql(&self, sql: &str) {
        self.try_sql(sql).await.unwrap();
    }

    /// Runs statements that the database may refuse.
    pub(super) async fn try_sql(&self, sql: &str) -> sqlx::Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.hand {
            Hand::Postgres(own) => sqlx::raw_sql(sql).execute(own).await.map(drop),
            Hand::Sqlite(own) => sqlx::raw_sql(sql).execute(own).await.map(drop),
        }
    }

    /// One number.
    pub(super) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.hand {
            Hand::Postgres(own) => sqlx::query_scalar(sql).fetch_one(own).await.unwrap(),
            Hand::Sqlite(own) => sqlx::query_scalar(sql).fetch_one(own).await.unwrap(),
        }
    }

    pub(super) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.hand {
            Hand::Postgres(own) => sqlx::query_scalar(sql).fetch_all(own).await.unwrap(),
            Hand::Sqlite(own) => sqlx::query_scalar(sql).fetch_all(own).await.unwrap(),
        }
    }

    /// All rows that deliveries determine, as text.
    pub(super) async fn rows(&self) -> Rows {
        type PaymentColumns = (String, String, String, String);
        type Stored = (Vec<OrderColumns>, Vec<PaymentColumns>, Vec<(String, String)>);
        #[allow(clippy::type_complexity, reason = "it is the row of a table")]
        type OrderColumns = (
            String,
            String,
            String,
            Option<String>,
            i64,
            i64,
            i64,
            i64,
            i64,
            i64,
            Option<String>,
            String,
            UnixMicros,
            UnixMicros,
        );
        const ORDERS: &str =
            "select source, order_id, status, currency, authorized, reserved, captured, refunded, disputed, lost, anomaly,
                                     cast(anomalies as text), first_event_at, last_event_at from orders";
        const PAYMENTS: &str = "select source, payment_id, order_id, link from payments";
        const EVENTS: &str = "select source, event_id from events";
        let (orders, payments, events): Stored = match &self.hand {
            Hand::Postgres(own) => (
                sqlx::query_as(ORDERS).fetch_all(own).await.unwrap(),
                sqlx::query_as(PAYMENTS).fetch_all(own).await.unwrap(),
                sqlx::query_as(EVENTS).fetch_all(own).await.unwrap(),
            ),
            Hand::Sqlite(own) => (
                sqlx::query_as(ORDERS).fetch_all(own).await.unwrap(),
                sqlx::query_as(PAYMENTS).fetch_all(own).await.unwrap(),
                sqlx::query_as(EVENTS).fetch_all(own).await.unwrap(),
            ),
        };
        Rows {
            orders: orders
                .into_iter()
                .map(|(source, id, status, currency, a, s, c, r, d, l, anomaly, anomalies, first, last)| {
                    let (currency, anomaly) = (currency.unwrap_or_default(), anomaly.unwrap_or_default());
                    let anomalies: serde_json::Value = serde_json::from_str(&anomalies).unwrap();
                    let sums = format!("{a} {s} {c} {r} {d} {l}");
                    let row =
                        format!("{status} {currency} {sums} {anomaly} {anomalies} {} {}", first.0, last.0);
                    (format!("{source}/{id}"), row)
                })
                .collect(),
            payments: payments
                .into_iter()
                .map(|(source, id, order, link)| (format!("{source}/{id}"), format!("{order} {link}")))
                .collect(),
            events: events
                .into_iter()
                .map(|(source, id)| (format!("{source}/{id}"), String::new()))
                .collect(),
        }
    }
}

pub(super) fn open(url: &str) -> Store {
    Store::open(&StoreSettings {
        call_timeout: Duration::from_secs(10),
        ..StoreSettings::new(Secret::new(url))
    })
    .unwrap()
}

/// Rows by key.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) orders: BTreeMap<String, String>,
    pub(super) payments: BTreeMap<String, String>,
    pub(super) events: BTreeMap<String, String>,
}

impl Rows {
    /// The rows that a set of events comes to, folded from scratch.
    pub(super) fn expected(events: &[Event]) -> Self {
        let mut rows = Self::default();
        let mut payments: BTreeMap<Key, Vec<Entry>> = BTreeMap::new();
        for event in events {
            rows.events.insert(event.key().to_string(), String::new());
            if let (Some(payment), Some(entry)) = (event.payment_key(), Entry::of(event)) {
                payments.entry(payment).or_default().push(entry);
            }
        }
        let mut orders: BTreeMap<Key, Vec<Member<'_>>> = BTreeMap::new();
        for (payment, entries) in &payments {
            let link = Link::learned(&payment.id, entries);
            rows.payments.insert(payment.to_string(), format!("{} {}", link.order, link.standing));
            let member = Member { payment: &payment.id, entries };
            orders.entry(payment.sibling(&link.order)).or_default().push(member);
        }
        for (key, members) in orders {
            let order = Order::fold(&members).unwrap();
            let row = format!(
                "{} {} {} {} {} {} {} {} {} {} {} {}",
                order.status,
                order.currency.map(|currency| currency.to_string()).unwrap_or_default(),
                order.authorized,
                order.reserved,
                order.captured,
                order.refunded,
                order.disputed,
                order.lost,
                order.anomaly().map(|anomaly| anomaly.to_string()).unwrap_or_default(),
                order.anomalies_json(),
                order.first_event_at.0,
                order.last_event_at.0
            );
            rows.orders.insert(key.to_string(), row);
        }
        rows
    }
}

/// One delivery: load, decide, save.
pub(super) async fn once(session: &mut Session, events: &[&Event]) -> Result<Vec<Receipt>, StoreError> {
    let snapshot = session.load(&Wanted::of(events)).await?;
    let (receipts, changes) = decide(snapshot, events);
    if !changes.is_empty() {
        session.save(&changes).await?;
    }
    Ok(receipts)
}

/// Delivers until it is acknowledged.
pub(super) async fn deliver(session: &mut Session, events: &[&Event]) -> Vec<Receipt> {
    loop {
        match once(session, events).await {
            Ok(receipts) => return receipts,
            Err(StoreError::Stale(_) | StoreError::Unavailable(_) | StoreError::Unknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Whoever acts in the tests.
pub(super) fn clerk(note: Option<&str>) -> By {
    By::new("a clerk", Role::Shell, note, UnixMicros(1_700_000_000_000_000)).unwrap()
}

pub(super) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// A fact of 10.00 EUR at second `at` that names `order`, if any.
pub(super) fn fact(event: &str, payment: &str, kind: Kind, at: i64, order: Option<(&str, i16)>) -> Event {
    stated(event, payment, (kind, payment, 1000, Basis::Own), at, order)
}

/// A fact spelled out: kind, reference, amount, basis.
pub(super) fn stated(
    event: &str,
    payment: &str,
    (kind, reference, amount, basis): (Kind, &str, i64, Basis),
    at: i64,
    order: Option<(&str, i16)>,
) -> Event {
    let money = Money { amount, currency: Currency::new("EUR").unwrap() };
    let fact = Fact { kind, reference: id(reference), money: Some(money), basis };
    put(event, payment, Statement::Fact(fact), at, order)
}

pub(super) fn noted(event: &str, payment: &str, at: i64, order: Option<(&str, i16)>) -> Event {
    put(event, payment, Statement::Noted("tells nothing of money".to_owned()), at, order)
}

/// What tells of a refund that may still fail.
/// Of a refund that the event names, or of one that it does not.
pub(super) fn refund_not_done(event: &str, payment: &str, refund: Option<&str>, at: i64) -> Event {
    let reason =
        refund.map_or_else(|| REFUND_NOT_DONE.to_owned(), |refund| order::refund_not_done(&id(refund)));
    put(event, payment, Statement::Noted(reason), at, None)
}

fn put(event: &str, payment: &str, statement: Statement, at: i64, order: Option<(&str, i16)>) -> Event {
    let claim = order.map(|(order, rank)| Claim { order: id(order), rank });
    let body = format!("{event} {payment} {statement:?} {at} {claim:?}");
    Event::new(
        Key { id: id(event), source: id("shop") },
        ("test".to_owned(), UnixMicros(at * 1_000_000)),
        About { payment: Some(id(payment)), account: None },
        statement,
        claim,
        evidence(body),
    )
}

pub(super) fn evidence(body: String) -> Evidence {
    static CLOCK: AtomicI64 = AtomicI64::new(1_700_000_000_123_456);
    Evidence {
        body_sha256: Sha256::digest(&body).into(),
        body: Bytes::from(body),
        headers: r#"{"x-test":"1"}"#.to_owned(),
        received_at: UnixMicros(CLOCK.fetch_add(1, Ordering::Relaxed)),
        read_by: Some(1),
    }
}
