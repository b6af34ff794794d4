//! Exactly once: an event, however often and however concurrently delivered, has its effect once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::client::Answer;
use crate::servers::eventually;
use crate::webhooks::payment;
use crate::world::{Plan, World};

#[tokio::test]
async fn an_event_delivered_200_times_at_once_to_two_replicas_is_applied_once() {
    let world = Plan::postgres().replicas(2).start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let answers = join_all((0..200).map(|number| world.replicas[number % 2].send(&webhook))).await;

    assert_eq!(outcomes(&answers), (1, 199));
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    duplicates_are_counted(&world, &webhook.id, 199).await;
    world.audit_is_clean().await;
}

#[tokio::test]
async fn an_event_delivered_200_times_at_once_over_sqlite_is_applied_once() {
    let world = Plan::sqlite().start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let answers = join_all((0..200).map(|_| world.send(&webhook))).await;

    assert_eq!(outcomes(&answers), (1, 199));
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    duplicates_are_counted(&world, &webhook.id, 199).await;
}

#[tokio::test]
async fn a_webhook_is_not_taken_for_another_that_has_its_body_and_another_id_in_a_header() {
    const SECRET: &str = "shpss_canary_0123456789abcdef";
    let plan = Plan::sqlite().set("sources.shopify.provider", "'shopify'");
    let world = plan.set("sources.shopify.secrets", &format!("['{SECRET}']")).start().await;
    let body = include_bytes!("../../fixtures/shopify/04-orders-paid.json");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let send = async |id: &str| {
        let headers = [
            ("x-shopify-hmac-sha256", signature.as_str()),
            ("x-shopify-topic", "orders/paid"),
            ("x-shopify-shop-domain", "shop.example"),
            ("x-shopify-api-version", "2026-07"),
            ("x-shopify-webhook-id", id),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        world.replicas[0].post("/webhooks/shopify", &headers, &body[..]).await.unwrap().outcome()
    };

    assert_eq!(send("one").await, "applied");
    assert_eq!(send("one").await, "duplicate");
    assert_eq!(send("two").await, "restated");
    assert_eq!(send("two").await, "duplicate");
    assert_eq!(world.count("events").await, 2);
}

#[tokio::test]
async fn a_replica_killed_in_a_storm_of_one_event_leaves_one_effect() {
    let world = Plan::postgres().replicas(2).start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let held = world.proxies[0].hold_reply_to(&webhook.id);
    let storm = join_all((0..200).map(async |number| {
        let first = world.replicas[number % 2].try_send(&webhook).await;
        match first {
            Ok(answer) if answer.status == 200 => answer,
            _ => world.replicas[1].send(&webhook).await,
        }
    }));
    let murder = async {
        held.is_there().await;
        world.replicas[0].kill();
    };
    let (answers, ()) = tokio::join!(storm, murder);

    assert_eq!(outcomes(&answers), (1, 199));
    assert_eq!(world.count("events").await, 1);
    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
}

#[tokio::test]
async fn two_events_that_state_the_same_movement_of_money_count_it_once() {
    for world in World::on_each_database().await {
        let payment = payment("pi_1").of_order("order-1");
        let (succeeded, charged, refunded) =
            (payment.succeeded(), payment.charge_succeeded(), payment.refunded("re_1", 400));

        let outcomes =
            world.outcomes(&[&succeeded, &charged, &refunded, &payment.charge_refunded(400)]).await;

        assert_eq!(outcomes, ["applied", "restated", "applied", "restated"]);
        assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [0, 1_000, 400, 0]));
    }
}

#[tokio::test]
async fn a_known_id_with_other_facts_is_a_conflict_and_the_first_stands() {
    for world in World::on_each_database().await {
        let first = payment("pi_1").of_order("order-1").succeeded();
        let second = payment("pi_1").of_order("order-1").amount(9_000).succeeded().with_id(&first.id);

        let outcomes = world.outcomes(&[&first, &second, &second, &first]).await;

        assert_eq!(outcomes, ["applied", "conflict", "conflict", "duplicate"]);
        assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
        let kept = world.database.rows("select event_id, payload from conflicts").await;
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0]["event_id"], first.id);
        assert_eq!(kept[0]["payload"], format!("\\x{}", hex::encode(&second.body)));
    }
}

#[tokio::test]
async fn an_event_that_differs_only_in_what_has_no_meaning_is_a_duplicate() {
    for world in World::on_each_database().await {
        let first = payment("pi_1").of_order("order-1").succeeded();
        let again = first.with("pending_webhooks", 0.into());

        let outcomes = world.outcomes(&[&first, &again]).await;

        assert_eq!(outcomes, ["applied", "duplicate"]);
        assert_eq!(world.count("conflicts").await, 0);
    }
}

#[tokio::test]
async fn a_duplicate_is_still_one_after_a_restart() {
    for world in World::on_each_database().await {
        let webhook = payment("pi_1").of_order("order-1").succeeded();
        assert_eq!(world.send(&webhook).await.outcome(), "applied");

        world.replicas[0].kill();
        world.replicas[0].start_again().await;

        assert_eq!(world.send(&webhook).await.outcome(), "duplicate");
    }
}

/// How many were applied, and how many are duplicates.
fn outcomes(answers: &[Answer]) -> (usize, usize) {
    let count = |outcome| answers.iter().filter(|answer| answer.outcome() == outcome).count();
    (count("applied"), count("duplicate"))
}

async fn duplicates_are_counted(world: &World, event: &str, expected: i64) {
    eventually("the duplicates are counted", async || {
        let row = world.event(event).await?;
        (row["duplicates"].as_i64()? == expected).then_some(())
    })
    .await;
}
