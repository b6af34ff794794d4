//! What every lock service must do, checked over each of them, and what each does when it breaks.
//!
//! The servers are real, private to each test, and started here.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    reason = "tests fail by panicking and print what they measured"
)]

#[path = "../spec/servers/authority.rs"]
mod authority;
mod conformance;
mod cost;
mod counter;
mod deployments;
mod etcd;
mod library;
mod local;
mod postgres;
mod proxy;
mod redis;
mod redlock;
mod servers;
mod tls;
mod users;
#[cfg(feature = "zookeeper")]
mod zookeeper;

use std::time::Duration;

use paylatch::lock::{Attempt, Lease, LockSettings, Locks, Tls};
use paylatch::secret::Secret;
use tokio::time::{Instant, sleep};

/// Long enough for a busy machine, short enough to wait for its end.
const TTL: Duration = Duration::from_millis(800);

fn settings(backend: &str, urls: &[String]) -> LockSettings {
    LockSettings {
        backend: backend.to_owned(),
        urls: urls.iter().map(Secret::new).collect(),
        tls: Tls::default(),
        ttl: TTL,
        call_timeout: TTL / 2,
        retry_after: Duration::from_millis(300),
    }
}

fn locks(backend: &str, urls: &[String]) -> Locks {
    Locks::new(&settings(backend, urls)).expect("the settings of the test are right")
}

fn keys<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

/// What an available service gives. A first connection may take longer than a call waits.
async fn take(locks: &Locks, keys: &[String]) -> (Lease, Vec<String>) {
    let give_up_at = Instant::now() + Duration::from_secs(10);
    loop {
        if let Attempt::Acquired { lease, busy } = locks.acquire_each(keys).await {
            return (lease, busy);
        }
        assert!(Instant::now() < give_up_at, "the lock service is unavailable for 10 s");
        sleep(Duration::from_millis(20)).await;
    }
}

/// All of `keys`, within the time that a holder who vanished keeps them.
async fn take_all(locks: &Locks, keys: &[String], within: Duration) -> Lease {
    let give_up_at = Instant::now() + within;
    loop {
        let (lease, busy) = take(locks, keys).await;
        if busy.is_empty() {
            return lease;
        }
        lease.release().await;
        assert!(Instant::now() < give_up_at, "{busy:?} not free within {within:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Returns when `lease` was renewed so many times, each within its TTL.
async fn renewed(lease: &Lease, times: u32) {
    for time in 1..=times {
        let mut left = lease.remaining();
        let renewal = async {
            while lease.remaining() <= left {
                left = lease.remaining();
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(TTL, renewal).await.unwrap_or_else(|_| panic!("not renewed a time {time}"));
    }
}

async fn is_busy(locks: &Locks, key: &str) -> bool {
    let (lease, busy) = take(locks, &[key.to_owned()]).await;
    lease.release().await;
    !busy.is_empty()
}
