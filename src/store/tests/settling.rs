//! Settlements that several servers keep at once, beside traffic, come to be what events and expectations say.

use std::sync::atomic::{AtomicBool, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::world::{On, World, deliver, fact, id, open};
use crate::order::{Currency, Expectation, Kind, Ledgers, Terms};
use crate::store::{Store, StoreError};

/// Short ones find more than a long one: what is written later heals what was wrong.
const SEEDS: u64 = 12;
const STEPS: u64 = 8;
const ORDERS: u64 = 3;

#[tokio::test]
async fn settlements_kept_by_two_servers_beside_traffic_end_as_events_and_expectations_say() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        world.store.note_changes(true, None).await.unwrap();
        // Another server; a SQLite file has one.
        let other = if on == On::Postgres { open(&world.url) } else { world.store.clone() };
        let ledgers: Ledgers = [(id("shop"), id("ledger"))].into_iter().collect();
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
        let expectations = [0, 1].map(|_| Expectation {
            order: id(&format!("order-{seed}-{}", random.random_range(0..ORDERS))),
            ledger: id("ledger"),
            revision: i64::try_from(step).unwrap(),
            terms: Terms {
                amount: random.random_range(0..3) * 1_000,
                currency: Currency::new("EUR").unwrap(),
                tolerance_under: 0,
                tolerance_over: 0,
                due_at: None,
                closed: false,
            },
        });
        store.state(&expectations).await.unwrap();
    }
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
