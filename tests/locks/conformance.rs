//! The contract of every backend, a sentence each.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use paylatch::lock::{Attempt, Locks, Skew};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::servers::LockService;
use crate::{TTL, is_busy, keys, locks, renewed, take, take_all};

/// A lock service under test.
pub(crate) trait Service: LockService {
    /// Somebody who contends for its keys: another process, as far as the service can tell.
    fn contender(&self) -> Locks {
        locks(self.backend(), &self.urls())
    }

    /// The time after which the service has freed the keys of a holder who vanished.
    fn lapse(&self) -> Duration {
        TTL * 2
    }

    /// Whether one of its addresses has nobody behind it, which its health must say.
    fn has_a_member_away(&self) -> bool {
        false
    }

    /// Whether it has clocks but ours.
    fn has_clocks(&self) -> bool {
        true
    }
}

/// The whole contract as tests over the service that `$start` yields; after `#[ignore]`, only for `scripts/test --all`.
macro_rules! every_test {
    (#[ignore] $start:expr) => {
        $crate::conformance::sentences! { $start; #[ignore = "run by scripts/test --all"] }
    };
    ($start:expr) => {
        $crate::conformance::sentences! { $start; }
    };
}

macro_rules! sentences {
    ($start:expr; $(#[$ignore:meta])?) => {
        $crate::conformance::sentences! { $start; [$(#[$ignore])?]
            one_of_32_contenders_wins
            a_batch_takes_what_is_free_and_names_what_is_busy
            a_key_named_twice_counts_once
            five_hundred_keys_are_taken_and_given_back_together
            no_keys_need_no_lease
            a_released_key_is_free_at_once
            a_dropped_lease_is_given_back
            a_holder_that_panics_gives_back
            a_lease_is_renewed_while_it_is_held
            a_grant_that_is_learnt_of_after_its_end_is_no_lease
            a_holder_that_slept_past_its_ttl_has_lost_the_lease_and_cannot_free_the_next_one
            overlapping_batches_of_16_tasks_exclude_each_other_and_never_deadlock
            a_future_dropped_at_any_point_leaves_nothing_behind
            a_release_dropped_at_any_point_gives_back_all_the_same
            a_probe_is_answered_and_leaves_nothing_behind
            what_is_held_is_listed_with_its_holder
            its_clocks_are_compared_with_ours
        }
    };
    ($start:expr; $attributes:tt $($sentence:ident)*) => {
        $($crate::conformance::sentence! { $start; $attributes $sentence })*
    };
}

macro_rules! sentence {
    ($start:expr; [$(#[$ignore:meta])?] $sentence:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $(#[$ignore])?
        async fn $sentence() {
            $crate::conformance::$sentence(&$start).await;
        }
    };
}
pub(crate) use {every_test, sentence, sentences};

/// Several nodes may split their votes so that nobody wins; then all try again. Two never win.
pub(crate) async fn one_of_32_contenders_wins(service: &impl Service) {
    let winners = Arc::new(AtomicU32::new(0));
    let mut contenders = JoinSet::new();
    for _ in 0..32 {
        let (locks, winners) = (service.contender(), winners.clone());
        contenders.spawn(async move {
            loop {
                let (lease, busy) = take(&locks, &keys(["order"])).await;
                if busy.is_empty() {
                    winners.fetch_add(1, Ordering::SeqCst);
                }
                if winners.load(Ordering::SeqCst) > 0 {
                    return lease;
                }
                sleep(Duration::from_millis(rand::random_range(0..50))).await;
            }
        });
    }
    // The leases stay alive until all have tried.
    let leases = contenders.join_all().await;
    assert_eq!(leases.iter().filter(|lease| lease.keys().len() == 1).count(), 1);
    assert_eq!(winners.load(Ordering::SeqCst), 1);
}

pub(crate) async fn a_batch_takes_what_is_free_and_names_what_is_busy(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    let (held, _) = take(&one, &keys(["b", "d"])).await;
    let (lease, busy) = take(&other, &keys(["a", "b", "c", "d"])).await;
    assert_eq!(lease.keys().collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(busy, keys(["b", "d"]));
    drop(held);
}

pub(crate) async fn a_key_named_twice_counts_once(service: &impl Service) {
    let (lease, busy) = take(&service.contender(), &keys(["a", "a"])).await;
    assert_eq!((lease.keys().len(), busy.len()), (1, 0));
}

pub(crate) async fn five_hundred_keys_are_taken_and_given_back_together(service: &impl Service) {
    let many: Vec<String> = (0..500).map(|n| format!("order/{n}")).collect();
    let (one, other) = (service.contender(), service.contender());
    // A call that is not answered in time may have taken keys that are then handed back in the background.
    let lease = take_all(&one, &many, service.lapse()).await;
    assert_eq!(lease.keys().len(), 500);
    let (nothing, busy) = take(&other, &many).await;
    assert_eq!((nothing.keys().len(), busy.len()), (0, 500));
    lease.release().await;
    // A release that takes longer than a call goes on in the background.
    assert_eq!(take_all(&other, &many, service.lapse()).await.keys().len(), 500);
}

pub(crate) async fn no_keys_need_no_lease(service: &impl Service) {
    let (lease, busy) = take(&service.contender(), &[]).await;
    assert!(lease.keys().len() == 0 && busy.is_empty() && !lease.is_lost());
    lease.release().await;
}

pub(crate) async fn a_released_key_is_free_at_once(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    let (lease, _) = take(&one, &keys(["order"])).await;
    assert!(is_busy(&other, "order").await);
    lease.release().await;
    assert!(!is_busy(&other, "order").await);
}

pub(crate) async fn a_dropped_lease_is_given_back(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    drop(take(&one, &keys(["order"])).await);
    one.drain().await;
    assert!(!is_busy(&other, "order").await);
}

pub(crate) async fn a_holder_that_panics_gives_back(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    let holder = one.clone();
    let work = tokio::spawn(async move {
        let _lease = take(&holder, &keys(["order"])).await;
        std::panic::resume_unwind(Box::new("the work fails"));
    });
    assert!(work.await.is_err());
    one.drain().await;
    assert!(!is_busy(&other, "order").await);
}

pub(crate) async fn a_lease_is_renewed_while_it_is_held(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    let (lease, _) = take(&one, &keys(["order"])).await;
    // Three TTLs.
    for _ in 0..9 {
        renewed(&lease, 1).await;
        assert!(is_busy(&other, "order").await && !lease.is_lost());
    }
}

/// A process that stands still while the answer is under way counts from its question.
pub(crate) async fn a_grant_that_is_learnt_of_after_its_end_is_no_lease(service: &impl Service) {
    let (sleeper, next) = (service.contender(), service.contender());
    let sleeper = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            take(&sleeper, &keys(["probe"])).await.0.release().await;
            let batch = keys(["order"]);
            let mut attempt = Box::pin(sleeper.acquire_each(&batch));
            if let Some(Attempt::Acquired { lease, .. }) = attempt.as_mut().now_or_never() {
                // Answered at once: there is no way on which it could be late.
                return lease.release().await;
            }
            // The question leaves; nothing looks for the answer yet.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            thread::sleep(TTL * 2);
            if let Attempt::Acquired { lease, .. } = attempt.await {
                assert!(lease.keys().len() == 0 || !lease.is_lost(), "it was over before it was handed out");
            }
            sleeper.drain().await;
        });
    });
    sleeper.await.expect("no lease that is lost");
    take_all(&next, &keys(["order"]), service.lapse()).await.release().await;
}

pub(crate) async fn a_holder_that_slept_past_its_ttl_has_lost_the_lease_and_cannot_free_the_next_one(
    service: &impl Service,
) {
    let (sleeper, next, third) = (service.contender(), service.contender(), service.contender());
    let (asleep, is_asleep) = tokio::sync::oneshot::channel();
    let (wake, woken) = mpsc::channel::<()>();
    // A runtime that nobody drives stands still like a process that is not scheduled, its renewal included.
    let sleeper = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (lease, _) = runtime.block_on(take(&sleeper, &keys(["order"])));
        asleep.send(()).expect("the test waits");
        woken.recv().expect("the test wakes it");
        let lost = lease.is_lost();
        runtime.block_on(async {
            sleep(TTL / 2).await;
            lease.release().await;
            sleeper.drain().await;
        });
        lost
    });
    is_asleep.await.expect("it has the lease");
    let lease = take_all(&next, &keys(["order"]), service.lapse()).await;
    wake.send(()).expect("it sleeps");
    let sleeper = tokio::task::spawn_blocking(|| sleeper.join().expect("it does not panic"));
    assert!(sleeper.await.expect("it does not panic"), "the sleeper must know that its lease is lost");
    assert!(is_busy(&third, "order").await, "the late release must not free the key of the next holder");
    lease.release().await;
}

pub(crate) async fn overlapping_batches_of_16_tasks_exclude_each_other_and_never_deadlock(
    service: &impl Service,
) {
    let holders: Arc<HashMap<String, AtomicU32>> =
        Arc::new((0..6).map(|n| (format!("order/{n}"), AtomicU32::new(0))).collect());
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let (locks, holders) = (service.contender(), holders.clone());
        tasks.spawn(async move {
            for round in 0..8 {
                let batch: Vec<String> =
                    (0..3).map(|n| format!("order/{}", (task + round * n) % 6)).collect();
                let lease = take_all(&locks, &batch, Duration::from_secs(30)).await;
                for key in lease.keys() {
                    assert_eq!(holders[key].fetch_add(1, Ordering::SeqCst), 0, "two hold {key}");
                }
                tokio::task::yield_now().await;
                for key in lease.keys() {
                    holders[key].fetch_sub(1, Ordering::SeqCst);
                }
                lease.release().await;
            }
        });
    }
    timeout(Duration::from_secs(60), tasks.join_all()).await.expect("no deadlock");
}

