//! Leases in etcd.

use std::time::Duration;

use paylatch::lock::{Attempt, HealthProblem, Locks};

use crate::conformance::{Service, every_test, forgotten};
use crate::proxy::{
    a_cut_reply_is_asked_for_again, a_release_that_is_sent_twice_frees_no_later_holder,
    a_reply_that_stays_away_leaves_nothing_behind,
};
use crate::servers::{Etcd, free_port};
use crate::{TTL, keys, locks, settings, take};

impl Service for Etcd {
    /// etcd counts whole seconds, and no lease is shorter than 1.5 elections.
    fn lapse(&self) -> Duration {
        Duration::from_secs(6)
    }

    fn has_a_member_away(&self) -> bool {
        true
    }
}

every_test!(
    #[ignore]
    Etcd::start()
);

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_release_that_is_sent_twice_frees_its_own_key_only() {
    a_release_that_is_sent_twice_frees_no_later_holder(&Etcd::start()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_reply_that_is_cut_after_the_server_acted_is_asked_for_again() {
    a_cut_reply_is_asked_for_again(&Etcd::start()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_reply_that_is_lost_leaves_no_key_behind() {
    a_reply_that_stays_away_leaves_nothing_behind(&Etcd::start()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_lease_that_the_service_forgot_is_lost_and_not_revived() {
    let etcd = Etcd::start();
    forgotten(&etcd, async || etcd.end_every_lease()).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn the_fence_is_the_revision_and_grows() {
    let etcd = Etcd::start();
    let locks = etcd.contender();
    let mut last = 0;
    for _ in 0..20 {
        let (lease, _) = take(&locks, &keys(["order"])).await;
        let fence = lease.fencing_token("order").expect("etcd has revisions");
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        lease.release().await;
    }
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_frozen_server_costs_one_call_and_is_used_again_when_it_wakes() {
    let etcd = Etcd::start();
    let locks = locks("etcd", &[etcd.url()]);
    take(&locks, &keys(["probe"])).await.0.release().await;
    etcd.server.freeze();
    let asked_at = std::time::Instant::now();
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    assert!(asked_at.elapsed() < TTL, "{:?}", asked_at.elapsed());
    etcd.server.thaw();
    take(&locks, &keys(["probe"])).await.0.release().await;
}

#[tokio::test]
async fn addresses_that_do_not_read_are_refused_without_being_repeated() {
    for url in ["ftp://user:canary@127.0.0.1:2379", "http://user@127.0.0.1:2379", "127.0.0.1"] {
        let error = Locks::new(&settings("etcd", &[url.to_owned()])).expect_err("wrong");
        assert!(
            error.contains("http[s]://[user:password@]host:2379") && !error.contains("canary"),
            "{error}"
        );
    }
    let found = locks("etcd", &[format!("http://127.0.0.1:{}", free_port())]).health().await;
    assert!(
        matches!(&found[..], [HealthProblem::Failure(text)] if text.contains("not reachable")),
        "{found:?}"
    );
}
