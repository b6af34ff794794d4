//! One row, counted up by several processes: each reads it, sleeps, and writes one more, under a lease.
//!
//! What each kind of guard can promise, over every service that processes share:
//! - *A lock alone* loses no update when holders are killed, as long as those that live check their lease before they
//!   write. It cannot help against a holder that is stopped just after its check: then the update of another is lost.
//! - *With its fencing token*, shown to the row with the read and with the write, nothing is lost whatever happens, also
//!   when the service forgets. Shown with the write alone it would not do: who read before the next holder did may still
//!   write before it does.
//! - Redlock has no token. The version of the row does the same, there as everywhere.

mod race;
mod row;
mod worker;

use std::time::Duration;

use race::Race;
use worker::Guard;

#[cfg(feature = "zookeeper")]
use crate::servers::ZooKeeper;
use crate::servers::{Cluster, Etcd, LockService, Nodes, Postgres, Redis, Sentinel};

/// A service that can be made to fail as it does in practice.
trait Fragile: LockService {
    /// What writers need beside the lock, so that nothing is lost.
    const GUARD: Guard = Guard::Fence;

    fn fail(&mut self);
}

async fn a_holder_that_is_killed_loses_nothing_under_the_lock_alone(service: impl Fragile) {
    let mut race = Race::start(&service, Guard::Ensure, Duration::from_secs(2)).await;
    for _ in 0..2 {
        race.goes_on_for(5).await;
        race.kill_a_holder().await;
    }
    race.goes_on_for(5).await;

    let count = race.finish().await;

    assert_eq!(count.lost, 0, "{count:?}");
}

/// The control: without a check at the row, who was stopped overwrites what others have counted.
async fn a_holder_that_is_stopped_past_its_ttl_loses_updates_under_the_lock_alone(service: impl Fragile) {
    let mut race = Race::start(&service, Guard::Nothing, Duration::from_secs(1)).await;
    race.until("an update is lost", async |race| {
        let stopped = race.stop_a_holder().await;
        race.goes_on_for(3).await;
        race.let_go(stopped);
        race.goes_on_for(1).await;
        race.count().await.lost > 0
    })
    .await;
    race.finish().await;
}

async fn nothing_is_lost_with_the_check_at_the_row_whatever_happens<S: Fragile>(mut service: S) {
    let mut race = Race::start(&service, S::GUARD, Duration::from_secs(1)).await;
    race.kill_a_holder().await;
    race.until("a stale write is refused", async |race| {
        let stopped = race.stop_a_holder().await;
        race.goes_on_for(3).await;
        race.let_go(stopped);
        race.goes_on_for(1).await;
        race.count().await.refused > 0
    })
    .await;
    let stopped = race.stop_a_holder().await;
    service.fail();
    race.goes_on_for(3).await;
    race.let_go(stopped);
    race.goes_on_for(3).await;

    let count = race.finish().await;

    assert_eq!(count.lost, 0, "{count:?}");
}

/// The control of all: it is the lock that keeps them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_lock_updates_are_lost() {
    let mut race = Race::start(&Redis::start(), Guard::NoLock, Duration::from_secs(1)).await;
    race.goes_on_for(50).await;
    let count = race.finish().await;
    assert!(count.lost > 0, "{count:?}");
}

/// Why the token is shown with the read too. Both holders have read 0, the first one's lease has ended since.
#[test]
fn a_token_that_is_shown_with_the_write_alone_loses_an_update() {
    let postgres = Postgres::start();
    postgres.query("create table counter as select 0 as value, 0 as fence");
    let write = |fence| {
        let write = "update counter set value = 1, fence = FENCE where fence < FENCE returning value";
        postgres.query(&write.replace("FENCE", fence))
    };

    assert_eq!([write("1"), write("2")], ["1", "1"], "both are taken");

    assert_eq!(postgres.query("select value from counter"), "1", "one of two is counted");
}

macro_rules! over {
    ($name:ident, $(#[$ignore:meta])? $service:ident) => {
        mod $name {
            over! { [$(#[$ignore])?] $service:
                a_holder_that_is_killed_loses_nothing_under_the_lock_alone
                a_holder_that_is_stopped_past_its_ttl_loses_updates_under_the_lock_alone
                nothing_is_lost_with_the_check_at_the_row_whatever_happens
            }
        }
    };
    ($attributes:tt $service:ident: $($sentence:ident)*) => {
        $(over! { $attributes $service, $sentence })*
    };
    ([$(#[$ignore:meta])?] $service:ident, $sentence:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$ignore])?
        async fn $sentence() {
            super::$sentence(super::$service::start()).await;
        }
    };
}

over!(redis, Redis);
over!(redlock, Nodes);
over!(postgres, Postgres);
over!(
    cluster,
    #[ignore = "run by scripts/test --all"]
    Cluster
);
over!(
    sentinel,
    #[ignore = "run by scripts/test --all"]
    Sentinel
);
over!(
    etcd,
    #[ignore = "run by scripts/test --all"]
    Etcd
);
#[cfg(feature = "zookeeper")]
over!(
    zookeeper,
    #[ignore = "run by scripts/test --all"]
    ZooKeeper
);

impl Fragile for Redis {
    fn fail(&mut self) {
        self.command(&["FLUSHALL"]).expect("flushed");
    }
}

impl Fragile for Nodes {
    const GUARD: Guard = Guard::Version;

    fn fail(&mut self) {
        for node in &self.0[1..] {
            node.command(&["FLUSHALL"]).expect("flushed");
        }
    }
}

impl Fragile for Cluster {
    fn fail(&mut self) {
        self.fail_over();
    }
}

impl Fragile for Sentinel {
    fn fail(&mut self) {
        self.fail_over();
    }
}

impl Fragile for Postgres {
    fn fail(&mut self) {
        self.restart();
    }
}

impl Fragile for Etcd {
    fn fail(&mut self) {
        self.restart();
    }
}

#[cfg(feature = "zookeeper")]
impl Fragile for ZooKeeper {
    fn fail(&mut self) {
        self.restart();
    }
}
