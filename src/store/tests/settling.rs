//! Settlements that several servers keep at once, beside traffic, come to be what events and expectations say.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::{Hand, On, World, deliver, evidence, fact, id, open};
use crate::order::{
    About, Basis, Claim, Currency, Event, Expectation, Fact, Key, Kind, Ledgers, Money, Statement, Terms,
    UnixMicros,
};
use crate::store::{Store, StoreError};

/// Short ones find more than a long one: what is written later heals what was wrong.
const SEEDS: u64 = 8;
const STEPS: u64 = 8;
const ORDERS: u64 = 3;

#[tokio::test]
async fn settlements_kept_by_two_servers_beside_traffic_end_as_events_and_expectations_say() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        world.store.note_changes(true, None).await.unwrap();
        // Another server; a SQLite file has one.
        let other = if on == On::Postgres { open(&world.url) } else { world.store.clone() };
        let ledgers = ledger_of(&["shop"]);
        for seed in 0..SEEDS {
            println!("seed {seed}");
            let is_over = AtomicBool::new(false);
            let traffic = async {
                tokio::join!(pay(&world.store, seed), state(&other, seed));
                is_over.store(true, Ordering::Relaxed);
            };
            let (first, second) =
                (settle(&world.store, &ledgers, &is_over), settle(&other, &ledgers, &is_over));
            tokio::join!(traffic, first, second);
            while world.store.settle(&ledgers).await.unwrap() {}

            assert_eq!(world.store.audit_settlements(&ledgers).await.unwrap(), [], "seed {seed}");
            assert_eq!(world.number("select count(*) from settlements where stale").await, 0, "seed {seed}");
        }
        assert!(world.number("select count(*) from settlements where settlement <> 'unpaid'").await > 0);
    }
}

async fn pay(store: &Store, seed: u64) {
    let mut session = store.session();
    let mut random = StdRng::seed_from_u64(seed);
    for step in 0..STEPS {
        let order = format!("order-{seed}-{}", random.random_range(0..ORDERS));
        let kind = if random.random_bool(0.3) { Kind::Refunded } else { Kind::Captured };
        let (event, payment) =
            (format!("e-{seed}-{step}"), format!("p-{seed}-{}", random.random_range(0..4)));
        deliver(&mut session, &[&fact(&event, &payment, kind, 1, Some((&order, 0)))]).await;
    }
}

async fn state(store: &Store, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed + 1_000);
    for step in 0..STEPS {
        let expectations = [0, 1].map(|_| {
            let order = format!("order-{seed}-{}", random.random_range(0..ORDERS));
            expectation(&order, i64::try_from(step).unwrap(), random.random_range(0..3) * 1_000)
        });
        store.state(&expectations).await.unwrap();
    }
}

fn expectation(order: &str, revision: i64, amount: i64) -> Expectation {
    let currency = Currency::new("EUR").unwrap();
    let terms =
        Terms { amount, currency, tolerance_under: 0, tolerance_over: 0, due_at: None, closed: false };
    Expectation { order: id(order), ledger: id("ledger"), revision, terms }
}

fn ledger_of(sources: &[&str]) -> Ledgers {
    sources.iter().map(|source| (id(source), id("ledger"))).collect()
}

