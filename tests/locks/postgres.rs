//! Leases in a table of Postgres, alone and behind a pooler in transaction mode.

use std::time::Instant;

use paylatch::lock::Attempt;
use tokio::task::JoinSet;

use crate::conformance::{Service, every_test, forgotten};
use crate::proxy::{
    a_cut_reply_is_asked_for_again, a_release_that_is_sent_twice_frees_no_later_holder,
    a_reply_that_stays_away_leaves_nothing_behind,
};
use crate::servers::{PgBouncer, Postgres};
use crate::{TTL, is_busy, keys, locks, renewed, take};

impl Service for Postgres {}

every_test!(Postgres::start());

#[tokio::test]
async fn a_release_that_is_sent_twice_frees_its_own_key_only() {
    a_release_that_is_sent_twice_frees_no_later_holder(&Postgres::start()).await;
}

#[tokio::test]
async fn a_reply_that_is_cut_after_the_server_acted_is_asked_for_again() {
    a_cut_reply_is_asked_for_again(&Postgres::start()).await;
}

#[tokio::test]
async fn a_reply_that_is_lost_leaves_no_key_behind() {
    a_reply_that_stays_away_leaves_nothing_behind(&Postgres::start()).await;
}

#[tokio::test]
async fn a_lease_that_the_service_forgot_is_lost_and_not_revived() {
    let postgres = Postgres::start();
    forgotten(&postgres, async || drop(postgres.query("update lock_leases set until = '-infinity'"))).await;
}

#[tokio::test]
async fn a_lock_needs_no_migration() {
    let postgres = Postgres::start();
    let (_lease, busy) = take(&postgres.contender(), &keys(["order"])).await;
    assert!(busy.is_empty());
    assert_eq!(postgres.query("select key from lock_leases"), "order");
}

#[tokio::test]
async fn a_key_may_hold_any_text() {
    let postgres = Postgres::start();
    let locks = postgres.contender();
    let odd = keys(["'; drop table lock_leases; --", "a\"b\\c", "größe/注文", "${x}", "$1", "{}"]);
    let (lease, busy) = take(&locks, &odd).await;
    assert_eq!((lease.keys().len(), busy.len()), (6, 0));
    assert!(is_busy(&locks, "größe/注文").await);
    lease.release().await;
    assert_eq!(postgres.query("select count(*) from lock_leases"), "0");
}

#[tokio::test]
async fn the_fence_grows_from_holder_to_holder_and_past_one_who_vanished() {
    let postgres = Postgres::start();
    let locks = postgres.contender();
    let (lease, _) = take(&locks, &keys(["order"])).await;
    let first = lease.fencing_token("order").expect("Postgres has a clock");
    postgres.query("update lock_leases set until = '-infinity', fence = fence + 3600000000");
    let (next, busy) = take(&postgres.contender(), &keys(["order"])).await;
    assert!(busy.is_empty());
    let second = next.fencing_token("order").expect("Postgres has a clock");
    assert!(second > first + 3_600_000_000, "also when the clock has stepped back");
    next.release().await;
}

#[tokio::test]
async fn a_frozen_server_costs_one_call_and_is_used_again_when_it_wakes() {
    let postgres = Postgres::start();
    let locks = postgres.contender();
    take(&locks, &keys(["probe"])).await.0.release().await;
    postgres.freeze();
    let asked_at = Instant::now();
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    assert!(asked_at.elapsed() < TTL, "{:?}", asked_at.elapsed());
    postgres.thaw();
    take(&locks, &keys(["probe"])).await.0.release().await;
    locks.drain().await;
    assert!(!is_busy(&postgres.contender(), "order").await, "what it did late is cleaned up");
}

#[tokio::test]
async fn a_restarted_server_is_used_again() {
    let postgres = Postgres::start();
    let locks = postgres.contender();
    take(&locks, &keys(["probe"])).await.0.release().await;
    postgres.restart();
    take(&locks, &keys(["probe"])).await.0.release().await;
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn a_pooler_in_transaction_mode_mixes_no_owners() {
    let postgres = Postgres::start();
    let pooler = PgBouncer::before(&postgres);
    let url = pooler.url();
    let mut contenders = JoinSet::new();
    for _ in 0..8 {
        let locks = locks("postgres", std::slice::from_ref(&url));
        contenders.spawn(async move {
            let mut held = 0;
            for _ in 0..25 {
                let (lease, busy) = take(&locks, &keys(["order"])).await;
                if busy.is_empty() {
                    held += 1;
                    assert!(
                        is_busy(&locks, "order").await,
                        "one's own lease is busy for a second acquisition"
                    );
                }
                lease.release().await;
            }
            held
        });
    }
    assert!(contenders.join_all().await.iter().sum::<u32>() > 0);
    assert_eq!(postgres.query("select count(*) from lock_leases"), "0");
    // Renewal too.
    let locks = locks("postgres", &[url]);
    let (lease, _) = take(&locks, &keys(["order"])).await;
    renewed(&lease, 4).await;
    assert!(!lease.is_lost() && is_busy(&postgres.contender(), "order").await);
}
