//! What a lease costs, for the table in `docs/locks.md`:
//! `PAYLATCH_TEST_ROUNDS=500 cargo test --release --all-features --test locks cost -- --ignored --nocapture --test-threads 1`.

use std::time::{Duration, Instant};

use crate::conformance::Service;
use crate::servers::{Cluster, Etcd, Nodes, Postgres, Redis};
use crate::{locks, take};

/// Enough to see that each can be measured.
const ROUNDS: usize = 10;

/// Acquire and release, one key and a hundred, one after another.
async fn measure(name: &str, service: &impl Service) {
    let locks = service.contender();
    let rounds = std::env::var_os("PAYLATCH_TEST_ROUNDS")
        .map_or(ROUNDS, |rounds| rounds.to_str().and_then(|rounds| rounds.parse().ok()).expect("a number"));
    for keys in [1, 100] {
        let batch: Vec<String> = (0..keys).map(|n| format!("stripe/order_{n}")).collect();
        take(&locks, &batch).await.0.release().await;
        let mut took: Vec<Duration> = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let asked_at = Instant::now();
            take(&locks, &batch).await.0.release().await;
            took.push(asked_at.elapsed());
        }
        took.sort();
        println!("{name}, {keys} keys: p50 {:?}, p99 {:?}", took[rounds / 2], took[rounds * 99 / 100]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for docs/locks.md"]
async fn the_cost_of_each_backend() {
    measure("local", &locks("local", &[])).await;
    measure("redis", &Redis::start()).await;
    measure("redis, three nodes of a cluster", &Cluster::start()).await;
    measure("redlock, three nodes", &Nodes::start()).await;
    measure("postgres", &Postgres::start()).await;
    measure("etcd", &Etcd::start()).await;
    #[cfg(feature = "zookeeper")]
    measure("zookeeper", &crate::servers::ZooKeeper::start()).await;
}
