//! Told by a Redis stream: what the broker has said that it has is told, and nothing else.

use std::collections::HashMap;

use http::Method;
use serde_json::Value;

use crate::load::{nothing_acknowledged_is_lost, under_load};
use crate::receiver::{becomes_true, latest};
use crate::servers::{Redis, eventually};
use crate::webhooks::payment;
use crate::world::{Plan, World};

type Entry = HashMap<String, String>;

/// A world whose endpoint `shop` is the stream `orders`.
fn telling(plan: Plan, redis: &Redis, parameters: &str) -> Plan {
    plan.set("endpoints.shop.url", &format!("'{}/?stream=orders{parameters}'", redis.url()))
        .set("announce.lease_s", "2")
}

/// What the stream has, in its order; nothing while its server is away.
async fn entries(redis: &Redis) -> Vec<Entry> {
    let Ok(mut connection) = redis.try_connection().await else { return Vec::new() };
    let all: redis::RedisResult<Vec<(String, Entry)>> =
        redis::cmd("XRANGE").arg(&["orders", "-", "+"]).query_async(&mut connection).await;
    all.unwrap_or_default().into_iter().map(|(_, entry)| entry).collect()
}

fn message(entry: &Entry) -> Value {
    serde_json::from_str(&entry["message"]).unwrap()
}

async fn is_believed(world: &World, redis: &Redis) {
    becomes_true(world, async || latest(entries(redis).await.iter().map(message))).await;
}

async fn endpoint(world: &World) -> Value {
    world.database.rows("select * from endpoints").await.remove(0)
}

#[tokio::test]
async fn each_changed_order_is_an_entry_that_says_what_is_newer() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let redis = Redis::start_private().await;
        let world = telling(plan, &redis, "").start().await;
        let order = payment("pi_1").of_order("order-1");
        world.send(&order.succeeded()).await;
        is_believed(&world, &redis).await;
        world.send(&order.refunded("re_1", 1_000)).await;
        is_believed(&world, &redis).await;

        let told = entries(&redis).await;
        let last = told.last().unwrap();
        let data = message(last)["data"].clone();
        assert_eq!(
            ["type", "source", "order"].map(|name| last[name].as_str()),
            ["order.refunded", "stripe", "order-1"]
        );
        for name in ["epoch", "version"] {
            assert_eq!(last[name], data[name].to_string());
        }
        assert!(world.cli(&["endpoints", "test", "shop"]).await.status.success());
        assert_eq!(entries(&redis).await.last().unwrap()["type"], "endpoint.test");
    }
}

#[tokio::test]
async fn nothing_is_lost_when_the_broker_is_killed_and_frozen_under_load() {
    let mut redis = Redis::start_durable().await;
    let plan = telling(Plan::postgres().replicas(2), &redis, "").set("endpoints.shop.timeout_ms", "300");
    let world = plan.set("announce.page_orders", "20").start().await;
    let deliveries = under_load(&world.replicas, async |traffic| {
        for _ in 0..3 {
            traffic.goes_on_for(60).await;
            redis.kill();
            traffic.goes_on_for(60).await;
            redis.start_again().await;
            traffic.goes_on_for(60).await;
            redis.freeze();
            traffic.goes_on_for(60).await;
            redis.thaw();
        }
    })
    .await;

    nothing_acknowledged_is_lost(&world, &deliveries).await;
    world.resume("shop").await;
    is_believed(&world, &redis).await;
}

#[tokio::test]
async fn a_broker_that_refuses_costs_no_row_and_is_told_when_it_takes_again() {
    let redis = Redis::start_private().await;
    let world = telling(Plan::sqlite(), &redis, "&maxlen=50").start().await;
    let mut connection = redis.connection().await;
    let () = redis::cmd("SET").arg(&["orders", "no stream"]).query_async(&mut connection).await.unwrap();
    world.pay(0..20).await;
    eventually("it is left alone", async || (endpoint(&world).await["state"] == "open").then_some(())).await;
    assert!(endpoint(&world).await["error"].as_str().unwrap().contains("WRONGTYPE"));
    assert_eq!(world.count("announcement_waits").await, 0);

    let () = redis::cmd("DEL").arg("orders").query_async(&mut connection).await.unwrap();
    world.resume("shop").await;
    is_believed(&world, &redis).await;

    // Redis forgets whole pages of a few entries: of a stream that may have 50 the newest stay, and a few more.
    for _ in 0..6 {
        let again = world.replicas[0].ask_admin(Method::POST, "/api/v1/endpoints/shop/resync", &[]).await;
        assert_eq!(again.status, 200);
        eventually("all are told again", async || {
            let left = world.database.number("select count(*) from endpoints where resync_order is not null");
            (left.await == 0).then_some(())
        })
        .await;
    }
    let kept = entries(&redis).await.len();
    assert!((50..80).contains(&kept), "{kept}");
}
