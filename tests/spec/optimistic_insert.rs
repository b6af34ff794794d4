//! Nothing is loaded for an event that looks new while such events prove new. What looks new and is not, because another
//! replica stored it, is refused by the keys and decided from a load: it has its effect once.

use crate::client::Answer;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn an_event_that_another_replica_stored_is_a_duplicate_although_it_was_presumed_new() {
    let world = two_replicas().await;

    let (order, answer) = send_to_each(&world, |order| {
        let webhook = payment(&format!("pi_{order}")).of_order(order).succeeded();
        [webhook.clone(), webhook]
    })
    .await;

    assert_eq!(receipt(&answer), ("duplicate".to_owned(), Some(order.clone())));
    assert_eq!(world.money(&order).await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn a_payment_that_another_replica_stored_gets_both_facts_although_it_was_presumed_new() {
    let world = two_replicas().await;

    let (order, answer) = send_to_each(&world, |order| {
        let payment = payment(&format!("pi_{order}")).of_order(order);
        [payment.authorized(), payment.succeeded()]
    })
    .await;

    assert_eq!(receipt(&answer), ("applied".to_owned(), Some(order.clone())));
    assert_eq!(world.money(&order).await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn a_payment_whose_order_another_replica_knows_keeps_that_order_although_it_was_presumed_new() {
    let world = two_replicas().await;

    let (order, answer) = send_to_each(&world, |order| {
        let payment = payment(&format!("pi_{order}"));
        let claims_none = payment.succeeded();
        [payment.of_order(order).authorized(), claims_none]
    })
    .await;

    assert_eq!(receipt(&answer), ("applied".to_owned(), Some(order.clone())));
    assert_eq!(world.money(&order).await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn an_order_that_another_replica_stored_gets_both_payments_although_it_was_presumed_new() {
    let world = two_replicas().await;

    let (order, answer) = send_to_each(&world, |order| {
        let payment_of = |number: u8| payment(&format!("pi_{order}_{number}")).of_order(order);
        [payment_of(1).succeeded(), payment_of(2).amount(500).succeeded()]
    })
    .await;

    assert_eq!(receipt(&answer), ("applied".to_owned(), Some(order.clone())));
    assert_eq!(world.money(&order).await, ("paid".to_owned(), [0, 1_500, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn an_event_of_a_payment_that_is_remembered_is_never_presumed_new() {
    let world = two_replicas().await;

    let (order, presumed) = until_presumed(&world, "new", async |order| {
        let presumed = world.replicas[0].metric(PRESUMED, &["new"]).await;
        let payment = payment(&format!("pi_{order}")).of_order(order);
        world.replicas[0].send(&payment.authorized()).await;
        world.replicas[0].send(&payment.succeeded()).await;
        world.replicas[0].send(&payment.refunded(&format!("re_{order}"), 400)).await;
        presumed
    })
    .await;

    assert_eq!(world.replicas[0].metric(PRESUMED, &["new"]).await, presumed + 1.0, "the first one only");
    assert_eq!(world.replicas[0].metric(PRESUMED, &["known"]).await, 0.0);
    assert_eq!(world.money(&order).await, ("partially_refunded".to_owned(), [1_000, 1_000, 400, 0]));
}

#[tokio::test]
async fn an_event_whose_data_the_database_refuses_by_now_is_still_a_duplicate() {
    let world = two_replicas().await;

    let (order, (event, answer)) = until_presumed(&world, "unsaved", async |order| {
        let webhook = payment(&format!("pi_{order}")).of_order(order).succeeded();
        world.replicas[1].send(&webhook).await;
        world.database.execute(&refusing(&webhook.id)).await;
        let answer = world.replicas[0].send(&webhook).await;
        (webhook.id, answer)
    })
    .await;

    assert_eq!(receipt(&answer), ("duplicate".to_owned(), Some(order)));
    assert_eq!(world.event(&event).await.unwrap()["outcome"], "applied");
    assert_eq!(world.count("conflicts").await, 0);
}

const PRESUMED: &str = "paylatch_unloaded_inserts_total";

async fn two_replicas() -> World {
    Plan::postgres().replicas(2).set("intake.lanes", "1").start().await
}

/// Sends one webhook to the second replica, then another to the first, which presumes that it is new; tells the order that both
/// were made for and the last answer.
async fn send_to_each(world: &World, webhooks_of: impl Fn(&str) -> [Webhook; 2]) -> (String, Answer) {
    until_presumed(world, "known", async |order| {
        let [stored, presumed] = webhooks_of(order);
        world.replicas[1].send(&stored).await;
        world.replicas[0].send(&presumed).await
    })
    .await
}

/// Lets the first replica learn that events are new, and does `work` for an order that it does not know, until one of them was
/// presumed to be new with this result: any connection that the replica opens meanwhile, also to count, ends what was learnt.
async fn until_presumed<T>(world: &World, result: &str, work: impl AsyncFn(&str) -> T) -> (String, T) {
    for attempt in 0..16 {
        learn_that_events_are_new(world, attempt).await;
        let (before, order) =
            (world.replicas[0].metric(PRESUMED, &[result]).await, format!("order-{attempt}"));
        let done = work(&order).await;
        if world.replicas[0].metric(PRESUMED, &[result]).await > before {
            return (order, done);
        }
    }
    panic!("16 times, and never was an event presumed to be new");
}

/// The outcome and the order that a webhook's only event is answered.
fn receipt(answer: &Answer) -> (String, Option<String>) {
    let order = answer.json()["receipts"][0]["order"].as_str().map(str::to_owned);
    (answer.outcome(), order)
}

/// Before any key is asked, Postgres refuses to insert the event, as it does with data that a column cannot hold.
fn refusing(event: &str) -> String {
    format!(
        "create or replace function refuse() returns trigger language plpgsql as $$
             begin raise exception 'refused' using errcode = '22P05'; end $$;
         create or replace trigger refuse before insert on events for each row when (new.event_id = '{event}')
             execute function refuse()"
    )
}

/// Sends the first replica new events until it saves one without a load.
async fn learn_that_events_are_new(world: &World, attempt: usize) {
    let before = world.replicas[0].metric(PRESUMED, &["new"]).await;
    for number in 0..64 {
        world.replicas[0].send(&payment(&format!("pi_new_{attempt}_{number}")).succeeded()).await;
        if world.replicas[0].metric(PRESUMED, &["new"]).await > before {
            return;
        }
    }
    panic!("64 new events in a row, and still each is loaded");
}
