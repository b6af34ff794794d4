//! The reply to a save is cut off after it took effect: nobody knows, until the database is asked again.

use crate::webhooks::payment;
use crate::world::World;

#[tokio::test]
async fn an_event_whose_save_was_not_heard_of_is_applied_once_and_told_so() {
    let world = World::start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let cut = world.proxies[0].cut_reply_to(&webhook.id, 1);
    let answer = world.send(&webhook).await;

    cut.is_there().await;
    assert_eq!(answer.outcome(), "applied");
    assert_eq!(world.count("events").await, 1);
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
}

#[tokio::test]
async fn an_event_whose_load_was_not_heard_of_is_applied() {
    let world = World::start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let cut = world.proxies[0].cut_reply_to(&webhook.id, 0);
    let answer = world.send(&webhook).await;

    cut.is_there().await;
    assert_eq!(answer.outcome(), "applied");
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
}

#[tokio::test]
async fn cuts_at_every_save_of_an_order_double_nothing() {
    let world = World::start().await;
    let payment = payment("pi_1").of_order("order-1");
    let lifecycle = [payment.authorized(), payment.succeeded(), payment.refunded("re_1", 400)];

    for webhook in &lifecycle {
        let _cut = world.proxies[0].cut_reply_to(&webhook.id, 1);
        assert_eq!(world.send(webhook).await.outcome(), "applied");
        assert_eq!(world.send(webhook).await.outcome(), "duplicate");
    }

    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [1_000, 1_000, 400, 0]));
    world.audit_is_clean().await;
}
