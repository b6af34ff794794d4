//! Logs: one JSON object a line, whatever a sender sends, and a name that a request has in them and in its answer.

use serde_json::Value;

use crate::replica::Replica;
use crate::webhooks::payment;
use crate::world::Plan;

/// What would end a line, colour a terminal, or end a string.
const HOSTILE: &str = "id\\n{\\\"level\\\":\\\"ERROR\\\"}\\u001b[31m\\u202e\\u0000\\\"";

fn lines(replica: &Replica) -> Vec<Value> {
    let lines = replica.output();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[tokio::test]
async fn every_line_is_one_json_object_whatever_was_sent() {
    let world = Plan::sqlite().set("log.filter", "'debug'").start().await;
    let replica = &world.replicas[0];
    let hostile = payment("pi_1").succeeded();
    let text = String::from_utf8(hostile.body.to_vec()).unwrap().replace("payment_intent.succeeded", HOSTILE);
    let hostile = crate::webhooks::Webhook { body: text.into(), ..hostile };
    assert_eq!(replica.send(&hostile).await.status, 200);
    let forged = [("Stripe-Signature".to_owned(), "t=1,v1=\t\"}{\"level\":\"ERROR\"}".to_owned())];
    assert_eq!(replica.post("/webhooks/stripe", &forged, "{}").await.unwrap().status, 401);

    let lines = lines(replica);

    assert!(lines.len() > 3, "{lines:?}");
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"] != "ERROR", "{line}");
    }
}

#[tokio::test]
async fn a_request_has_one_name_in_its_answer_and_in_the_log() {
    let world = Plan::sqlite().start().await;
    let replica = &world.replicas[0];
    let own = replica.post("/webhooks/stripe", &[], "{}").await.unwrap();
    let named = |name: &str| vec![("X-Request-Id".to_owned(), name.to_owned())];
    let brought = replica.post("/webhooks/stripe", &named("proxy-4711"), "{}").await.unwrap();
    let unfit = replica.post("/webhooks/stripe", &named("a b{}\t"), "{}").await.unwrap();
    let long = replica.post("/webhooks/stripe", &named(&"x".repeat(65)), "{}").await.unwrap();

    let id = |answer: &crate::client::Answer| answer.header("x-request-id").expect("a name").to_owned();
    assert_eq!(id(&brought), "proxy-4711");
    for answer in [&own, &unfit, &long] {
        let id = id(answer);
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    let logged: Vec<Value> =
        lines(replica).into_iter().filter(|line| line["message"] == "webhook refused").collect();
    let logged: Vec<_> = logged.iter().map(|line| line["request"].as_str().expect("its name")).collect();
    assert_eq!(logged, [&own, &brought, &unfit, &long].map(id));
}