pub(crate) async fn a_future_dropped_at_any_point_leaves_nothing_behind(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    let batch = keys(["a", "b"]);
    for polls in 0..8 {
        poll(polls, one.acquire_each(&batch)).await;
        one.drain().await;
        let (lease, busy) = take(&other, &batch).await;
        assert!(busy.is_empty(), "dropped after {polls} polls, {busy:?} stayed behind");
        lease.release().await;
    }
}

pub(crate) async fn a_release_dropped_at_any_point_gives_back_all_the_same(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    for polls in 0..4 {
        let (lease, _) = take(&one, &keys(["order"])).await;
        poll(polls, lease.release()).await;
        one.drain().await;
        assert!(!is_busy(&other, "order").await, "dropped after {polls} polls");
    }
}

pub(crate) async fn a_probe_is_answered_and_leaves_nothing_behind(service: &impl Service) {
    let locks = service.contender();
    take(&locks, &keys(["order"])).await.0.release().await;
    assert!(locks.is_available().await);
    locks.drain().await;
    assert_eq!(locks.held().await, Ok(Vec::new()));
}

/// Calls `forget` while a lease is held, which makes the service lose it as if its TTL had passed.
pub(crate) async fn forgotten(service: &impl Service, forget: impl AsyncFnOnce()) {
    let (one, other, third) = (service.contender(), service.contender(), service.contender());
    let (lease, _) = take(&one, &keys(["order"])).await;
    forget().await;
    timeout(TTL * 2, lease.lost()).await.expect("its holder learns that it is lost");
    let (next, busy) = take(&other, &keys(["order"])).await;
    assert!(busy.is_empty(), "a renewal must not take what is gone");
    lease.release().await;
    assert!(is_busy(&third, "order").await, "nor may its release free the key of the next holder");
    next.release().await;
}

