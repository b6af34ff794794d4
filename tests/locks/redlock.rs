//! Leases in three independent Redis servers: any one may break.

use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusBuilder;
use paylatch::lock::{Attempt, HealthProblem, Locks};
use tokio::time::{sleep, timeout};

use crate::conformance::{Service, every_test, forgotten};
use crate::proxy::{Fault, Proxy};
use crate::servers::{LockService, Nodes, Redis, eventually};
use crate::{TTL, is_busy, keys, locks, renewed, settings, take, take_all};

impl Service for Nodes {}

/// A majority decides, so a lease is told before the last node has heard of it. What a node then forgets must not reach it late.
async fn every_node_has_it(nodes: &Nodes) {
    eventually("the vote of every node", || nodes.0.iter().all(|node| node.leases().len() == 1)).await;
}

every_test!(Nodes::start());

#[tokio::test]
async fn a_lease_that_the_service_forgot_is_lost_and_not_revived() {
    let nodes = Nodes::start();
    forgotten(&nodes, async || {
        every_node_has_it(&nodes).await;
        for node in &nodes.0[1..] {
            node.command(&["FLUSHALL"]).expect("flushed");
        }
    })
    .await;
}

#[tokio::test]
async fn two_nodes_or_one_server_twice_are_refused() {
    let nodes = Nodes::start();
    let two = Locks::new(&settings("redlock", &nodes.urls()[..2])).expect_err("no majority of two");
    assert!(two.contains("expected 3 or 5"), "{two}");
    let [first, second, _] = &nodes.0;
    let twice = locks("redlock", &[first.url(), format!("redis://localhost:{}", first.port), second.url()]);
    take(&twice, &keys(["order"])).await.0.release().await;
    let found = twice.health().await;
    assert!(
        matches!(&found[..], [HealthProblem::Failure(text)] if text.contains("entries 1 and 2")),
        "{found:?}"
    );
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
            eventually("what was not won is given back", || node.leases().len() == usize::from(strangers))
                .await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_reply_is_cut_has_no_vote_and_leaves_nothing_behind() {
    let nodes = Nodes::start();
    for place in 0..3 {
        let wire = Proxy::before(&nodes.0[place].url()).await;
        let mut urls = nodes.urls();
        urls[place] = wire.url();
        let locks = locks("redlock", &urls);
        reach_every_node(&nodes, &locks).await;
        wire.is_quiet().await;
        wire.cut_one_reply_after(0);
        let (lease, busy) = take(&locks, &keys(["order"])).await;
        assert!(busy.is_empty(), "two others granted it");
        eventually("the node acted, and its answer was lost", || wire.has_cut()).await;
        lease.release().await;
        eventually("it is cleaned up", || nodes.0.iter().all(|node| node.leases().is_empty())).await;
    }
}

/// A majority answers for all: what the last node does with the probe must not be taken for what it does next.
async fn reach_every_node(nodes: &Nodes, locks: &Locks) {
    let mut is_everywhere = false;
    while !is_everywhere {
        let (probe, _) = take(locks, &keys(["probe"])).await;
        let reached = async {
            while nodes.0.iter().any(|node| node.leases().is_empty()) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        is_everywhere = timeout(TTL, reached).await.is_ok();
        probe.release().await;
    }
    eventually("no node has the probe", || nodes.0.iter().all(|node| node.leases().is_empty())).await;
}

/// One that vanished without a word would else be waited for until the system gives its connection up.
#[tokio::test]
async fn a_node_that_stopped_answering_is_connected_anew() {
    let nodes = Nodes::start();
    let wire = Proxy::before(&nodes.0[0].url()).await;
    let locks = locks("redlock", &[wire.url(), nodes.0[1].url(), nodes.0[2].url()]);
    take(&locks, &keys(["probe"])).await.0.release().await;
    let before = wire.connections();
    wire.set(Fault::SwallowReply);
    let give_up_at = Instant::now() + Duration::from_secs(10);
    while wire.connections() == before {
        assert!(Instant::now() < give_up_at, "the silent connection is kept");
        take(&locks, &keys(["order"])).await.0.release().await;
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn every_vote_is_counted_and_timed() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let nodes = Nodes::start();
    let locks = nodes.contender();
    take(&locks, &keys(["probe"])).await.0.release().await;
    nodes.0[2].command(&["SET", "paylatch:lock:order", "stranger"]).expect("set");
    let (lease, _) = take(&locks, &keys(["order"])).await;
    // Two votes were enough: the third may be under way yet, and a frozen node has none.
    let third = "paylatch_redlock_vote_total{node=\"2\",vote=\"no\"}";
    eventually("the vote of the third", || counted.render().contains(third)).await;
    nodes.0[1].server.freeze();
    nodes.0[2].server.freeze();
    assert!(matches!(locks.acquire_each(&keys(["other"])).await, Attempt::Unavailable));
    lease.release().await;
    locks.drain().await;
    let page = counted.render();
    let counted = |line: &str| page.lines().any(|counted| counted.starts_with(line));
    for line in [
        "paylatch_lock_acquire_total{backend=\"redlock\",result=\"no_quorum\"} 1",
        "paylatch_redlock_vote_total{node=\"0\",vote=\"yes\"}",
        "paylatch_redlock_vote_total{node=\"1\",vote=\"missing\"}",
        "paylatch_redlock_vote_total{node=\"2\",vote=\"no\"}",
        "paylatch_redlock_node_seconds_count{node=\"2\"}",
        "paylatch_lock_orphan_cleanup_total{backend=\"redlock\"",
    ] {
        assert!(counted(line), "{line} is not in\n{page}");
    }
}

#[tokio::test]
async fn a_lease_outlives_the_loss_of_one_node_and_not_of_two() {
    let nodes = Nodes::start();
    let (locks, other) = (nodes.contender(), nodes.contender());
    let (lease, _) = take(&locks, &keys(["order"])).await;
    every_node_has_it(&nodes).await;
    nodes.0[0].command(&["FLUSHALL"]).expect("flushed");
    renewed(&lease, 4).await;
    assert!(!lease.is_lost() && is_busy(&other, "order").await);
    nodes.0[1].command(&["FLUSHALL"]).expect("flushed");
    let next = take_all(&other, &keys(["order"]), Duration::from_secs(2)).await;
    timeout(TTL, lease.lost()).await.expect("a minority is no lease");
    lease.release().await;
    assert!(is_busy(&locks, "order").await);
    next.release().await;
}
