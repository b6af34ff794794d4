//! Leases in `ZooKeeper`.

use std::time::Duration;

use paylatch::lock::{Attempt, Locks};

use crate::conformance::{Service, every_test, forgotten};
use crate::proxy::{
    a_cut_reply_is_asked_for_again, a_release_that_is_sent_twice_frees_no_later_holder,
    a_reply_that_stays_away_leaves_nothing_behind,
};
use crate::servers::ZooKeeper;
use crate::{TTL, keys, settings, take};

impl Service for ZooKeeper {
    /// A session ends at the tick after its timeout.
    fn lapse(&self) -> Duration {
        TTL * 3
    }
}

every_test!(
    #[ignore]
    ZooKeeper::start()
);

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_release_that_is_sent_twice_frees_its_own_key_only() {
    a_release_that_is_sent_twice_frees_no_later_holder(&ZooKeeper::start()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_reply_that_is_cut_after_the_server_acted_is_asked_for_again() {
    a_cut_reply_is_asked_for_again(&ZooKeeper::start()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_reply_that_is_lost_leaves_no_key_behind() {
    a_reply_that_stays_away_leaves_nothing_behind(&ZooKeeper::start()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_lease_that_the_service_forgot_is_lost_and_not_revived() {
    let zookeeper = ZooKeeper::start();
    forgotten(&zookeeper, async || zookeeper.delete_every_lease().await).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn the_fence_is_the_transaction_and_grows() {
    let zookeeper = ZooKeeper::start();
    let locks = zookeeper.contender();
    let mut last = 0;
    for _ in 0..20 {
        let (lease, _) = take(&locks, &keys(["stripe/order"])).await;
        let fence = lease.fencing_token("stripe/order").expect("ZooKeeper numbers transactions");
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        lease.release().await;
    }
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_frozen_server_costs_one_call_and_is_used_again_when_it_wakes() {
    let zookeeper = ZooKeeper::start();
    let locks = zookeeper.contender();
    take(&locks, &keys(["probe"])).await.0.release().await;
    zookeeper.server.freeze();
    let asked_at = std::time::Instant::now();
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    assert!(asked_at.elapsed() < TTL, "{:?}", asked_at.elapsed());
    // How long it is frozen.
    tokio::time::sleep(TTL * 2).await;
    zookeeper.server.thaw();
    take(&locks, &keys(["probe"])).await.0.release().await;
}

#[tokio::test]
async fn addresses_that_do_not_read_are_refused() {
    for url in ["127.0.0.1:2181", "zookeeper://", "zookeeper://:canary@host"] {
        let error = Locks::new(&settings("zookeeper", &[url.to_owned()])).expect_err("wrong");
        assert!(error.contains("zookeeper://[user:password@]host") && !error.contains("canary"), "{error}");
    }
}
