//! Busy is not a duplicate: a held lock never turns an event into a 2xx. It waits, and then commits or answers 503.

use std::time::{Duration, Instant};

use crate::webhooks::payment;
use crate::world::Plan;

#[tokio::test]
async fn two_different_events_of_one_order_at_once_are_both_applied() {
    let world = two_replicas().start().await;
    let payment = payment("pi_1").of_order("order-1");
    let (captured, refunded) = (payment.succeeded(), payment.charge_refunded(400));

    let (first, second) = tokio::join!(world.replicas[0].send(&captured), world.replicas[1].send(&refunded));

    assert_eq!((first.outcome(), second.outcome()), ("applied".to_owned(), "applied".to_owned()));
    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [0, 1_000, 400, 0]));
}

#[tokio::test]
async fn an_event_whose_order_stays_busy_is_sent_back_after_the_wait_and_applied_the_next_time() {
    let world = two_replicas().set("lock.wait_ms", "400").start().await;
    let payment = payment("pi_1").of_order("order-1");
    let (holding, waiting) = (payment.succeeded(), payment.charge_refunded(400));

    let reply = world.proxies[0].hold_reply_to(&holding.id);
    let wait = async {
        reply.is_there().await;
        let started = Instant::now();
        let answer = world.replicas[1].send(&waiting).await;
        reply.release();
        (answer, started.elapsed())
    };
    let (held, (refused, waited)) = tokio::join!(world.replicas[0].send(&holding), wait);

    assert_eq!(held.outcome(), "applied");
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert!(waited >= Duration::from_millis(400), "{waited:?}");
    assert_eq!(world.replicas[1].metric("paylatch_lock_busy_timeouts_total", &[]).await, 1.0);
    assert_eq!(world.replicas[1].send(&waiting).await.outcome(), "applied");
}

#[tokio::test]
async fn an_event_whose_order_becomes_free_within_the_wait_is_applied() {
    let world = two_replicas().start().await;
    let payment = payment("pi_1").of_order("order-1");
    let (holding, waiting) = (payment.succeeded(), payment.charge_refunded(400));

    let reply = world.proxies[0].hold_reply_to(&holding.id);
    let release = async {
        reply.is_there().await;
        let waiting = world.replicas[1].send(&waiting);
        tokio::pin!(waiting);
        let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
        assert!(early.is_err(), "it was answered while the order was busy: {early:?}");
        reply.release();
        waiting.await
    };
    let (held, waited) = tokio::join!(world.replicas[0].send(&holding), release);

    assert_eq!((held.outcome(), waited.outcome()), ("applied".to_owned(), "applied".to_owned()));
}

#[tokio::test]
async fn a_holder_that_is_killed_costs_the_next_event_a_wait_and_no_refusal() {
    let world = two_replicas().start().await;
    let payment = payment("pi_1").of_order("order-1");
    let (lost, next) = (payment.succeeded(), payment.charge_refunded(400));

    let reply = world.proxies[0].hold_reply_to(&lost.id);
    let murder = async {
        reply.is_there().await;
        world.replicas[0].kill();
    };
    let (unanswered, ()) = tokio::join!(world.replicas[0].try_send(&lost), murder);

    assert!(unanswered.is_err(), "{unanswered:?}");
    assert_eq!(world.replicas[1].send(&next).await.outcome(), "applied");
    assert_eq!(world.replicas[1].send(&lost).await.outcome(), "applied");
    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [0, 1_000, 400, 0]));
}

/// A lock service that is slow to answer would be gone without; on a machine with much else to do it is waited for.
fn two_replicas() -> Plan {
    Plan::postgres().replicas(2).set("lock.call_timeout_ms", "1000")
}
