//! Nothing hangs and nothing grows without bound: what is refused, in which order, and how it is said.

use bytes::Bytes;
use futures_util::future::select_all;
use http::Method;

use crate::client::Answer;
use crate::replica::{Replica, Surroundings};
use crate::webhooks::{SECRET, Webhook, now, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn what_is_wrong_is_said_in_a_fixed_order() {
    let world = Plan::sqlite().set("http.body_bytes_max", "2000").start().await;
    let replica = &world.replicas[0];
    let long = Bytes::from(vec![b'x'; 2_001]);
    let encoded = [("Content-Encoding".to_owned(), "gzip".to_owned())];

    let unknown = replica.post("/webhooks/nobody", &encoded, long.clone()).await.unwrap();
    let read = replica.request(Method::GET, "/webhooks/stripe").await.unwrap();
    let compressed = replica.post("/webhooks/stripe", &encoded, long.clone()).await.unwrap();
    let too_long = replica.post("/webhooks/stripe", &[], long).await.unwrap();
    let unsigned = replica.post("/webhooks/stripe", &[], "{}").await.unwrap();

    let answers = [unknown, read, compressed, too_long, unsigned];
    assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [404, 405, 415, 413, 401]);
    for answer in &answers {
        is_a_problem(answer);
    }
}

#[tokio::test]
async fn a_body_of_the_longest_length_is_taken() {
    let world = Plan::sqlite().start().await;
    let body = payment("pi_1").succeeded().with("padding", "x".into()).body;
    let padding = "x".repeat((1 << 20) - body.len() + 1);
    let longest = payment("pi_1").succeeded().with("padding", padding.into());
    assert_eq!(longest.body.len(), 1 << 20);

    assert_eq!(world.send(&longest).await.outcome(), "applied");

    let longer = Webhook { id: String::new(), body: [&longest.body[..], b" "].concat().into() };
    let headers = longer.signed_with(SECRET, now());
    let refused = world.replicas[0].post("/webhooks/stripe", &headers, longer.body).await;
    assert!(refused.is_ok_and(|answer| answer.status == 413));
}

/// How many events may wait beside the one that is in work, in the test below.
const QUEUED_MAX: usize = 2;

#[tokio::test]
async fn a_full_queue_is_said_at_once() {
    let plan = Plan::postgres().set("intake.lanes", "1").set("intake.queue_events_max", "1");
    let world = plan.set("intake.batch_events_max", "1").start().await;
    let webhooks: Vec<_> = (0..50).map(|number| payment(&format!("pi_{number}")).succeeded()).collect();

    let reply = world.proxies[0].hold_reply_to(&webhooks[0].id);
    let others = async {
        reply.is_there().await;
        let mut others: Vec<_> = webhooks[1..].iter().map(|webhook| Box::pin(world.send(webhook))).collect();
        let mut refused = Vec::new();
        while others.len() > QUEUED_MAX {
            let (answer, _, rest) = select_all(others).await;
            refused.push(answer);
            others = rest;
        }
        reply.release();
        refused
    };
    let (first, refused) = tokio::join!(world.send(&webhooks[0]), others);

    assert_eq!(first.status, 200);
    for answer in &refused {
        assert_eq!(answer.status, 503);
        assert_eq!(
            answer.json()["code"],
            "queue_full",
            "not the deadline, and not the commit that was waited for"
        );
        assert!(answer.header("retry-after").is_some());
        is_a_problem(answer);
    }
    for webhook in &webhooks {
        assert_eq!(world.deliver(webhook).await.status, 200);
    }
}

#[tokio::test]
async fn a_webhook_without_money_meaning_is_noted() {
    for world in World::on_each_database().await {
        let webhook = payment("pi_1").succeeded().with("type", "customer.created".into());

        let answer = world.send(&webhook).await;

        assert_eq!(answer.outcome(), "noted");
        assert_eq!(world.count("orders").await, 0);
    }
}

#[tokio::test]
async fn who_uses_up_all_open_files_delays_others_only_until_idle_connections_end() {
    let (settings, _directory) = crate::settings::good().await;
    let few_files = Surroundings { files_max: Some(64), ..Surroundings::default() };
    let replica = Replica::start_within(&settings, few_files).await;
    let mut hoard = Vec::new();
    for _ in 0..100 {
        hoard.push(tokio::net::TcpStream::connect(replica.address()).await.unwrap());
    }
    replica.says("raise the limit of open files").await;

    let answer = crate::servers::eventually("a webhook is taken again", async || {
        replica.try_send(&payment("pi_1").succeeded()).await.ok().filter(|answer| answer.status == 200)
    })
    .await;

    assert_eq!(answer.outcome(), "applied");
}

/// RFC 9457: a stable type and code, and nothing that helps a forger.
fn is_a_problem(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16());
    assert!(problem["type"].is_string() && problem["code"].is_string(), "{problem}");
}
