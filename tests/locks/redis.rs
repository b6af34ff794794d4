//! Leases in one Redis server, and what its faults cost: never an order, at most a TTL.

use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusBuilder;
use paylatch::lock::{Attempt, HealthProblem, Locks};

use crate::conformance::{Service, every_test, forgotten};
use crate::proxy::{
    Fault, Proxy, a_cut_reply_is_asked_for_again, a_release_that_is_sent_twice_frees_no_later_holder,
};
use crate::servers::{Redis, free_port, until};
use crate::{TTL, is_busy, keys, locks, renewed, settings, take};

impl Service for Redis {}

every_test!(Redis::start());

#[tokio::test]
async fn a_lease_that_the_service_forgot_is_lost_and_not_revived() {
    let redis = Redis::start();
    forgotten(&redis, async || drop(redis.command(&["FLUSHALL"]).expect("flushed"))).await;
}

#[tokio::test]
async fn a_wrong_url_is_refused_by_name_and_not_repeated() {
    let error =
        Locks::new(&settings("redis", &["http://user:canary@host".to_owned()])).expect_err("not Redis");
    assert!(
        error.contains("lock.urls") && error.contains("redis://") && !error.contains("canary"),
        "{error}"
    );
    let error = Locks::new(&settings("reddis", &[])).expect_err("unknown");
    assert!(error.contains("\"reddis\"") && error.contains("redis"), "{error}");
}

#[tokio::test]
async fn debug_output_has_no_password() {
    let locks = locks("redis", &["redis://user:canary@127.0.0.1/0".to_owned()]);
    assert!(!format!("{locks:?}").contains("canary"), "{locks:?}");
}

#[tokio::test]
async fn a_server_that_is_away_at_start_is_used_when_it_comes() {
    let port = free_port();
    let locks = locks("redis", &[format!("redis://127.0.0.1:{port}")]);
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    let _redis = Redis::start_on(port, &[]);
    take(&locks, &keys(["probe"])).await.0.release().await;
}

#[tokio::test]
async fn a_frozen_server_costs_one_call_timeout_and_is_then_spared() {
    let redis = Redis::start();
    let locks = redis.contender();
    take(&locks, &keys(["probe"])).await.0.release().await;
    redis.server.freeze();
    let asked_at = Instant::now();
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    let waited = asked_at.elapsed();
    assert!(waited < TTL, "a call may take {:?}, waited {waited:?}", TTL / 2);
    let asked_at = Instant::now();
    for _ in 0..100 {
        assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    }
    let waited = asked_at.elapsed();
    assert!(waited < TTL / 2 * 10, "the breaker skips nearly all of 100 calls, waited {waited:?}");
    redis.server.thaw();
    take(&locks, &keys(["probe"])).await.0.release().await;
}

#[tokio::test]
async fn what_a_frozen_server_does_late_is_cleaned_up() {
    let redis = Redis::start();
    let locks = quick(&redis.url());
    take(&locks, &keys(["probe"])).await.0.release().await;
    redis.server.freeze();
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    redis.server.thaw();
    locks.drain().await;
    assert_eq!(redis.leases(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_is_lost_leaves_no_key_behind() {
    let redis = Redis::start();
    for fault in [Fault::CutReply, Fault::SwallowReply, Fault::Garbage, Fault::HalfFrame] {
        let wire = Proxy::before(&redis.url()).await;
        let locks = quick(&wire.url());
        take(&locks, &keys(["probe"])).await.0.release().await;
        wire.set(fault);
        assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable), "{fault:?}");
        assert_eq!(redis.leases().len(), 1, "the server acted: {fault:?}");
        wire.set(Fault::None);
        // Far sooner than the TTL ends it.
        until(&format!("it is cleaned up after {fault:?}"), || redis.leases().is_empty());
        locks.drain().await;
    }
}

#[tokio::test]
async fn a_release_that_is_sent_twice_frees_its_own_key_only() {
    a_release_that_is_sent_twice_frees_no_later_holder(&Redis::start()).await;
}

#[tokio::test]
async fn a_reply_that_is_cut_after_the_server_acted_is_asked_for_again() {
    let redis = Redis::start();
    a_cut_reply_is_asked_for_again(&redis).await;
}

#[tokio::test]
async fn scripts_that_the_server_forgot_are_no_failure() {
    let redis = Redis::start();
    let locks = redis.contender();
    let (lease, _) = take(&locks, &keys(["order"])).await;
    redis.command(&["SCRIPT", "FLUSH"]).expect("flushed");
    lease.release().await;
    assert_eq!(redis.leases(), Vec::<String>::new());
    redis.command(&["SCRIPT", "FLUSH"]).expect("flushed");
    assert_eq!(take(&locks, &keys(["order"])).await.1, Vec::<String>::new());
}

#[tokio::test]
async fn a_server_out_of_memory_is_unavailable_but_still_renews_and_releases() {
    let redis = Redis::start();
    let (locks, other) = (redis.contender(), redis.contender());
    let (lease, _) = take(&locks, &keys(["order"])).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]).expect("set");
    assert!(matches!(other.acquire_each(&keys(["other"])).await, Attempt::Unavailable));
    renewed(&lease, 4).await;
    lease.release().await;
    assert_eq!(redis.leases(), Vec::<String>::new());
}