/// As a server does; who is too busy does it later.
async fn settle(store: &Store, ledgers: &Ledgers, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        match store.settle(ledgers).await {
            Ok(_) | Err(StoreError::Busy(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// 10.00 EUR for `order`, by way of another source.
fn captured_by(source: &str, order: &str) -> Event {
    let money = Money { amount: 1_000, currency: Currency::new("EUR").unwrap() };
    let payment = id(&format!("p-{source}"));
    let fact =
        Fact { kind: Kind::Captured, reference: payment.clone(), money: Some(money), basis: Basis::Own };
    let key = Key { id: id(&format!("e-{source}")), source: id(source) };
    let about = About { payment: Some(payment), account: None };
    let claim = Claim { order: id(order), rank: 0 };
    let said = ("test".to_owned(), UnixMicros(1));
    Event::new(key, said, about, Statement::Fact(fact), Some(claim), evidence(source.to_owned()))
}

#[tokio::test]
async fn orders_are_settled_again_when_a_source_joins_their_ledger() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        world.store.note_changes(true, None).await.unwrap();
        world.store.state(&[expectation("order-1", 1, 2_000)]).await.unwrap();
        for source in ["shop", "second"] {
            deliver(&mut world.store.session(), &[&captured_by(source, "order-1")]).await;
        }
        for (sources, captured) in [(&["shop"][..], 1_000), (&["shop", "second"], 2_000)] {
            while world.store.settle(&ledger_of(sources)).await.unwrap() {}
            assert_eq!(world.number("select captured from settlements").await, captured, "{sources:?}");
        }
    }
}

/// It stood still between its reading and its writing, and another took the same step with what came since.
#[tokio::test]
async fn a_server_that_was_overtaken_in_its_step_writes_nothing() {
    let world = World::new(On::Postgres).await;
    let Hand::Postgres(hand) = &world.hand else { panic!("a Postgres") };
    world.store.note_changes(true, None).await.unwrap();
    world.store.state(&[expectation("order-1", 1, 2_000)]).await.unwrap();
    while world.store.settle(&ledger_of(&["shop"])).await.unwrap() {}
    deliver(&mut world.store.session(), &[&captured_by("shop", "order-1")]).await;

    let mut faster = hand.begin().await.unwrap();
    sqlx::query("update settlement_progress set step = step + 1").execute(&mut *faster).await.unwrap();
    let store = world.store.clone();
    let slower = tokio::spawn(async move { store.settle(&ledger_of(&["shop"])).await });
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while world.number(waiting).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    sqlx::query("update settlements set captured = 7").execute(&mut *faster).await.unwrap();
    faster.commit().await.unwrap();

    slower.await.unwrap().unwrap();
    assert_eq!(world.number("select captured from settlements").await, 7);
}

#[tokio::test]
async fn settling_begins_anew_when_changes_were_cleared_from_the_log_before_they_were_read() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        world.store.note_changes(true, None).await.unwrap();
        world.store.state(&[expectation("order-1", 1, 2_000)]).await.unwrap();
        let ledgers = ledger_of(&["shop", "second"]);
        for (source, captured) in [("shop", 1_000), ("second", 2_000)] {
            deliver(&mut world.store.session(), &[&captured_by(source, "order-1")]).await;
            if source == "second" {
                let later = UnixMicros(crate::http::received_now().0 + 60_000_000);
                while world.store.clear_changes(later).await.unwrap() > 0 {}
            }
            while world.store.settle(&ledgers).await.unwrap() {}
            assert_eq!(world.number("select captured from settlements").await, captured, "{on:?}");
        }
    }
}

#[tokio::test]
async fn a_paid_order_of_which_nothing_was_stated_is_unexpected_after_a_while() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        let events = [
            fact("e1", "p1", Kind::Captured, 1, Some(("order-0-0", 0))),
            fact("e2", "p2", Kind::Captured, 1, Some(("forgotten", 0))),
            fact("e3", "p3", Kind::Authorized, 1, Some(("held", 0))),
        ];
        deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;
        let later = |minutes: i64| UnixMicros(events[2].evidence().received_at.0 + minutes * 60_000_000);
        let unexpected =
            async |minutes| world.store.unexpected(&id("shop"), &id("ledger"), later(minutes)).await.unwrap();
        assert!(!world.store.is_stated_in(&id("ledger")).await.unwrap());
        assert_eq!(unexpected(16).await, 2);

        world.store.state(&[expectation("order-0-0", 0, 1_000)]).await.unwrap();
        assert!(world.store.is_stated_in(&id("ledger")).await.unwrap());
        assert_eq!(unexpected(14).await, 0, "the shop may state it later than the money comes");
        assert_eq!(unexpected(16).await, 1);
    }
}
