//! Told by webhooks: after a commit the latest state of each changed order reaches each endpoint at least once; per order a
//! receiver that compares sees versions only rise; one order holds up no other.

use std::process::{Command, Stdio};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::load::{nothing_acknowledged_is_lost, under_load};
use crate::receiver::{Receiver, Reply, SECRET};
use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

/// A world that tells an endpoint `shop`.
pub fn telling(plan: Plan, receiver: &Receiver) -> Plan {
    plan.set("endpoints.shop.url", &format!("'{}'", receiver.url()))
        .set("endpoints.shop.secrets", &format!("['{SECRET}']"))
        .set("announce.lease_s", "2")
}

pub fn paid(order: &str) -> Webhook {
    payment(&format!("pi_of_{order}")).of_order(order).succeeded()
}

/// Takes everything but one order, which it answers so for ever.
fn takes_all_but(order: &'static str, status: u16) -> impl Fn(&Value) -> Reply + Send {
    move |told| Reply::status(if told["data"]["order"] == order { status } else { 200 })
}

pub async fn waits(world: &World) -> Vec<Value> {
    world.database.rows("select * from announcement_waits order by order_id").await
}

pub async fn endpoint(world: &World) -> Value {
    world.database.rows("select * from endpoints").await.remove(0)
}

#[tokio::test]
async fn each_changed_order_is_told_with_its_latest_state() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        let world = telling(plan, &receiver).start().await;
        let order = payment("pi_1").of_order("order-1");
        world.outcomes(&[&order.succeeded(), &paid("order-2")]).await;
        receiver.hears_of("order-1", 1).await;
        receiver.hears_of("order-2", 1).await;
        world.outcomes(&[&order.refunded("re_1", 1_000)]).await;
        receiver.hears_of("order-1", 2).await;

        let told = receiver.announcements();
        let last = told.iter().rfind(|told| told["data"]["order"] == "order-1").unwrap();
        assert_eq!(
            (last["type"].as_str(), last["data"]["refunded"].as_i64()),
            (Some("order.refunded"), Some(1_000))
        );
        for name in
            ["reserved", "lost", "anomalies", "provisional", "gone", "merged_into", "epoch", "version"]
        {
            assert!(last["data"].get(name).is_some(), "{name}: {last}");
        }
        receiver.believes_what_is_true(&world).await;
        assert_eq!(waits(&world).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn an_order_that_is_refused_for_ever_holds_up_no_other() {
    for (plan, status) in [(Plan::postgres(), 500), (Plan::postgres(), 502), (Plan::sqlite(), 400)] {
        let receiver = Receiver::start().await;
        receiver.answers(takes_all_but("poison", status));
        let world = telling(plan, &receiver).set("endpoints.shop.retry_s", "[1]").start().await;

        // Nothing else changes: nobody knows yet whose fault it is.
        world.send(&paid("poison")).await;
        receiver.hears_of("poison", 3).await;
        let began = Instant::now();
        world.send(&paid("order-1")).await;
        receiver.hears_of("order-1", 1).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        world.pay(2..30).await;
        receiver.hears_of("order-29", 1).await;

        // It is tried again as the settings say, then given up, and that is shown.
        eventually("it is given up", async || {
            waits(&world).await.first().filter(|wait| wait["given_up_at"].is_string()).map(drop)
        })
        .await;
        let [wait] = &waits(&world).await[..] else { panic!("one order waits") };
        assert_eq!((wait["order_id"].clone(), wait["status"].clone()), ("poison".into(), status.into()));

        // A newer change tries it again.
        receiver.answers(|_| Reply::status(200));
        world.send(&payment("pi_of_poison").of_order("poison").refunded("re_1", 300)).await;
        receiver.believes_what_is_true(&world).await;
        eventually("nothing waits", async || waits(&world).await.is_empty().then_some(())).await;
    }
}

#[tokio::test]
async fn an_order_whose_answer_never_comes_holds_up_no_other() {
    let receiver = Receiver::start().await;
    receiver.answers(|told| {
        let is_tarpit = told["data"]["order"] == "tarpit";
        Reply::status(200).after(if is_tarpit { Duration::from_secs(600) } else { Duration::ZERO })
    });
    let world = telling(Plan::postgres(), &receiver).set("endpoints.shop.timeout_ms", "5000").start().await;

    world.send(&paid("tarpit")).await;
    receiver.hears_of("tarpit", 1).await;
    let began = Instant::now();
    for number in 0..10 {
        world.send(&paid(&format!("order-{number}"))).await;
        receiver.hears_of(&format!("order-{number}"), 1).await;
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(waits(&world).await.len(), 1, "it alone has a row");
}

#[tokio::test]
async fn an_endpoint_that_is_away_costs_no_row_and_is_told_each_order_once_when_it_is_back() {
    let receiver = Receiver::away();
    let world = telling(Plan::postgres(), &receiver).start().await;
    world.pay(0..100).await;
    let payments: Vec<_> = (0..50).map(|number| payment(&format!("pi_of_order-{number}"))).collect();
    for payment in &payments {
        world.send(&payment.of_type("payment_intent.created")).await;
        world.send(&payment.refunded(&format!("re_{payment:?}"), 100)).await;
    }
    eventually("it is left alone", async || (endpoint(&world).await["state"] == "open").then_some(())).await;
    assert_eq!(waits(&world).await, Vec::<Value>::new());
    assert!(world.count("order_changes").await >= 150);

    // It answers again, but takes nothing yet.
    receiver.answers(|_| Reply::status(503));
    receiver.comes_back().await;
    world.resume("shop").await;
    eventually("it is left alone again", async || {
        (receiver.heard().len() >= 10 && endpoint(&world).await["state"] == "open").then_some(())
    })
    .await;
    assert_eq!(waits(&world).await, Vec::<Value>::new());
    // What changed again since is further on in the log; before the first order that did not, everything waits.
    assert!(endpoint(&world).await["cursor"].as_i64().unwrap() < 51 * 256);

    receiver.answers(|_| Reply::status(200));
    world.resume("shop").await;
    receiver.believes_what_is_true(&world).await;
    let taken = receiver.heard().iter().filter(|heard| heard.status == 200).count();
    assert!(taken <= 100, "{taken}: what changed twice meanwhile is told once");
}

#[tokio::test]
async fn what_an_endpoint_asks_for_by_retry_after_is_kept() {
    let receiver = Receiver::start().await;
    receiver.answers(|_| Reply::status(429).with("retry-after", "2"));
    let world = telling(Plan::sqlite(), &receiver).start().await;
    world.send(&paid("order-1")).await;
    receiver.hears_of("order-1", 1).await;
    receiver.answers(|_| Reply::status(200));
    receiver.hears_of("order-1", 2).await;

    let heard = receiver.heard();
    assert!(heard[1].at - heard[0].at > Duration::from_millis(1_900), "{:?}", heard[1].at - heard[0].at);
    assert_eq!(
        heard[0].header("webhook-id"),
        heard[1].header("webhook-id"),
        "an attempt more, no event more"
    );
    assert_ne!(heard[0].header("webhook-timestamp"), heard[1].header("webhook-timestamp"));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_paused_until_a_person_resumes_it() {
    let receiver = Receiver::start().await;
    receiver.answers(|_| Reply::status(410));
    let world = telling(Plan::postgres(), &receiver).start().await;
    world.send(&paid("order-1")).await;
    eventually("it is paused", async || (endpoint(&world).await["state"] == "paused").then_some(())).await;
    world.send(&paid("order-2")).await;
    // Several polls of the log: nothing comes, so there is nothing to wait for.
    sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.heard().len(), 1);

    receiver.answers(|_| Reply::status(200));
    world.resume("shop").await;
    receiver.believes_what_is_true(&world).await;
}

#[tokio::test]
async fn a_redirect_is_a_refusal_and_is_not_followed() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let url = elsewhere.url();
    receiver.answers(move |_| Reply::status(307).with("location", url.clone()));
    let world = telling(Plan::sqlite(), &receiver).start().await;
    world.send(&paid("order-1")).await;
    receiver.hears_of("order-1", 2).await;
    assert_eq!(elsewhere.heard().len(), 0);
}

#[tokio::test]
async fn nothing_is_lost_and_little_is_told_twice_when_tellers_are_killed_under_load() {
    let receiver = Receiver::start().await;
    let world =
        telling(Plan::postgres().replicas(2), &receiver).set("announce.page_orders", "20").start().await;
    let deliveries = under_load(&world.replicas, async |traffic| {
        for round in 0..4 {
            traffic.goes_on_for(60).await;
            // Each in turn, so that one which tells is among them.
            let replica = &world.replicas[round % 2];
            replica.kill();
            replica.start_again().await;
            if round == 2 {
                receiver.goes_away();
                receiver.comes_back().await;
                world.proxies[0].cut();
                world.proxies[0].restore();
            }
        }
    })
    .await;

    nothing_acknowledged_is_lost(&world, &deliveries).await;
    receiver.believes_what_is_true(&world).await;
    // Of each version: one more for each time that a teller ended between an answer and its note.
    let ids: Vec<String> =
        receiver.heard().iter().map(|heard| heard.header("webhook-id").to_owned()).collect();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    let twice = ids.len() - distinct.len();
    assert!(twice <= 7 * (8 + 20), "{twice} of {} were told again", ids.len());
}

#[tokio::test]
async fn an_owner_that_was_frozen_past_its_lease_writes_nothing_when_it_wakes() {
    let receiver = Receiver::start().await;
    let world = telling(Plan::postgres().replicas(2), &receiver).start().await;
    world.send(&paid("order-1")).await;
    receiver.hears_of("order-1", 1).await;

    // The owner waits for an answer, and freezes.
    receiver.answers(|_| Reply::status(200).after(Duration::from_secs(1)));
    world.deliver(&paid("order-2")).await;
    receiver.hears_of("order-2", 1).await;
    let term = endpoint(&world).await["term"].as_i64().unwrap();
    let mut owner = None;
    for (place, replica) in world.replicas.iter().enumerate() {
        if replica.metric("paylatch_announcements_total", &["result=\"told\""]).await > 0.0 {
            owner = Some(place);
        }
    }
    let owner = &world.replicas[owner.expect("one of them told it")];
    owner.freeze();
    receiver.answers(|_| Reply::status(200));
    eventually("another one owns it", async || {
        (endpoint(&world).await["term"].as_i64()? > term).then_some(())
    })
    .await;
    receiver.hears_of("order-2", 2).await;
    eventually("it is noted", async || (endpoint(&world).await["told_at"].is_string()).then_some(())).await;
    let cursor = endpoint(&world).await["cursor"].as_i64().unwrap();

    owner.thaw();
    for number in 3..20 {
        world.deliver(&paid(&format!("order-{number}"))).await;
        let now = endpoint(&world).await["cursor"].as_i64().unwrap();
        assert!(now >= cursor, "the cursor went back from {cursor} to {now}");
    }
    receiver.believes_what_is_true(&world).await;
}

#[tokio::test]
async fn batches_are_arrays_and_one_refused_order_is_found_by_parting_them() {
    let receiver = Receiver::away();
    let plan = telling(Plan::postgres(), &receiver).set("endpoints.shop.batch_max", "10");
    let world = plan.set("endpoints.shop.retry_s", "[3600]").start().await;
    world.pay(0..40).await;
    receiver.answers(|told| {
        let has_poison = told.as_array().unwrap().iter().any(|told| told["data"]["order"] == "order-13");
        Reply::status(if has_poison { 422 } else { 200 })
    });
    receiver.comes_back().await;
    world.resume("shop").await;
    eventually("the others are told", async || (receiver.table().len() == 39).then_some(())).await;

    eventually("one waits", async || (waits(&world).await.len() == 1).then_some(())).await;
    assert_eq!(waits(&world).await[0]["order_id"], "order-13");
    assert!(receiver.heard().iter().any(|heard| heard.announcements().len() > 1));
}

#[tokio::test]
async fn python_verifies_what_is_told_while_the_secret_is_rotated() {
    const OLDER: &str = "whsec_yranacyranacyranacyranacyranaccanary";
    let receiver = Receiver::start().await;
    let plan = telling(Plan::sqlite(), &receiver);
    let world = plan.set("endpoints.shop.secrets", &format!("['{SECRET}', '{OLDER}']")).start().await;
    world.send(&paid("order-1").clone()).await;
    receiver.hears_of("order-1", 1).await;

    let heard = receiver.heard().remove(0);
    for secret in [SECRET, OLDER] {
        let asked = json!({
            "secret": secret, "body": String::from_utf8(heard.body.to_vec()).unwrap(),
            "id": heard.header("webhook-id"), "timestamp": heard.header("webhook-timestamp"),
            "signature": heard.header("webhook-signature"),
        });
        assert!(python_verifies(&asked), "{secret}");
        let mut changed = asked.clone();
        changed["body"] = asked["body"].as_str().unwrap().replace("1000", "9000").into();
        assert!(!python_verifies(&changed), "a changed amount verifies");
    }
    assert_eq!(heard.header("content-type"), "application/json");
    assert!(!heard.header("webhook-id").contains('.'));
}

/// As the specification says it, by Python's own library.
fn python_verifies(asked: &Value) -> bool {
    const SCRIPT: &str = "
import base64, hashlib, hmac, json, sys
asked = json.load(sys.stdin)
key = base64.b64decode(asked['secret'].split('_', 1)[1])
signed = f\"{asked['id']}.{asked['timestamp']}.{asked['body']}\".encode()
expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
sys.exit(0 if f'v1,{expected}' in asked['signature'].split(' ') else 1)";
    let mut python =
        Command::new("python3").args(["-c", SCRIPT]).stdin(Stdio::piped()).spawn().expect("python3");
    serde_json::to_writer(python.stdin.take().unwrap(), asked).unwrap();
    python.wait().unwrap().success()
}

#[tokio::test]
async fn an_order_that_no_event_names_yet_is_held_back_and_told_under_its_own_name() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        let world = telling(plan, &receiver).set("announce.provisional_after_s", "2").start().await;
        world.send(&payment("pi_1").succeeded()).await;
        world.send(&payment("pi_2").succeeded()).await;
        world.send(&payment("pi_1").of_order("order-1").charge_succeeded()).await;
        receiver.hears_of("order-1", 1).await;
        let told = receiver.announcements();
        assert!(told.iter().all(|told| told["data"]["provisional"] == false), "{told:?}");

        // Of the other one nothing more is heard: it is told as it is.
        receiver.hears_of("pi_2", 1).await;
        receiver.believes_what_is_true(&world).await;
        let told = receiver.announcements();
        let other = told.iter().find(|told| told["data"]["order"] == "pi_2").unwrap();
        assert_eq!(other["data"]["provisional"], true);
    }
}

