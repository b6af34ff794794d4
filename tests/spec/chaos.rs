//! Everything at once: replicas killed and frozen, connections cut, Redis emptied and frozen, under load.

use crate::load::{nothing_acknowledged_is_lost, under_load};
use crate::servers::given;
use crate::world::{Plan, World};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const ROUNDS: usize = 15;

/// The faults, in their order, follow from it: `PAYLATCH_TEST_SEED` repeats those of a failed run.
fn seed() -> u64 {
    let given = given("PAYLATCH_TEST_SEED").map(|seed| seed.parse().expect("a number"));
    let seed = given.unwrap_or_else(rand::random);
    println!("PAYLATCH_TEST_SEED={seed}");
    seed
}

#[tokio::test]
async fn whatever_breaks_every_event_is_applied_once() {
    let mut world = Plan::postgres().replicas(3).set("lock.ttl_ms", "300").owning_servers().start().await;
    let World { replicas, proxies, redis, .. } = &mut world;
    let redis = redis.as_mut().unwrap();
    let mut random = StdRng::seed_from_u64(seed());

    let deliveries = under_load(replicas, async |traffic| {
        for round in 0..ROUNDS {
            traffic.goes_on_for(40).await;
            let victim = round % replicas.len();
            match random.random_range(0..5) {
                0 => {
                    replicas[victim].kill();
                    traffic.goes_on_for(10).await;
                    replicas[victim].start_again().await;
                }
                1 => {
                    replicas[victim].freeze();
                    // How long it is frozen.
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

    nothing_acknowledged_is_lost(&world, &deliveries).await;
    let captured = world.database.number("select sum(captured)::bigint from orders").await;
    assert_eq!(captured, 1_000 * deliveries.len() as i64);
    world.audit_is_clean().await;
}
