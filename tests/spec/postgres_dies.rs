//! Postgres away: 503, nothing that was acknowledged is lost, and it recovers by itself.

use std::time::{Duration, Instant};

use http::Method;

use crate::load::{nothing_acknowledged_is_lost, under_load};
use crate::replica::Replica;
use crate::servers::eventually;
use crate::webhooks::payment;
use crate::world::{Plan, World};

#[tokio::test]
async fn a_crash_of_postgres_under_load_loses_nothing_that_was_acknowledged() {
    let mut world = Plan::postgres().replicas(2).owning_servers().start().await;
    let World { replicas, postgres, .. } = &mut world;
    let postgres = postgres.as_mut().unwrap();

    let deliveries = under_load(replicas, async |traffic| {
        traffic.goes_on_for(100).await;
        postgres.crash();
        traffic.goes_on_for(20).await;
        postgres.start_again().await;
        traffic.goes_on_for(200).await;
    })
    .await;

    for delivery in &deliveries {
        let answer = delivery.answer.as_ref().unwrap();
        assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
        assert!(delivery.is_acknowledged() || answer.header("retry-after").is_some());
    }
    assert!(deliveries.iter().any(|delivery| !delivery.is_acknowledged()), "Postgres was away");
    nothing_acknowledged_is_lost(&world, &deliveries).await;
    world.audit_is_clean().await;
}

#[tokio::test]
async fn connections_that_are_cut_under_load_lose_nothing_and_double_nothing() {
    let world = Plan::postgres().replicas(2).start().await;

    let deliveries = under_load(&world.replicas, async |traffic| {
        for round in 0..20 {
            traffic.goes_on_for(20).await;
            let proxy = &world.proxies[round % 2];
            proxy.cut();
            proxy.restore();
        }
    })
    .await;

    nothing_acknowledged_is_lost(&world, &deliveries).await;
    world.audit_is_clean().await;
}

#[tokio::test]
async fn a_database_that_falls_silent_costs_a_503_in_time_and_nothing_more() {
    let world = World::start().await;
    world.send(&payment("pi_1").of_order("order-1").authorized()).await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    world.proxies[0].black_hole();
    let started = Instant::now();
    let answer = world.send(&webhook).await;
    let waited = started.elapsed();
    world.proxies[0].restore();

    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    assert_eq!(world.deliver(&webhook).await.status, 200);
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
}

#[tokio::test]
async fn a_replica_started_without_postgres_answers_503_until_it_is_there() {
    let mut world = Plan::postgres().owning_servers().start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();
    world.postgres.as_mut().unwrap().crash();

    let replica = Replica::start_unready(world.replicas[0].settings()).await;
    let unready = replica.request(Method::GET, "/readyz").await.unwrap();
    let refused = replica.send(&webhook).await;
    assert_eq!((unready.status.as_u16(), refused.status.as_u16()), (503, 503));
    assert!(refused.header("retry-after").is_some());
    world.postgres.as_mut().unwrap().start_again().await;

    replica.is_ready().await;
    eventually("the event is accepted", async || (replica.send(&webhook).await.status == 200).then_some(()))
        .await;
}
