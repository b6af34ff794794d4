//! Interleavings that lose or double money where the database is not asked twice. Replicas have no lock in common here;
//! the proxy holds the reply to a load, so that another replica commits between it and the save.

use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn two_replicas_that_create_one_payment_count_both_events() {
    let world = two_replicas().await;
    let payment = payment("pi_1").of_order("order-1");

    at_once(&world, &payment.succeeded(), &payment.refunded("re_1", 400)).await;

    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [0, 1_000, 400, 0]));
    nothing_is_stranded(&world).await;
}

#[tokio::test]
async fn two_events_that_teach_a_payment_its_order_at_once_agree_on_the_better_claim() {
    let world = two_replicas().await;
    world.send(&payment("pi_1").authorized()).await;

    let by_metadata = payment("pi_1").of_order("order-1").succeeded();
    let by_cart = payment("pi_1").checkout_completed("cart-1");
    at_once(&world, &by_metadata, &by_cart).await;

    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
    nothing_is_stranded(&world).await;
}

#[tokio::test]
async fn a_fact_for_a_provisional_order_that_is_merged_away_meanwhile_follows_it() {
    let world = two_replicas().await;
    world.send(&payment("pi_1").succeeded()).await;

    let refund = payment("pi_1").refunded("re_1", 400);
    let merge = payment("pi_1").of_order("order-1").charge_succeeded();
    while_one_is_held(&world, &refund, &merge).await;

    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [0, 1_000, 400, 0]));
    nothing_is_stranded(&world).await;
}

#[tokio::test]
async fn a_merge_takes_along_a_fact_that_was_committed_meanwhile() {
    let world = two_replicas().await;
    world.send(&payment("pi_1").succeeded()).await;

    let refund = payment("pi_1").refunded("re_1", 400);
    let merge = payment("pi_1").of_order("order-1").charge_succeeded();
    while_one_is_held(&world, &merge, &refund).await;

    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [0, 1_000, 400, 0]));
    nothing_is_stranded(&world).await;
}

#[tokio::test]
async fn a_failed_refund_and_its_refund_committed_at_once_cancel_out() {
    let world = two_replicas().await;
    let payment = payment("pi_1").of_order("order-1");
    world.send(&payment.succeeded()).await;

    at_once(&world, &payment.refund_failed("re_1", 400), &payment.refunded("re_1", 400)).await;

    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    nothing_is_stranded(&world).await;
}

#[tokio::test]
async fn merges_that_cross_do_not_block_each_other() {
    let world = Plan::postgres().replicas(2).without_a_shared_lock().owning_servers().start().await;
    let mut world = world;
    for round in 0..10 {
        let (a, b) = (format!("a-{round}"), format!("b-{round}"));
        let (to_b, to_a) = (format!("pi_1_{round}"), format!("pi_2_{round}"));
        world.send(&payment(&to_b).checkout_completed(&a)).await;
        world.send(&payment(&to_a).checkout_completed(&b)).await;

        at_once(
            &world,
            &payment(&to_b).of_order(&b).charge_succeeded(),
            &payment(&to_a).of_order(&a).charge_succeeded(),
        )
        .await;

        assert_eq!(world.money(&a).await, ("paid".to_owned(), [0, 1_000, 0, 0]));
        assert_eq!(world.money(&b).await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    }
    world.audit_is_clean().await;
    assert!(!world.postgres.as_mut().unwrap().log().contains("deadlock"));
}

async fn two_replicas() -> World {
    Plan::postgres().replicas(2).without_a_shared_lock().start().await
}

/// Both replicas load before either saves.
async fn at_once(world: &World, first: &Webhook, second: &Webhook) {
    let held = [world.proxies[0].hold_reply_to(&first.id), world.proxies[1].hold_reply_to(&second.id)];
    let release = async {
        held[0].is_there().await;
        held[1].is_there().await;
        held[0].release();
        held[1].release();
    };
    let (first, second, ()) =
        tokio::join!(world.replicas[0].send(first), world.replicas[1].send(second), release);
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
}

/// One replica loads `held`; another commits `meanwhile`; then the first goes on to save.
async fn while_one_is_held(world: &World, held: &Webhook, meanwhile: &Webhook) {
    let reply = world.proxies[0].hold_reply_to(&held.id);
    let commit = async {
        reply.is_there().await;
        let answer = world.replicas[1].send(meanwhile).await;
        reply.release();
        answer
    };
    let (held, meanwhile) = tokio::join!(world.replicas[0].send(held), commit);
    assert_eq!((held.status.as_u16(), meanwhile.status.as_u16()), (200, 200));
}

async fn nothing_is_stranded(world: &World) {
    assert_eq!(world.count("orders").await, 1);
    world.audit_is_clean().await;
}
