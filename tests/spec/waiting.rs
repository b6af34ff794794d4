//! Money that waits for too long is listed, counted and named: no event ever tells of it.

use serde_json::{Value, json};

use crate::servers::eventually;
use crate::webhooks::{now, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn money_that_waits_for_too_long_is_named_by_the_check_the_lists_and_the_gauge() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let world = plan.set("waiting.authorization", "'3d'").start().await;
        let day = 86_400;
        let held = |payment_id: &str, order: &str, days: i64| {
            payment(payment_id).of_order(order).authorized().at(now() - days * day)
        };
        let paid = payment("pi_3").of_order("order-3");
        let asked = json!({ "object": {
            "id": "re_1", "object": "refund", "amount": 400, "currency": "usd", "status": "pending", "payment_intent": "pi_3",
        }});
        let asked = paid.refunded("re_1", 400).with("data", asked).at(now() - 20 * day);
        world
            .outcomes(&[&held("pi_1", "order-1", 4), &held("pi_2", "order-2", 2), &paid.succeeded(), &asked])
            .await;

        let warned = warned(&world).await;
        assert_eq!(warned.len(), 2, "{warned:?}");
        assert!(
            warned[0].starts_with("1 order of stripe, longest order-3: waiting for its refund"),
            "{warned:?}"
        );
        assert!(warned[1].starts_with("1 order of stripe, longest order-1: waiting for its authorization"));

        let listed =
            world.cli(&["orders", "--waiting", "authorization", "--longer-than", "3d", "--json"]).await;
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(ids(&listed), ["order-1"]);
        let replica = &world.replicas[0];
        let over_http = async |query: &str| replica.admin(&format!("/api/v1/orders?{query}")).await;
        let all = over_http("waiting=authorization").await.json();
        assert_eq!(ids(&all["orders"]), ["order-1", "order-2"]);
        let old = over_http("waiting=authorization&longer_than_s=259200&source=stripe").await.json();
        assert_eq!(ids(&old["orders"]), ["order-1"]);
        for wrong in ["waiting=money", "longer_than_s=1"] {
            assert_eq!(over_http(wrong).await.status.as_u16(), 400, "{wrong}");
        }
        let attention = replica.admin("/api/v1/attention").await.json();
        assert_eq!(attention["waiting"][1]["oldest"], "order-1");

        let gauge = async |what| {
            let labels = ["source=\"stripe\"".to_owned(), format!("waiting=\"{what}\"")];
            replica.metric("paylatch_orders_waiting", &[&labels[0], &labels[1]]).await
        };
        // It counts when it starts, and twice a minute.
        replica.kill();
        replica.start_again().await;
        eventually("they are counted", async || (gauge("authorization").await == 1.0).then_some(())).await;
        world.outcomes(&[&payment("pi_1").of_order("order-1").succeeded()]).await;
        assert_eq!(warned_of(&world, "order-1").await, 0, "it was captured");
    }
}

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["order_id"].as_str().unwrap()).collect()
}

async fn warned_of(world: &World, order: &str) -> usize {
    warned(world).await.iter().filter(|told| told.contains(order)).count()
}

/// What the check says of what waits; it never fails for it.
async fn warned(world: &World) -> Vec<String> {
    let check = world.cli(&["check", "--json"]).await;
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    let parts: Value = serde_json::from_slice(&check.stdout).unwrap();
    let waiting = parts.as_array().unwrap().iter().filter(|part| part["part"] == "waiting");
    waiting.map(|part| part["found"].as_str().unwrap().to_owned()).collect()
}