#[tokio::test]
async fn a_server_that_refuses_is_unavailable() {
    let master = Redis::start();
    let port = master.port.to_string();
    let replica = Redis::start_on(free_port(), &["--replicaof", "127.0.0.1", &port]);
    until("the replica is in step", || {
        replica.command(&["INFO"]).is_some_and(|info| info.contains("status:up"))
    });
    assert!(matches!(replica.contender().acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    master.command(&["CONFIG", "SET", "requirepass", "secret"]).expect("set");
    assert!(matches!(master.contender().acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    let wrong = locks("redis", &[format!("redis://:wrong_canary@127.0.0.1:{}", master.port)]);
    assert!(matches!(wrong.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
}

#[tokio::test]
async fn the_fence_grows_from_holder_to_holder_also_when_the_server_forgets() {
    let redis = Redis::start();
    let locks = redis.contender();
    let mut last = 0;
    for _ in 0..100 {
        let (lease, _) = take(&locks, &keys(["order"])).await;
        let fence = lease.fencing_token("order").expect("Redis has a clock");
        assert!(fence > last, "{fence} after {last}");
        assert_eq!(lease.fencing_token("another"), None);
        last = fence;
        redis.command(&["FLUSHALL"]).expect("flushed");
        lease.release().await;
    }
}

#[tokio::test]
async fn a_server_that_may_evict_or_is_a_replica_or_is_away_is_found_unfit() {
    let redis = Redis::start_on(free_port(), &["--maxmemory-policy", "allkeys-lru"]);
    let found = redis.contender().health().await;
    assert!(
        matches!(&found[..], [HealthProblem::Warning(text)] if text.contains("expected noeviction")),
        "{found:?}"
    );
    let replica = Redis::start_on(free_port(), &["--replicaof", "127.0.0.1", &redis.port.to_string()]);
    let found = replica.contender().health().await;
    assert!(
        matches!(&found[..], [HealthProblem::Failure(text)] if text.contains("name the master")),
        "{found:?}"
    );
    let found = locks("redis", &[format!("redis://127.0.0.1:{}", free_port())]).health().await;
    assert!(
        matches!(&found[..], [HealthProblem::Failure(text)] if text.contains("not reachable")),
        "{found:?}"
    );
}

#[tokio::test]
async fn keys_stand_under_a_prefix_with_their_hash_tags() {
    let redis = Redis::start();
    let (_lease, _) = take(&redis.contender(), &keys(["stripe/{ord_1}"])).await;
    assert_eq!(redis.leases(), ["paylatch:lock:stripe/{ord_1}"]);
}

#[tokio::test]
async fn every_outcome_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let counted = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let redis = Redis::start();
    let locks = redis.contender();
    let (lease, _) = take(&locks, &keys(["order"])).await;
    assert!(is_busy(&locks, "order").await);
    assert!(locks.acquire_all(&keys(["order"]), Duration::ZERO).await.is_err());
    renewed(&lease, 1).await;
    lease.release().await;
    let (gone, _) = take(&locks, &keys(["gone"])).await;
    redis.command(&["FLUSHALL"]).expect("flushed");
    gone.lost().await;
    gone.release().await;
    let (lapsed, _) = take(&locks, &keys(["lapsed"])).await;
    assert!(locks.is_available().await);
    drop(redis);
    lapsed.lost().await;
    drop(lapsed);
    assert!(!locks.is_available().await);
    let attempt = locks.acquire_each(&keys(["order"])).await;
    assert!(matches!(attempt, Attempt::Unavailable), "a probe has found it away");
    let page = counted.render();
    for line in [
        "paylatch_lock_acquire_total{backend=\"redis\",result=\"acquired\"} 3",
        "paylatch_lock_acquire_total{backend=\"redis\",result=\"unavailable\"} 1",
        "paylatch_lock_busy_timeouts_total{backend=\"redis\"} 1",
        "paylatch_lock_lost_total{backend=\"redis\",reason=\"gone\"} 1",
        "paylatch_lock_lost_total{backend=\"redis\",reason=\"lapsed\"} 1",
        "paylatch_lock_cleanup_queue_depth{backend=\"redis\"} 0",
        "paylatch_lock_release_total{backend=\"redis\",result=\"not_held\"} 1",
        "paylatch_lock_acquire_total{backend=\"redis\",result=\"busy\"} 2",
        "paylatch_lock_extend_total{backend=\"redis\",result=\"extended\"}",
        "paylatch_lock_extend_total{backend=\"redis\",result=\"gone\"} 1",
        "paylatch_lock_release_total{backend=\"redis\",result=\"released\"} 1",
        "paylatch_lock_outages_total{backend=\"redis\"} 1",
        "paylatch_lock_hold_ratio_count{backend=\"redis\"} 3",
        "paylatch_lock_wait_seconds_count{backend=\"redis\"} 6",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

/// With the call timeout that production has.
fn quick(url: &str) -> Locks {
    let production = paylatch::lock::LockSettings {
        ttl: Duration::from_secs(2),
        call_timeout: Duration::from_millis(100),
        ..settings("redis", &[url.to_owned()])
    };
    Locks::new(&production).expect("the settings are right")
}
