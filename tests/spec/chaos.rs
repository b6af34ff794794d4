//! Everything at once: replicas killed and frozen, connections cut, Redis emptied and frozen, under load.

use crate::load::{deliver_all, under_load};
use crate::world::{Plan, World};

const ROUNDS: usize = 15;

#[tokio::test]
async fn whatever_breaks_every_event_is_applied_once() {
    let mut world = Plan::postgres().replicas(3).set("lock.ttl_ms", "300").owning_servers().start().await;
    let World { replicas, proxies, redis, .. } = &mut world;
    let redis = redis.as_mut().unwrap();

    let deliveries = under_load(replicas, async |traffic| {
        for round in 0..ROUNDS {
            traffic.goes_on_for(40).await;
            let victim = round % replicas.len();
            match rand::random_range(0..5) {
                0 => {
                    replicas[victim].kill();
                    traffic.goes_on_for(10).await;
                    replicas[victim].start_again().await;
                }
                1 => {
                    replicas[victim].freeze();
                    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
                    replicas[victim].thaw();
                }
                2 => {
                    proxies[victim].cut();
                    proxies[victim].restore();
                }
                3 => redis.flush().await,
                _ => {
                    redis.freeze();
                    traffic.goes_on_for(20).await;
                    redis.thaw();
                }
            }
        }
    })
    .await;

    deliver_all(&world, deliveries.iter()).await;
    assert_eq!(world.count("events").await, deliveries.len() as i64);
    let captured = world.database.number("select sum(captured)::bigint from orders").await;
    assert_eq!(captured, 1_000 * deliveries.len() as i64);
    world.audit_is_clean().await;
}
