//! Looking at the data: it neither waits for ever, nor keeps others waiting, nor goes on when nobody listens.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::world::{Hand, On, World, deliver, fact};
use crate::order::Kind;
use crate::store::{EventFilter, OrderFilter, StoreError};

/// Questions that the server works at.
const ASKED: &str = "
    select count(*) from pg_stat_activity
     where datname = current_database() and state = 'active' and query like '%from orders%' and pid <> pg_backend_pid()";

/// Those that wait for another's lock.
const WAITING: &str = "
    select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

#[tokio::test]
async fn lists_that_wait_keep_neither_webhooks_nor_the_check_waiting() {
    let world = World::new(On::Postgres).await;
    let Hand::Postgres(hand) = &world.hand else { panic!("a Postgres") };
    let mut blocker = hand.begin().await.unwrap();
    sqlx::query("lock table event_acknowledgements in access exclusive mode")
        .execute(&mut *blocker)
        .await
        .unwrap();
    let lists: Vec<_> = (0..2)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(
                async move { store.events(&EventFilter { limit: 1, ..EventFilter::default() }).await },
            )
        })
        .collect();
    while world.number(WAITING).await < 2 {
        sleep(Duration::from_millis(5)).await;
    }

    let began = Instant::now();
    world.store.check().await.unwrap();
    deliver(&mut world.store.session(), &[&fact("e1", "pay", Kind::Captured, 1, None)]).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());

    let third = world.store.events(&EventFilter { limit: 1, ..EventFilter::default() }).await;
    assert!(matches!(third, Err(StoreError::Busy(_))), "the database answers: {third:?}");
    blocker.rollback().await.unwrap();
    for list in lists {
        assert_eq!(list.await.unwrap().unwrap().rows.len(), 1);
    }
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_ends_in_the_database() {
    let world = World::new(On::Postgres).await;
    let Hand::Postgres(hand) = &world.hand else { panic!("a Postgres") };
    let mut blocker = hand.begin().await.unwrap();
    sqlx::query("lock table orders in access exclusive mode").execute(&mut *blocker).await.unwrap();
    let filter = OrderFilter { limit: 1, ..OrderFilter::default() };
    assert!(timeout(Duration::from_millis(300), world.store.orders(&filter)).await.is_err());

    let deadline = Instant::now() + Duration::from_secs(5);
    while world.number(ASKED).await > 0 {
        assert!(Instant::now() < deadline, "it goes on without its client");
        sleep(Duration::from_millis(20)).await;
    }
    blocker.rollback().await.unwrap();
    world.store.orders(&filter).await.unwrap();
}
