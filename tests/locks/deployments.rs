//! Redis in several processes: a Cluster, and Sentinel, whose failovers must be followed.

use std::time::Duration;

use paylatch::lock::{Attempt, Locks};
use tokio::time::timeout;

use crate::conformance::{Service, forgotten};
use crate::servers::{Cluster, Sentinel, free_port, until};
use crate::{TTL, is_busy, keys, locks, settings, take};

impl Service for Cluster {}

impl Service for Sentinel {}

mod over_a_cluster {
    use crate::conformance::every_test;
    use crate::servers::Cluster;

    every_test!(
        #[ignore]
        Cluster::start()
    );
}

mod over_sentinel {
    use crate::conformance::every_test;
    use crate::servers::Sentinel;

    every_test!(
        #[ignore]
        Sentinel::start()
    );
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_lease_that_a_cluster_forgot_is_lost_and_not_revived() {
    let cluster = Cluster::start();
    let forget = async || {
        for master in &cluster.masters {
            master.command(&["FLUSHALL"]).expect("flushed");
        }
    };
    forgotten(&cluster, forget).await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_batch_spreads_over_all_nodes_of_a_cluster() {
    let cluster = Cluster::start();
    let many: Vec<String> = (0..60).map(|n| format!("order/{n}")).collect();
    let (lease, busy) = take(&cluster.contender(), &many).await;
    assert!(busy.is_empty());
    let spread = cluster.masters.each_ref().map(|node| node.leases().len());
    assert!(spread.iter().sum::<usize>() == 60 && spread.iter().all(|keys| *keys > 0), "{spread:?}");
    assert!(many.iter().all(|key| lease.fencing_token(key).is_some()));
    lease.release().await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_replica_that_is_promoted_in_a_cluster_is_used() {
    let mut cluster = Cluster::start();
    let (locks, other) = (cluster.contender(), cluster.contender());
    let many: Vec<String> = (0..60).map(|n| format!("order/{n}")).collect();
    take(&locks, &many).await.0.release().await;
    cluster.fail_over();
    let (lease, busy) = take(&locks, &many).await;
    assert_eq!((lease.keys().len(), busy.len()), (60, 0));
    assert!(is_busy(&other, "order/7").await);
    lease.release().await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn the_master_that_sentinel_promotes_is_used_and_a_lease_it_has_not_is_lost() {
    let mut sentinel = Sentinel::start();
    let (locks, other) = (sentinel.contender(), sentinel.contender());
    let (lease, _) = take(&locks, &keys(["order"])).await;
    sentinel.fail_over();
    // Replication is asynchronous: this is a replica that the key had not reached.
    sentinel.replica.command(&["FLUSHALL"]).expect("flushed");
    let (next, busy) = take(&other, &keys(["order"])).await;
    assert!(busy.is_empty(), "a second holder, whom the database refuses");
    timeout(TTL * 2, lease.lost()).await.expect("the new master has it not");
    lease.release().await;
    assert!(is_busy(&locks, "order").await);
    next.release().await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_demoted_master_is_left() {
    let sentinel = Sentinel::start();
    let locks = sentinel.contender();
    take(&locks, &keys(["order"])).await.0.release().await;
    until("the failover begins", || sentinel.command(&["SENTINEL", "FAILOVER", "orders"]).is_some());
    until("the old master follows", || {
        sentinel.master.command(&["ROLE"]).is_some_and(|role| role.contains("slave"))
    });
    let (lease, _) = take(&locks, &keys(["order"])).await;
    assert_eq!(sentinel.replica.leases().len(), 1, "taken from the new master");
    lease.release().await;
}

#[tokio::test]
async fn addresses_that_do_not_read_are_refused() {
    for (urls, expected) in [
        (vec!["redis+sentinel://127.0.0.1:26379"], "redis+sentinel://[user:password@]host:26379/master_name"),
        (vec!["redis+sentinel://a:1/one", "redis+sentinel://b:1/other"], "different masters"),
        (vec!["redis://a", "redis://b"], "redis+cluster://"),
        (vec![], "lock.urls is empty"),
    ] {
        let urls: Vec<String> = urls.into_iter().map(str::to_owned).collect();
        let error = Locks::new(&settings("redis", &urls)).expect_err("wrong");
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_cluster_that_is_away_is_unavailable_within_a_call() {
    let urls = [format!("redis+cluster://127.0.0.1:{}", free_port())];
    let asked_at = std::time::Instant::now();
    assert!(matches!(locks("redis", &urls).acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    assert!(asked_at.elapsed() < TTL / 2 + Duration::from_millis(200));
}
