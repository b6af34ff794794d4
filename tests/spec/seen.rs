//! Everything can be seen: every event of an order, what was decided and why; in the CLI and over the API.

use std::process::Output;

use serde_json::Value;

use crate::lock_servers;
use crate::servers::eventually;
use crate::webhooks::payment;
use crate::world::{Plan, World};

#[tokio::test]
async fn an_order_has_a_timeline_with_every_event_and_its_outcome() {
    for world in World::on_each_database().await {
        let payment = payment("pi_1").of_order("order-1");
        let (captured, charged, refunded) =
            (payment.succeeded(), payment.charge_succeeded(), payment.refunded("re_1", 400));
        world.outcomes(&[&captured, &charged, &refunded, &refunded]).await;

        let order = json(&world.cli(&["orders", "order-1", "--json"]).await);
        let over_http = world.replicas[0].admin("/api/v1/orders/stripe/order-1").await.json();

        for order in [order, over_http] {
            assert_eq!(order["order_id"], "order-1");
            assert_eq!(order["status"], "partially_refunded");
            assert_eq!([&order["captured"], &order["refunded"]], [1_000, 400]);
            assert_eq!(
                timeline(&order),
                [
                    (captured.id.as_str(), "payment_intent.succeeded", "applied"),
                    (charged.id.as_str(), "charge.succeeded", "restated"),
                    (refunded.id.as_str(), "refund.created", "applied"),
                ]
            );
        }
    }
}

#[tokio::test]
async fn an_event_tells_how_often_it_came_and_what_became_of_it() {
    for world in World::on_each_database().await {
        let webhook = payment("pi_1").of_order("order-1").succeeded();
        world.outcomes(&[&webhook, &webhook, &webhook]).await;

        let event = eventually("the duplicates are counted", async || {
            let event = json(&world.cli(&["events", &webhook.id, "--json"]).await);
            let event = event.get(0).unwrap_or(&event).clone();
            (event["duplicates"] == 2).then_some(event)
        })
        .await;

        assert_eq!(event["event_id"], webhook.id);
        assert_eq!([&event["outcome"], &event["kind"]], ["applied", "captured"]);
        assert_eq!([&event["amount"], &event["currency"]], [&Value::from(1_000), &Value::from("USD")]);
        let raw = world.replicas[0].admin(&format!("/api/v1/events/stripe/{}/raw", webhook.id)).await;
        assert_eq!(raw.body, webhook.body);
    }
}

#[tokio::test]
async fn a_list_of_the_command_line_looks_at_no_more_rows_than_it_may_show_and_says_where_it_goes_on() {
    for world in World::on_each_database().await {
        let insert = "
            with recursive n (i) as (select 1 union all select i + 1 from n where i < 2500)
            insert into orders (order_id, source, status, authorized, reserved, captured, refunded, disputed, lost, version,
                                first_event_at, last_event_at, updated_at)
            select 'row-' || cast(10000 + i as text), 'stripe', case when i = 2500 then 'failed' else 'pending' end, 0, 0, 0, 0, 0, 0, i,
                   '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z' from n";
        world.database.execute(insert).await;

        let few = ["orders", "--status", "failed", "--limit", "5", "--json"];
        let first = world.cli(&few).await;
        assert_eq!(json(&first), Value::Array(Vec::new()));
        let said = String::from_utf8(first.stderr).unwrap();
        let (_, after) = said.split_once("looked at 2000 rows, and there are more: --after '").expect(&said);
        let after = after.split('\'').next().unwrap();
        let rest = world.cli(&[&few[..], &["--after", after]].concat()).await;
        assert_eq!(json(&rest)[0]["order_id"], "row-12500");
        assert!(!String::from_utf8_lossy(&rest.stderr).contains("--after"));

        let all = world.cli(&["orders", "--status", "failed", "--json"]).await;
        assert_eq!(json(&all).as_array().unwrap().len(), 1, "as many as may be shown are looked at");
        let cut = world.cli(&["orders", "--limit", "2"]).await;
        assert!(String::from_utf8_lossy(&cut.stderr).contains("there are more: --after 'stripe/row-10002'"));
        let found = world.replicas[0].admin("/find?q=row").await;
        let found = String::from_utf8_lossy(&found.body).into_owned();
        assert!(found.contains("Of orders the first 20 are shown"), "{found}");
    }
}

