//! Authentic: nothing is stored for a request whose signature does not verify over its exact bytes.

use bytes::Bytes;

use crate::servers::eventually;
use crate::webhooks::{Headers, SECRET, Webhook, mac, now, payment};
use crate::world::{Plan, World};

const OTHER_SECRET: &str = "whsec_canary_other_0123456789abcdef";

#[tokio::test]
async fn a_webhook_that_its_provider_did_not_sign_is_refused_and_leaves_nothing_behind() {
    for world in World::on_each_database().await {
        let webhook = payment("pi_1").of_order("order-1").succeeded();
        let mut refusals = Vec::new();

        for (forgery, headers, body) in forgeries(&webhook) {
            let answer = world.replicas[0].post("/webhooks/stripe", &headers, body).await.unwrap();
            assert_eq!(answer.status, 401, "{forgery}");
            refusals.push((answer.header("content-type").map(ToOwned::to_owned), answer.body));
        }

        refusals.dedup();
        assert_eq!(refusals.len(), 1, "nobody learns what was wrong: {refusals:?}");
        for table in ["events", "payments", "orders", "conflicts"] {
            assert_eq!(world.count(table).await, 0, "{table}");
        }
    }
}

#[tokio::test]
async fn a_webhook_signed_for_another_source_is_refused() {
    let plan = Plan::sqlite()
        .set("sources.other.provider", "'stripe'")
        .set("sources.other.secrets", &format!("['{OTHER_SECRET}']"));
    let world = plan.start().await;
    let webhook = payment("pi_1").succeeded();

    let headers = webhook.signed_with(SECRET, now());
    let to_other = world.replicas[0].post("/webhooks/other", &headers, webhook.body.clone()).await.unwrap();
    let to_its_own = world.send(&webhook).await;

    assert_eq!(to_other.status, 401);
    assert_eq!(to_its_own.outcome(), "applied");
}

#[tokio::test]
async fn the_log_names_the_cause_of_a_refusal_and_a_flood_of_them_costs_one_search() {
    let plan = Plan::sqlite()
        .set("sources.other.provider", "'stripe'")
        .set("sources.other.secrets", &format!("['{OTHER_SECRET}']"));
    let world = plan.start().await;
    let replica = &world.replicas[0];
    let webhook = payment("pi_1").succeeded();
    let written_again: serde_json::Value = serde_json::from_slice(&webhook.body).unwrap();
    let written_again = Bytes::from(serde_json::to_vec_pretty(&written_again).unwrap());

    let begun = std::time::Instant::now();
    for _ in 0..50 {
        let answer =
            replica.post("/webhooks/stripe", &webhook.signed(), written_again.clone()).await.unwrap();
        assert_eq!(answer.status, 401);
        assert!(!String::from_utf8_lossy(&answer.body).contains("body"), "{answer:?}");
    }
    let found = || {
        let output = replica.output();
        output.lines().filter(|line| line.contains("a webhook does not verify")).map(str::to_owned).collect()
    };
    let told: Vec<String> = eventually("the cause is logged", async || {
        let told: Vec<String> = found();
        (!told.is_empty()).then_some(told)
    })
    .await;

    assert!(told[0].contains(r#""cause":"body_changed""#) && told[0].contains("without spaces"), "{told:?}");
    let searches = found().len() as u64;
    assert!(searches <= 1 + begun.elapsed().as_secs(), "{searches} searches, at most one within a second");
    assert_eq!(replica.metric("paylatch_rejections_total", &["signature_mismatch"]).await, 50.0);
}

#[tokio::test]
async fn while_a_secret_is_rotated_either_one_is_good() {
    let world = Plan::sqlite()
        .set("sources.stripe.secrets", &format!("['{SECRET}', '{OTHER_SECRET}']"))
        .start()
        .await;

    for (number, secret) in [SECRET, OTHER_SECRET].iter().enumerate() {
        let webhook = payment(&format!("pi_{number}")).succeeded();
        let headers = webhook.signed_with(secret, now());
        let answer =
            world.replicas[0].post("/webhooks/stripe", &headers, webhook.body.clone()).await.unwrap();
        assert_eq!(answer.outcome(), "applied");
    }

    for secret in ["1", "2"] {
        let labels = ["source=\"stripe\"", &format!("secret=\"{secret}\"")];
        let matches = world.replicas[0].metric("paylatch_secret_matches_total", &labels).await;
        assert_eq!(matches, 1.0, "an operator sees which secret is still in use");
    }
}

#[tokio::test]
async fn a_signed_body_that_cannot_be_read_is_kept_byte_by_byte() {
    for world in World::on_each_database().await {
        let body = Bytes::from_static(b"{\"id\": \"evt_1\", \"type\": \x00\xff no JSON");
        let webhook = Webhook { id: String::new(), body: body.clone() };

        let answer = world.send(&webhook).await;

        assert_eq!(answer.outcome(), "dead");
        let rows = world.database.rows("select outcome, payload from events").await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["outcome"], "dead");
        assert_eq!(rows[0]["payload"], format!("\\x{}", hex::encode(body)));
    }
}

/// Requests that come close to `webhook` as Stripe signs it, and what is wrong with each.
fn forgeries(webhook: &Webhook) -> Vec<(&'static str, Headers, Bytes)> {
    let (body, time) = (webhook.body.clone(), now());
    let good = mac(SECRET, time, &body);
    let header = |value: String| vec![("Stripe-Signature".to_owned(), value)];
    let signed = |secret: &str, time: i64| webhook.signed_with(secret, time);
    let reserialised: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let reserialised = serde_json::to_string_pretty(&reserialised).unwrap();
    let twice = [header(format!("t={time},v1={good}")), header(format!("t={time},v1={good}"))].concat();
    vec![
        ("no signature", vec![], body.clone()),
        ("an empty signature", header(String::new()), body.clone()),
        ("another secret", signed(OTHER_SECRET, time), body.clone()),
        ("an empty secret", signed("", time), body.clone()),
        ("a stale time", signed(SECRET, time - 301), body.clone()),
        ("a time that was not signed", header(format!("t={},v1={good}", time - 1)), body.clone()),
        ("no time", header(format!("v1={good}")), body.clone()),
        ("a truncated signature", header(format!("t={time},v1={}", &good[..32])), body.clone()),
        ("a signature of the retired scheme alone", header(format!("t={time},v0={good}")), body.clone()),
        ("two signature headers", twice, body.clone()),
        ("a truncated body", signed(SECRET, time), body.slice(..body.len() - 1)),
        ("a body that was parsed and written again", signed(SECRET, time), reserialised.into()),
        ("an empty body", signed(SECRET, time), Bytes::new()),
    ]
}
