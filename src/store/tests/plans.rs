//! Plans that a session keeps: right for the size that the tables have, not for the one that they had.

use std::time::{Duration, Instant};

use super::world::{On, World, deliver, fact};
use crate::order::{Event, Kind};

const BATCHES: i64 = 40;
const EVENTS: i64 = 32;

#[tokio::test]
async fn tables_that_were_analysed_while_empty_are_looked_up_by_key_once_they_grow() {
    let world = World::new(On::Postgres).await;
    world.sql("analyze events, payments, orders").await;
    let mut session = world.store.session();
    for batch in 0..BATCHES {
        let event = |n| {
            let number = batch * EVENTS + n;
            fact(&format!("evt_{number}"), &format!("pi_{number}"), Kind::Captured, 10, None)
        };
        let events: Vec<Event> = (0..EVENTS).map(event).collect();
        deliver(&mut session, &events.iter().collect::<Vec<_>>()).await;
    }
    // A session tells what it read when it ends.
    drop(session);
    let read = |what: &str| {
        format!(
            "select coalesce(sum({what}), 0)::int8 from pg_stat_user_indexes where indexrelname = 'payments_pkey'"
        )
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.number(&read("idx_scan")).await < BATCHES {
        assert!(Instant::now() < deadline, "the session's figures never came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let entries = world.number(&read("idx_tup_read")).await;
    assert!(entries < BATCHES * EVENTS, "{entries} entries read to look {} keys up", BATCHES * EVENTS);
}