#[tokio::test]
async fn orders_are_found_by_the_anomaly_that_they_have() {
    for world in World::on_each_database().await {
        let twice = payment("pi_1").of_order("order-1");
        world.outcomes(&[&twice.succeeded(), &twice.refunded("re_1", 1_500)]).await;
        world.outcomes(&[&payment("pi_2").of_order("order-2").succeeded()]).await;

        for (word, expected) in [
            ("refund_exceeds_capture", &["order-1"][..]),
            ("order_mismatch", &[]),
            ("true", &["order-1"]),
            ("false", &["order-2"]),
        ] {
            let told = world.replicas[0].admin(&format!("/api/v1/orders?anomaly={word}")).await.json();
            assert_eq!(ids(&told["orders"]), expected, "{word}");
            let listed = world.cli(&["orders", &format!("--anomaly={word}"), "--json"]).await;
            assert_eq!(ids(&json(&listed)), expected, "{word}");
        }
        assert_eq!(ids(&json(&world.cli(&["orders", "--anomaly", "--json"]).await)), ["order-1"]);
        assert_eq!(world.replicas[0].admin("/api/v1/orders?anomaly=none").await.status, 400);
    }
}

fn ids(orders: &Value) -> Vec<&str> {
    orders.as_array().unwrap().iter().map(|order| order["order_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn outcomes_and_rejections_are_counted() {
    let world = World::start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();
    world.outcomes(&[&webhook, &webhook]).await;
    world.replicas[0].post("/webhooks/stripe", &[], webhook.body.clone()).await.unwrap();

    let replica = &world.replicas[0];
    let events =
        async |outcome| replica.metric("paylatch_events_total", &["source=\"stripe\"", outcome]).await;

    assert_eq!(events("outcome=\"applied\"").await, 1.0);
    assert_eq!(events("outcome=\"duplicate\"").await, 1.0);
    assert_eq!(replica.metric("paylatch_rejections_total", &["reason=\"signature_missing\""]).await, 1.0);
}

#[tokio::test]
async fn an_order_in_work_is_seen_as_locked_by_its_replica_until_it_is_done() {
    let world = Plan::postgres().set("lock.call_timeout_ms", "1000").start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let reply = world.proxies[0].hold_reply_to(&webhook.id);
    let look = async {
        reply.is_there().await;
        let locks = json(&world.cli(&["locks", "--json"]).await);
        let table = String::from_utf8(world.cli(&["locks"]).await.stdout).unwrap();
        reply.release();
        (locks, table)
    };
    let (_, (locks, table)) = tokio::join!(world.send(&webhook), look);

    let [lock] = &locks.as_array().unwrap()[..] else { panic!("one lock: {locks}") };
    assert!(lock["key"].as_str().unwrap().contains("order-1"), "{lock}");
    let holder = format!("{}-", world.replicas[0].process_id());
    assert!(lock["owner"].as_str().unwrap().starts_with(&holder), "{lock}");
    assert!((1..=2_000).contains(&lock["lapses_in_ms"].as_i64().unwrap()), "{lock}");
    assert!(table.contains("order-1") && table.contains(&holder), "{table}");
    eventually("it is given back", async || {
        let locks = json(&world.cli(&["locks", "--json"]).await);
        locks.as_array().unwrap().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_probes_of_readyz_are_no_acquisitions() {
    let redis = lock_servers::Redis::start();
    let world = Plan::postgres().locked_by(&redis).start().await;

    eventually("the lock service is probed again and again", async || {
        let commands = redis.command(&["INFO", "commandstats"]).unwrap();
        let scripts = commands.split_once("cmdstat_eval:calls=")?.1.split(',').next()?;
        (scripts.parse::<u32>().unwrap() >= 6).then_some(())
    })
    .await;

    assert_eq!(world.replicas[0].metric("paylatch_lock_acquire_total", &[]).await, 0.0);
    assert_eq!(world.replicas[0].metric("paylatch_lock_release_total", &[]).await, 0.0);
    assert_eq!(world.send(&payment("pi_1").succeeded()).await.outcome(), "applied");
    assert_eq!(world.replicas[0].metric("paylatch_lock_acquire_total", &[]).await, 1.0);
}

fn timeline(order: &Value) -> Vec<(&str, &str, &str)> {
    let text =
        |event: &'_ Value, name: &str| event[name].as_str().unwrap_or_default().to_owned().leak() as &str;
    let events = order["timeline"].as_array().expect("a timeline");
    events
        .iter()
        .map(|event| (text(event, "event_id"), text(event, "type"), text(event, "outcome")))
        .collect()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}
