//! Money that no event names an order for: it is shown and counted, a person says where it belongs, and can take that back.

use std::process::Output;

use serde_json::{Value, json};

use crate::servers::eventually;
use crate::webhooks::payment;
use crate::world::{Plan, World};

const ASSIGNMENT: &str = "/api/v1/payments/stripe/pi_1/assignment";

#[tokio::test]
async fn a_payment_without_an_order_is_assigned_by_command_and_by_the_api_and_that_is_undone() {
    let world = Plan::postgres().set("sources.stripe.mode", "'test'").start().await;
    world.outcomes(&[&payment("pi_1").succeeded(), &payment("pi_2").of_order("order-2").succeeded()]).await;
    assert_eq!(unclaimed(&world).await, ["pi_1"]);

    let assign = ["payments", "assign", "pi_1", "order-1", "--source", "stripe", "--note", "told by phone"];
    let told = said(&world.cli(&[&assign[..], &["--by", "ann", "--json"]].concat()).await);
    assert_eq!((&told["order"], &told["link"]), (&"order-1".into(), &"assigned".into()));
    assert_eq!(unclaimed(&world).await, [""; 0]);
    assert_eq!(world.money("order-1").await.1, [0, 1_000, 0, 0]);
    assert_eq!(world.order("pi_1").await, None, "the money is in one place");

    // An event that names another order comes later: what a person said stands.
    world.outcomes(&[&payment("pi_1").of_order("order-9").charge_succeeded()]).await;
    assert_eq!(world.money("order-1").await.1, [0, 1_000, 0, 0]);

    let undo = json!({ "order": "pi_1", "note": "it was another's" });
    let answer = world.replicas[0].post_admin(ASSIGNMENT, &undo).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["link"]), (200, &"known".into()));
    assert_eq!(world.money("order-9").await.1, [0, 1_000, 0, 0], "the events' word holds again");
    let again = json!({ "order": "order-2", "note": "it is" });
    assert_eq!(world.replicas[0].post_admin(ASSIGNMENT, &again).await.unwrap().status.as_u16(), 200);
    assert_eq!(world.money("order-2").await.1, [0, 2_000, 0, 0]);

    let actions = said(&world.cli(&["actions", "--json"]).await);
    let did: Vec<_> = actions.as_array().unwrap().iter().map(|row| (&row["actor"], &row["role"])).collect();
    let (api, shell) = ((&"the API".into(), &"operator".into()), (&"ann".into(), &"shell".into()));
    assert_eq!(did, [api, api, shell]);
    world.audit_is_clean().await;
}

#[tokio::test]
async fn money_that_nobody_claims_is_counted_and_fails_the_production_check_after_a_while() {
    let world = Plan::sqlite().set("sources.stripe.mode", "'test'").start().await;
    world.outcomes(&[&payment("pi_1").succeeded()]).await;
    let replica = &world.replicas[0];
    let gauge = async || replica.metric("paylatch_payments_unclaimed", &["source=\"stripe\""]).await;
    let contents = async || {
        let checked = world.cli(&["check", "--production", "--json"]).await;
        let parts: Value = serde_json::from_slice(&checked.stdout).unwrap();
        parts.as_array().unwrap().iter().find(|part| part["part"] == "contents").unwrap().clone()
    };
    assert_eq!(contents().await["ok"], true, "an event may still name its order");
    // It counts when it starts, and twice a minute.
    replica.kill();
    replica.start_again().await;
    eventually("it is counted", async || (gauge().await == 1.0).then_some(())).await;
    // Written 16 min ago.
    let earlier = "update orders set updated_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-16 minutes')";
    world.database.execute(earlier).await;
    let told = contents().await;
    assert_eq!((&told["ok"], &told["code"]), (&false.into(), &"needs_a_person".into()));
    assert!(told["found"].as_str().unwrap().contains("1 payments without an order"), "{told}");

    let assigned = json!({ "order": "order-1", "note": "told by phone", "by": "ann" });
    assert_eq!(replica.post_admin(ASSIGNMENT, &assigned).await.unwrap().status.as_u16(), 200);
    assert_eq!(contents().await["ok"], true);
}

async fn unclaimed(world: &World) -> Vec<String> {
    let listed = said(&world.cli(&["orders", "--unclaimed", "--json"]).await);
    let ids = listed.as_array().unwrap().iter().map(|row| row["order_id"].as_str().unwrap().to_owned());
    ids.collect()
}

fn said(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
