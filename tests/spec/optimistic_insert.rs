//! Nothing is loaded for an event that looks new while such events prove new. What looks new and is not, because another
//! replica stored it, is refused by the keys and decided from a load: it has its effect once.

use crate::client::Answer;
use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn an_event_that_another_replica_stored_is_a_duplicate_although_it_was_presumed_new() {
    let world = two_replicas().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let answer = send_to_each(&world, &webhook, &webhook).await;

    assert_eq!(answer, ("duplicate".to_owned(), Some("order-1".to_owned())));
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn a_payment_that_another_replica_stored_gets_both_facts_although_it_was_presumed_new() {
    let world = two_replicas().await;
    let payment = payment("pi_1").of_order("order-1");

    let answer = send_to_each(&world, &payment.authorized(), &payment.succeeded()).await;

    assert_eq!(answer, ("applied".to_owned(), Some("order-1".to_owned())));
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn a_payment_whose_order_another_replica_knows_keeps_that_order_although_it_was_presumed_new() {
    let world = two_replicas().await;
    let claims_an_order = payment("pi_1").of_order("order-1").authorized();
    let claims_none = payment("pi_1").succeeded();

    let answer = send_to_each(&world, &claims_an_order, &claims_none).await;

    assert_eq!(answer, ("applied".to_owned(), Some("order-1".to_owned())));
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn an_order_that_another_replica_stored_gets_both_payments_although_it_was_presumed_new() {
    let world = two_replicas().await;
    let (first, second) = (payment("pi_1").of_order("order-1"), payment("pi_2").of_order("order-1"));

    let answer = send_to_each(&world, &first.succeeded(), &second.amount(500).succeeded()).await;

    assert_eq!(answer, ("applied".to_owned(), Some("order-1".to_owned())));
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_500, 0, 0]));
    world.audit_is_clean().await;
}

#[tokio::test]
async fn an_event_of_a_payment_that_is_remembered_is_never_presumed_new() {
    let world = two_replicas().await;
    learn_that_events_are_new(&world).await;
    let presumed = world.replicas[0].metric(PRESUMED, &["new"]).await;

    let payment = payment("pi_1").of_order("order-1");
    world.replicas[0].send(&payment.authorized()).await;
    world.replicas[0].send(&payment.succeeded()).await;
    world.replicas[0].send(&payment.refunded("re_1", 400)).await;

    assert_eq!(world.replicas[0].metric(PRESUMED, &["new"]).await, presumed + 1.0, "the first one only");
    assert_eq!(world.replicas[0].metric(PRESUMED, &["known"]).await, 0.0);
    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [1_000, 1_000, 400, 0]));
}

#[tokio::test]
async fn an_event_whose_data_the_database_refuses_by_now_is_still_a_duplicate() {
    let world = two_replicas().await;
    learn_that_events_are_new(&world).await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();
    world.replicas[1].send(&webhook).await;
    world.database.execute(&refusing(&webhook.id)).await;

    let answer = world.replicas[0].send(&webhook).await;

    assert_eq!(world.replicas[0].metric(PRESUMED, &["unsaved"]).await, 1.0, "it was presumed to be new");
    assert_eq!(receipt(&answer), ("duplicate".to_owned(), Some("order-1".to_owned())));
    assert_eq!(world.event(&webhook.id).await.unwrap()["outcome"], "applied");
    assert_eq!(world.count("conflicts").await, 0);
}

const PRESUMED: &str = "paylatch_unloaded_inserts_total";

async fn two_replicas() -> World {
    Plan::postgres().replicas(2).set("intake.lanes", "1").start().await
}

/// Sends one webhook to the second replica, then another to the first, which presumes that it is new; tells the outcome and
/// the order that it answers.
async fn send_to_each(world: &World, stored: &Webhook, presumed: &Webhook) -> (String, Option<String>) {
    learn_that_events_are_new(world).await;
    world.replicas[1].send(stored).await;
    let answer = world.replicas[0].send(presumed).await;
    assert_eq!(world.replicas[0].metric(PRESUMED, &["known"]).await, 1.0, "it was presumed to be new");
    receipt(&answer)
}

/// The outcome and the order that a webhook's only event is answered.
fn receipt(answer: &Answer) -> (String, Option<String>) {
    let order = answer.json()["receipts"][0]["order"].as_str().map(str::to_owned);
    (answer.outcome(), order)
}

/// Before any key is asked, Postgres refuses to insert the event, as it does with data that a column cannot hold.
fn refusing(event: &str) -> String {
    format!(
        "create function refuse() returns trigger language plpgsql as $$
             begin raise exception 'refused' using errcode = '22P05'; end $$;
         create trigger refuse before insert on events for each row when (new.event_id = '{event}')
             execute function refuse()"
    )
}

/// Sends the first replica new events until it saves one without a load.
async fn learn_that_events_are_new(world: &World) {
    // Until it has counted for the first time it opens connections, and each of them ends what was learnt.
    eventually("the first count", async || {
        let metrics = world.replicas[0].admin("/metrics").await.body;
        String::from_utf8_lossy(&metrics).contains("\npaylatch_conflicts ").then_some(())
    })
    .await;
    for number in 0..64 {
        world.replicas[0].send(&payment(&format!("pi_new_{number}")).succeeded()).await;
        if world.replicas[0].metric(PRESUMED, &["new"]).await > 0.0 {
            return;
        }
    }
    panic!("64 new events in a row, and still each is loaded");
}
