//! Told of settlements: what came of an expectation is told as orders are, whenever anything of it changes.

use http::Method;
use serde_json::{Value, json};

use crate::receiver::{Receiver, SECRET};
use crate::servers::eventually;
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// A world that tells an endpoint `shop` of settlements alone. The ledger is called as the source is.
fn telling(plan: Plan, receiver: &Receiver) -> Plan {
    plan.set("endpoints.shop.url", &format!("'{}'", receiver.url()))
        .set("endpoints.shop.secrets", &format!("['{SECRET}']"))
        .set("endpoints.shop.types", "['settlement.*']")
}

async fn expects(world: &World, order: &str, amount: i64, revision: i64) {
    let terms = json!({ "amount": amount, "currency": "USD", "revision": revision });
    let stated = world.replicas[0].put_admin(&format!("/api/v1/expectations/stripe/{order}"), &terms).await;
    assert_eq!(stated.status, 201);
}

/// What the endpoint knows last of the order's settlement.
fn last(receiver: &Receiver, order: &str) -> Option<Value> {
    let told = receiver.announcements().into_iter().filter(|told| told["data"]["order"] == order);
    told.max_by_key(|told| (told["data"]["epoch"].as_i64(), told["data"]["version"].as_i64()))
}

async fn is_told(receiver: &Receiver, order: &str, settlement: &str, due: i64) -> Value {
    eventually(&format!("{order} is {settlement}, due {due}"), async || {
        let told = last(receiver, order)?;
        (told["type"] == format!("settlement.{settlement}") && told["data"]["due"] == due).then_some(told)
    })
    .await
}

/// The whole log, page by page.
async fn asked(world: &World, limit: usize) -> Vec<Value> {
    let (mut told, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/announcements?limit={limit}&after={after}");
        let page = world.replicas[0].admin(&path).await.json();
        told.extend(page["announcements"].as_array().unwrap().clone());
        page["after"].as_str().unwrap().clone_into(&mut after);
        if page["at_end"] == true {
            return told;
        }
    }
}

#[tokio::test]
async fn a_settlement_is_told_whenever_anything_of_it_changes_and_only_then() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        let world = telling(plan, &receiver).start().await;
        expects(&world, "order-1", 1_500, 1).await;
        let first = is_told(&receiver, "order-1", "unpaid", 1_500).await;
        let order = payment("pi_1").of_order("order-1");
        world.send(&order.succeeded()).await;
        let second = is_told(&receiver, "order-1", "underpaid", 500).await;
        expects(&world, "order-1", 1_000, 2).await;
        let third = is_told(&receiver, "order-1", "settled", 0).await;
        world.send(&order.refunded("re_1", 400)).await;
        let fourth = is_told(&receiver, "order-1", "settled", 400).await;

        let data = &fourth["data"];
        for (name, value) in [
            ("ledger", json!("stripe")),
            ("settlement", json!("settled")),
            ("revision", json!(2)),
            ("currency", json!("USD")),
            ("expected", json!(1_000)),
            ("captured", json!(1_000)),
            ("refunded", json!(400)),
            ("held", json!(600)),
            ("anomalies", json!([])),
        ] {
            assert_eq!(data[name], value, "{name}: {fourth}");
        }
        let versions = [first, second, third, fourth].map(|told| told["data"]["version"].as_i64().unwrap());
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");

        // What moves no money and states nothing is settled again, and told by nobody.
        world.send(&order.of_type("payment_intent.created")).await;
        world.database.execute("update settlements set stale = true, marks = marks + 1").await;
        expects(&world, "order-2", 700, 1).await;
        is_told(&receiver, "order-2", "unpaid", 700).await;
        assert_eq!(receiver.times("order-1"), 4);
        assert!(receiver.announcements().iter().all(|told| told["data"].get("source").is_none()));

        // Who asks is told of both, however the pages fall, each once.
        for limit in [1, 2, 100] {
            let told = asked(&world, limit).await;
            let types: Vec<&str> = told.iter().map(|told| told["type"].as_str().unwrap()).collect();
            let last = |of: &str, what: &str| {
                told.iter().rfind(|told| {
                    told["data"]["order"] == of && told["type"].as_str().unwrap().starts_with(what)
                })
            };
            assert_eq!(last("order-1", "order.").unwrap()["type"], "order.partially_refunded", "{types:?}");
            assert_eq!(last("order-1", "settlement.").unwrap()["data"]["due"], 400, "{types:?}");
            assert_eq!(last("order-2", "settlement.").unwrap()["type"], "settlement.unpaid", "{types:?}");
        }
        world.audit_is_clean().await;
    }
}

#[tokio::test]
async fn a_settlement_that_is_refused_waits_and_all_are_told_again_in_a_new_epoch() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        let plan = telling(plan, &receiver).set("endpoints.shop.types", "['*']");
        let world = plan.set("endpoints.shop.retry_s", "[2]").set("announce.page_orders", "3").start().await;
        receiver.answers(|told| {
            let is_poison = told["type"] == "settlement.unpaid" && told["data"]["order"] == "order-1";
            crate::receiver::Reply::status(if is_poison { 422 } else { 200 })
        });
        for number in 1..8 {
            expects(&world, &format!("order-{number}"), 1_000, 1).await;
        }
        eventually("it waits", async || {
            (world.count("announcement_waits").await == 1 && last(&receiver, "order-7").is_some())
                .then_some(())
        })
        .await;
        let waits = world.database.rows("select order_id, source, ledger from announcement_waits").await;
        assert_eq!(waits, [json!({ "order_id": "order-1", "source": "", "ledger": "stripe" })]);
        // The order of that name is another subject.
        world.send(&payment("pi_1").of_order("order-1").succeeded()).await;
        is_told(&receiver, "order-1", "settled", 0).await;
        eventually("nothing waits", async || (world.count("announcement_waits").await == 0).then_some(()))
            .await;
        let orders = receiver.announcements().into_iter().filter(|told| told["type"] == "order.paid");
        assert_eq!(orders.count(), 1);

        assert!(world.cli(&["announce", "new-epoch"]).await.status.success());
        eventually("all are told of the new epoch", async || {
            let new = receiver.announcements().into_iter().filter(|told| told["data"]["epoch"] == 2);
            let new: Vec<Value> = new.collect();
            let of = |what: &str| {
                new.iter().filter(|told| told["type"].as_str().unwrap().starts_with(what)).count()
            };
            (of("settlement.") >= 7 && of("order.") >= 1).then_some(())
        })
        .await;
        let again = world.replicas[0].ask_admin(Method::POST, "/api/v1/endpoints/shop/resync", &[]).await;
        assert_eq!(again.status, 200);
    }
}
