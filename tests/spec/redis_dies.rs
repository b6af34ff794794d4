//! Redis may die, or freeze: without it slower, still right, still 2xx.

use crate::load::{Delivery, Traffic, under_load};
use crate::servers::{Redis, eventually};
use crate::webhooks::payment;
use crate::world::{Plan, World};

#[tokio::test]
async fn events_are_acknowledged_while_redis_is_killed_and_started_again() {
    every_event_is_acknowledged_while(async |redis, traffic| {
        redis.kill();
        traffic.goes_on_for(200).await;
        redis.start_again().await;
        traffic.goes_on_for(200).await;
    })
    .await;
}

#[tokio::test]
async fn events_are_acknowledged_while_redis_is_frozen() {
    every_event_is_acknowledged_while(async |redis, traffic| {
        redis.freeze();
        traffic.goes_on_for(200).await;
        redis.thaw();
        traffic.goes_on_for(200).await;
    })
    .await;
}

#[tokio::test]
async fn events_are_acknowledged_while_redis_forgets_its_locks() {
    every_event_is_acknowledged_while(async |redis, traffic| {
        for _ in 0..10 {
            redis.flush().await;
            traffic.goes_on_for(40).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_replica_started_without_redis_is_ready_and_says_that_it_lacks_it() {
    let mut world = Plan::postgres().owning_servers().start().await;
    world.redis.as_mut().unwrap().kill();

    world.replicas[0].kill();
    world.replicas[0].start_again().await;

    assert_eq!(world.send(&payment("pi_1").of_order("order-1").succeeded()).await.outcome(), "applied");
    eventually("it says that it is degraded, and ready all the same", async || {
        let ready = world.replicas[0].request(http::Method::GET, "/readyz").await.unwrap();
        assert_eq!(ready.status, 200);
        (ready.json()["ready"] == "degraded").then_some(())
    })
    .await;
}

async fn every_event_is_acknowledged_while(what_happens: impl AsyncFnOnce(&mut Redis, &Traffic)) {
    let mut world = Plan::postgres().replicas(2).owning_servers().start().await;
    let World { replicas, redis, .. } = &mut world;
    let redis = redis.as_mut().unwrap();

    let deliveries = under_load(replicas, async |traffic| {
        traffic.goes_on_for(100).await;
        what_happens(redis, traffic).await;
    })
    .await;

    let refused: Vec<_> = deliveries.iter().filter(|delivery| !delivery.is_acknowledged()).collect();
    assert!(refused.is_empty(), "{} of {}: {:?}", refused.len(), deliveries.len(), first_answer(&refused));
    assert_eq!(world.count("events").await, deliveries.len() as i64);
    world.audit_is_clean().await;
}

fn first_answer<'a>(deliveries: &[&'a Delivery]) -> Option<&'a Result<crate::client::Answer, String>> {
    deliveries.first().map(|delivery| &delivery.answer)
}