#[tokio::test]
async fn another_epoch_tells_all_orders_again() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        let world = telling(plan, &receiver).set("announce.page_orders", "10").start().await;
        world.pay(0..25).await;
        receiver.believes_what_is_true(&world).await;
        assert!(world.cli(&["announce", "new-epoch"]).await.status.success());
        eventually("all are told of the new epoch", async || {
            receiver.table().values().all(|data| data["epoch"] == 2).then_some(())
        })
        .await;
        receiver.believes_what_is_true(&world).await;
    }
}

#[tokio::test]
async fn people_see_pause_test_and_forget_endpoints_and_resend_orders() {
    let receiver = Receiver::start().await;
    let world = telling(Plan::sqlite(), &receiver).start().await;
    world.send(&paid("order-1")).await;
    receiver.hears_of("order-1", 1).await;

    let shown = world.cli(&["endpoints", "--json"]).await;
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((shown[0]["name"].as_str(), shown[0]["state"].as_str()), (Some("shop"), Some("closed")));
    let answer = world.replicas[0].admin("/api/v1/endpoints").await.json();
    assert_eq!(answer["endpoints"][0]["name"], "shop");

    // Paused, nothing is told; by the API as by the command.
    let post = async |action: &str| {
        let path = format!("/api/v1/endpoints/shop/{action}");
        world.replicas[0].ask_admin(Method::POST, &path, &[]).await.status.as_u16()
    };
    assert_eq!(post("pause").await, 200);
    world.send(&paid("order-2")).await;
    // Several polls of the log: nothing comes, so there is nothing to wait for.
    sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.times("order-2"), 0);
    assert_eq!(post("resume").await, 200);
    receiver.hears_of("order-2", 1).await;
    let unknown = world.replicas[0].ask_admin(Method::POST, "/api/v1/endpoints/other/pause", &[]).await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (404, "unknown_endpoint".to_owned()));

    // Who paused it, and why, is kept where the request says so.
    let why = json!({"note": "maintenance", "by": "ann"});
    for action in ["pause", "resume"] {
        let path = format!("/api/v1/endpoints/shop/{action}");
        assert_eq!(world.replicas[0].post_admin(&path, &why).await.unwrap().status.as_u16(), 200);
    }
    let kept = world.database.rows("select actor, note from operator_actions order by action_id desc").await;
    assert_eq!(kept[0], json!({"actor": "ann", "note": "maintenance"}), "{kept:?}");
    assert_eq!(kept[0], kept[1]);
    let wrong = world.replicas[0].post_admin("/api/v1/endpoints/shop/pause", &json!({"why": "?"})).await;
    assert_eq!(wrong.unwrap().code(), "body_invalid");
    let none = world.cli(&["announcements", "--endpoint", "sohp"]).await;
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("the endpoints are: shop"), "{none:?}");

    let resent = world.cli(&["announcements", "resend", "order-1", "--endpoint", "shop"]).await;
    assert!(resent.status.success(), "{}", String::from_utf8_lossy(&resent.stderr));
    receiver.hears_of("order-1", 2).await;
    assert_eq!(post("resync").await, 200);
    receiver.hears_of("order-1", 3).await;
    receiver.hears_of("order-2", 2).await;

    assert!(world.cli(&["endpoints", "test", "shop"]).await.status.success());
    assert!(receiver.announcements().iter().any(|told| told["type"] == "endpoint.test"));
    receiver.answers(|_| Reply::status(500));
    assert_eq!(world.cli(&["endpoints", "test", "shop"]).await.status.code(), Some(1));

    let order = world.replicas[0].admin("/api/v1/orders/stripe/order-1").await.json();
    assert_eq!(
        (order["told"][0]["endpoint"].as_str(), order["told"][0]["state"].as_str()),
        (Some("shop"), Some("told"))
    );
    assert!(world.cli(&["endpoints", "forget", "shop"]).await.status.success());
}

