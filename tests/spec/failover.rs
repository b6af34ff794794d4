//! A database that takes another's place and lacks its last commits: what is sent again is stored again, and it is told.

use std::time::Duration;

use tokio::time::sleep;

use crate::webhooks::payment;
use crate::world::{Plan, World};

#[tokio::test]
async fn an_event_that_a_failover_lost_is_stored_again_when_it_is_sent_again_to_a_quiet_service() {
    let mut world = Plan::postgres().owning_servers().start().await;
    let [kept, lost] = ["pi_kept", "pi_lost"].map(|id| payment(id).of_order(id).succeeded());
    world.send(&kept).await;
    let copy = copy_of_the_data(&mut world).await;
    assert_eq!(world.deliver(&lost).await.outcome(), "applied");
    assert_eq!(world.send(&lost).await.outcome(), "duplicate");
    // Once a second an event is remembered by which the next server is known to lack some.
    sleep(Duration::from_millis(1_200)).await;

    put_in_place(&mut world, copy).await;
    // Nobody sends anything while the server is replaced: no lane meets its dead connection.
    world.replicas[0].says("lacks acknowledged events").await;

    assert_eq!(world.deliver(&lost).await.outcome(), "applied");
    assert!(world.event(&lost.id).await.is_some());
    assert_eq!(world.money("pi_lost").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    assert_eq!(world.send(&kept).await.outcome(), "duplicate");
    let since = world.replicas[0].metric("paylatch_events_missing_since_seconds", &[]).await;
    assert!(since > 1_700_000_000.0, "it is told since when events are missing: {since}");
    world.audit_is_clean().await;
}

/// A standby as of now, made as a backup is.
async fn copy_of_the_data(world: &mut World) -> std::path::PathBuf {
    let postgres = world.postgres.as_mut().unwrap();
    postgres.crash();
    let copy = postgres.copy_data();
    postgres.start_again().await;
    copy
}

/// The primary dies, and the standby is promoted at the same address.
async fn put_in_place(world: &mut World, copy: std::path::PathBuf) {
    let postgres = world.postgres.as_mut().unwrap();
    postgres.crash();
    postgres.replace_data(&copy);
    postgres.start_again().await;
}
