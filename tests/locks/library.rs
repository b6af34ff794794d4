//! Work under a lease, as another program uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use paylatch::lock::NotHeld;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::conformance::Service;
use crate::servers::Redis;
use crate::{TTL, is_busy, keys, locks, take};

#[tokio::test]
async fn work_runs_one_at_a_time_and_gives_back() {
    let locks = locks("local", &[]);
    let (inside, mut workers) = (Arc::new(AtomicU32::new(0)), JoinSet::new());
    for _ in 0..8 {
        let (locks, inside) = (locks.clone(), inside.clone());
        workers.spawn(async move {
            let work = async |_: &_| {
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                sleep(Duration::from_millis(5)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
            };
            locks.run(&keys(["report"]), Duration::from_secs(30), work).await
        });
    }
    assert!(workers.join_all().await.iter().all(Result::is_ok));
    assert!(!is_busy(&locks, "report").await);
}

#[tokio::test]
async fn work_that_fails_gives_back_too() {
    let locks = locks("local", &[]);
    let failed = locks.run(&keys(["report"]), TTL, async |_| Err::<(), _>("no paper")).await;
    assert_eq!(failed, Ok(Err("no paper")));
    assert!(!is_busy(&locks, "report").await);
}

#[tokio::test]
async fn work_whose_keys_are_busy_for_the_whole_wait_is_not_run() {
    let locks = locks("local", &[]);
    let (_held, _) = take(&locks, &keys(["b"])).await;
    let asked_at = Instant::now();
    let ran = locks.run(&keys(["a", "b"]), Duration::from_millis(100), async |_| ()).await;
    assert_eq!(ran, Err(NotHeld::Busy { keys: keys(["b"]) }));
    assert!(asked_at.elapsed() >= Duration::from_millis(100));
    assert!(!is_busy(&locks, "a").await, "what was free meanwhile is given back");
}

#[tokio::test]
async fn work_without_a_lock_service_is_not_run() {
    let locks = locks("redis", &[format!("redis://127.0.0.1:{}", crate::servers::free_port())]);
    assert_eq!(locks.run(&keys(["report"]), TTL, async |_| ()).await, Err(NotHeld::Unavailable));
}

#[tokio::test]
async fn work_that_outlives_its_lease_is_stopped() {
    let redis = Redis::start();
    let locks = redis.contender();
    let work = async |lease: &paylatch::lock::Lease| {
        assert_eq!(lease.ensure(TTL / 2), Ok(()));
        assert_eq!(lease.ensure(TTL), Err(NotHeld::Lost), "less than a whole TTL is left");
        redis.command(&["FLUSHALL"]).expect("flushed");
        std::future::pending::<()>().await;
    };
    assert_eq!(locks.run(&keys(["report"]), TTL, work).await, Err(NotHeld::Lost));
}

#[tokio::test]
async fn a_lease_on_a_service_that_vanished_is_lost_at_its_end() {
    let redis = Redis::start();
    let (lease, _) = take(&redis.contender(), &keys(["report"])).await;
    drop(redis);
    let left = lease.remaining();
    assert!(left > TTL / 2 && left < TTL, "{left:?}");
    tokio::time::timeout(TTL, lease.lost()).await.expect("lost within its TTL");
    assert_eq!((lease.is_lost(), lease.remaining()), (true, Duration::ZERO));
}