#[tokio::test]
async fn check_says_what_keeps_an_endpoint_from_being_told() {
    let receiver = Receiver::start().await;
    let world = telling(Plan::postgres(), &receiver).start().await;
    world.send(&paid("order-1")).await;
    receiver.hears_of("order-1", 1).await;
    let codes = async || {
        let shown = world.cli(&["check", "--production", "--json"]).await;
        let parts: Value = serde_json::from_slice(&shown.stdout).unwrap();
        let told =
            parts.as_array().unwrap().iter().filter(|part| part["part"] == "told" && part["ok"] == false);
        told.map(|part| part["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("the epoch has a server", async || {
        let kept = world.database.rows("select system_identifier from announcement_epoch").await;
        (kept[0]["system_identifier"] != "").then_some(())
    })
    .await;
    assert_eq!(codes().await, Vec::<String>::new());

    world.database.execute("update announcement_epoch set system_identifier = 'of another server'").await;
    assert_eq!(codes().await, ["epoch_stale"]);
    assert!(world.cli(&["announce", "new-epoch"]).await.status.success());
    world.pause("shop").await;
    assert_eq!(codes().await, ["not_told"]);
    world.cli(&["announce", "off"]).await;
    assert_eq!(codes().await, ["changes_not_noted", "not_told"]);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_told_safely_is_refused_before_anything_starts() {
    let receiver = Receiver::start().await;
    let world = telling(Plan::sqlite(), &receiver).start().await;
    for (setting, value, expected) in [
        ("url", "http://169.254.169.254/latest", "link-local"),
        ("url", "http://10.0.0.7/", "use https"),
        ("url", "https://[::ffff:169.254.169.254]/", "link-local"),
        ("url", "ftp://shop/", "is no URL"),
        ("url", "https://user:canary@shop/", "has a user in it"),
        ("url", "redis://127.0.0.1/", "names no stream"),
        ("url", "redis://127.0.0.1/?stream=a&group=b", "\"group\" in it"),
        ("url", "redis://127.0.0.1/?stream=a&maxlen=0", "a number of entries"),
        ("url", "redis://10.0.0.7/?stream=a", "use https"),
        ("url", "rediss://169.254.169.254/?stream=a", "link-local"),
        ("url", "rediss://shop/?stream=a#insecure", "redis://host:6379"),
        ("secrets", "whsec_canary", "24 to 64"),
        ("types", "order.payed", "is no type"),
        ("retry_s", "0", "1 to 604800 seconds"),
        ("batch_max", "101", "1 to 100"),
    ] {
        let set = format!("endpoints.shop.{setting}={value}");
        let output = world.cli(&["config", "--set", &set]).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{set}: {told}");
        assert!(
            told.contains(&format!("endpoints.shop.{setting}")) && told.contains(expected),
            "{set}: {told}"
        );
    }
}