pub(crate) async fn its_clocks_are_compared_with_ours(service: &impl Service) {
    const HOUR: Duration = Duration::from_secs(3600);
    let now = Duration::try_from(jiff::Timestamp::now().as_duration()).expect("later than 1970");
    let at = Instant::now();
    let clocks = service.contender().clocks().await;
    assert_eq!(!clocks.is_empty(), service.has_clocks());
    for clock in clocks {
        assert_eq!(clock.skew(now, at), None, "{clock:?} is this machine's");
        let ours_is = |now| clock.skew(now, at).expect("an hour is seen");
        assert!(matches!(ours_is(now - HOUR), Skew::Ahead(size) if size.abs_diff(HOUR) < TTL * 5));
        assert!(matches!(ours_is(now + HOUR), Skew::Behind(size) if size.abs_diff(HOUR) < TTL * 5));
    }
}

pub(crate) async fn what_is_held_is_listed_with_its_holder(service: &impl Service) {
    let (one, other) = (service.contender(), service.contender());
    assert_eq!(other.health().await.len(), usize::from(service.has_a_member_away()));
    assert_eq!(other.held().await, Ok(Vec::new()));
    let (lease, _) = take(&one, &keys(["a", "b"])).await;
    let (next, _) = take(&other, &keys(["c"])).await;
    let held = other.held().await.expect("an answer");
    assert_eq!(held.iter().map(|held| held.key.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(
        held.iter().all(|held| !held.lapses_in.is_zero() && held.lapses_in <= service.lapse()),
        "{held:?}"
    );
    let pid = std::process::id().to_string();
    assert!(held.iter().all(|held| held.owner.starts_with(&pid) && !held.owner.contains(':')), "{held:?}");
    assert_eq!(held[0].owner, held[1].owner);
    lease.release().await;
    next.release().await;
    assert_eq!(other.held().await, Ok(Vec::new()));
}

/// Polls `work` so many times at most, and drops it.
async fn poll<T>(times: usize, work: impl Future<Output = T>) {
    let mut work = Box::pin(work);
    let mut polled = 0;
    poll_fn(|context| {
        let done = polled == times || work.as_mut().poll(context).is_ready();
        polled += 1;
        if done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
