//! Leases in three independent Redis servers: any one may break.

use std::time::{Duration, Instant};

use paylatch::lock::{Attempt, Finding, Locks};
use tokio::time::sleep;

use crate::conformance::{Service, every_test};
use crate::servers::{Redis, until};
use crate::{TTL, is_busy, keys, locks, settings, take, take_all};

pub(crate) struct Nodes([Redis; 3]);

impl Nodes {
    pub(crate) fn start() -> Self {
        Self([(); 3].map(|()| Redis::start()))
    }

    fn urls(&self) -> Vec<String> {
        self.0.iter().map(Redis::url).collect()
    }
}

impl Service for Nodes {
    fn contender(&self) -> Locks {
        locks("redlock", &self.urls())
    }
}

every_test!(Nodes::start());

#[tokio::test]
async fn two_nodes_or_one_server_twice_are_refused() {
    let nodes = Nodes::start();
    let two = Locks::new(&settings("redlock", &nodes.urls()[..2])).expect_err("no majority of two");
    assert!(two.contains("expected 3 or 5"), "{two}");
    let [first, second, _] = &nodes.0;
    let twice = locks("redlock", &[first.url(), format!("redis://localhost:{}", first.port), second.url()]);
    take(&twice, &keys(["order"])).await.0.release().await;
    let found = twice.health().await;
    assert!(matches!(&found[..], [Finding::Failure(text)] if text.contains("entries 1 and 2")), "{found:?}");
    second.server.freeze();
    let attempt = twice.acquire_each(&keys(["order"])).await;
    assert!(matches!(attempt, Attempt::Unavailable), "one server under two addresses has one vote");
}

#[tokio::test]
async fn a_key_is_won_by_whoever_finds_a_majority_free_whichever_nodes_those_are() {
    let nodes = Nodes::start();
    for mask in 0..8_u8 {
        let locks = nodes.contender();
        let occupied: Vec<&Redis> =
            (0..3).filter(|bit| mask >> bit & 1 == 1).map(|bit| &nodes.0[bit]).collect();
        for node in &occupied {
            node.command(&["SET", "paylatch:lock:order", "stranger"]).expect("set");
        }
        let (lease, busy) = take(&locks, &keys(["order"])).await;
        assert_eq!(busy.is_empty(), occupied.len() < 2, "occupied: {mask:03b}");
        lease.release().await;
        for node in &nodes.0 {
            let strangers = occupied.iter().any(|occupied| occupied.port == node.port);
            until("what was not won is given back", || node.leases().len() == usize::from(strangers));
            node.command(&["FLUSHALL"]).expect("flushed");
        }
    }
}

#[tokio::test]
async fn every_subset_of_nodes_may_be_away_and_only_a_majority_counts() {
    for mask in 0..8_u8 {
        let nodes = Nodes::start();
        let locks = nodes.contender();
        take(&locks, &keys(["probe"])).await.0.release().await;
        for bit in (0..3).filter(|bit| mask >> bit & 1 == 1) {
            nodes.0[bit].server.freeze();
        }
        let attempt = locks.acquire_each(&keys(["order"])).await;
        assert_eq!(matches!(attempt, Attempt::Acquired { .. }), mask.count_ones() < 2, "away: {mask:03b}");
        drop(attempt);
        locks.drain().await;
        // A vote that arrives after its release lapses with its TTL.
        let given_up_at = Instant::now() + TTL * 2;
        for node in nodes.0.iter().zip(0..3).filter(|(_, bit)| mask >> bit & 1 == 0).map(|(node, _)| node) {
            while !node.leases().is_empty() {
                assert!(Instant::now() < given_up_at, "away: {mask:03b}, left: {:?}", node.leases());
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

#[tokio::test]
async fn one_frozen_node_does_not_slow_the_others() {
    let nodes = Nodes::start();
    let locks = nodes.contender();
    take(&locks, &keys(["probe"])).await.0.release().await;
    nodes.0[1].server.freeze();
    let mut took = Vec::new();
    for _ in 0..200 {
        let asked_at = Instant::now();
        let (lease, busy) = take(&locks, &keys(["order"])).await;
        took.push(asked_at.elapsed());
        assert!(busy.is_empty());
        lease.release().await;
    }
    took.sort();
    let (p50, p99) = (took[100], took[198]);
    println!("one of three frozen: p50 {p50:?}, p99 {p99:?}");
    assert!(p99 < TTL / 2 * 8 / 10, "the timeout of a node bounds what it costs, not what it adds: {p99:?}");
}

#[tokio::test]
async fn a_lease_outlives_the_loss_of_one_node_and_not_of_two() {
    let nodes = Nodes::start();
    let (locks, other) = (nodes.contender(), nodes.contender());
    let (lease, _) = take(&locks, &keys(["order"])).await;
    nodes.0[0].command(&["FLUSHALL"]).expect("flushed");
    sleep(TTL * 2).await;
    assert!(!lease.is_lost() && is_busy(&other, "order").await);
    nodes.0[1].command(&["FLUSHALL"]).expect("flushed");
    let next = take_all(&other, &keys(["order"]), Duration::from_secs(2)).await;
    sleep(TTL / 2).await;
    assert!(lease.is_lost());
    lease.release().await;
    assert!(is_busy(&locks, "order").await);
    next.release().await;
}
