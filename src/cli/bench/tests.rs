//! What is dealt, how answers are read, and what a run counts.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::Bench;
use super::connection::Shape;
use super::load;
use super::plan::Plan;
use super::report::Report;
use super::webhook::Template;
use crate::cli::context::now_seconds;
use crate::order::Id;
use crate::provider::{Providers, Source, SourceSettings, Webhook};
use crate::secret::Secret;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    bench: Bench,
}

fn stripe() -> Source {
    let settings = SourceSettings::new(
        Id::new("stripe").unwrap(),
        "stripe",
        vec![Secret::new("whsec_canary_of_a_test")],
    );
    Source::new(settings, &Providers::load(None).unwrap()).unwrap()
}

fn plan(url: &str, flags: &[&str]) -> Plan {
    let line = Line::parse_from([&["bench"], flags].concat());
    Plan::new(&line.bench, &url.parse::<Uri>().unwrap(), &stripe()).unwrap()
}

/// The requests of the first `turns`, or as many as there are.
fn dealt(plan: &Plan, turns: u64) -> Vec<String> {
    let deal = |turn| {
        let mut request = Vec::new();
        plan.deck.deal(turn, &mut request).then(|| String::from_utf8(request).unwrap())
    };
    (0..turns).map_while(deal).collect()
}

const NOWHERE: &str = "http://127.0.0.1:1/webhooks/stripe";

#[test]
fn bodies_are_json_of_one_length_under_ids_of_their_own_and_share_orders_as_asked() {
    let template = Template::new(3, 0);
    let bodies: Vec<serde_json::Value> = (0..9)
        .map(|number| {
            let mut body = Vec::new();
            template.write(number, &mut body);
            assert!((1_450..1_700).contains(&body.len()), "{} bytes", body.len());
            serde_json::from_slice(&body).unwrap()
        })
        .collect();
    let distinct = |pointer: &str| {
        bodies
            .iter()
            .filter_map(|body| body.pointer(pointer))
            .map(ToString::to_string)
            .collect::<HashSet<_>>()
            .len()
    };
    assert_eq!(
        (distinct("/id"), distinct("/data/object/id"), distinct("/data/object/metadata/order_id")),
        (9, 9, 3)
    );
}

#[test]
fn a_cart_fills_a_body_up_to_the_bytes_that_are_asked_for() {
    for bytes in [2_000, 6_000, 16_000] {
        let mut body = Vec::new();
        Template::new(1, bytes).write(7, &mut body);
        let payment: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let items = payment.pointer("/data/object/items").and_then(serde_json::Value::as_array).unwrap();
        assert_eq!(body.len(), bytes);
        assert!(items.len() > bytes / 700, "{} items in {bytes} bytes", items.len());
    }
}

#[test]
fn distinct_webhooks_are_dealt_once_each_and_then_no_more() {
    let dealt = dealt(&plan(NOWHERE, &["--events", "50"]), 100);
    assert_eq!((dealt.len(), dealt.iter().collect::<BTreeSet<_>>().len()), (50, 50));
}

#[test]
fn a_mixed_deck_deals_each_webhook_anew_once_and_repeats_only_what_was_dealt() {
    let dealt = dealt(&plan(NOWHERE, &["--mix", "mixed", "--events", "2000"]), 4_000);
    assert_eq!((dealt.len(), dealt.iter().collect::<BTreeSet<_>>().len()), (4_000, 2_000));
    let mut seen = HashSet::new();
    for (turn, request) in dealt.iter().enumerate() {
        assert_eq!(seen.insert(request), turn % 2 == 0, "turn {turn}");
    }
}

#[test]
fn what_is_dealt_verifies() {
    let mut request = Vec::new();
    assert!(plan(NOWHERE, &["--events", "1"]).deck.deal(0, &mut request));
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut head = httparse::Request::new(&mut headers);
    let body_from = head.parse(&request).unwrap().unwrap();
    let headers: HeaderMap = head
        .headers
        .iter()
        .map(|header| {
            (header.name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(header.value).unwrap())
        })
        .collect();
    let body = bytes::Bytes::copy_from_slice(&request[body_from..]);
    assert_eq!(headers["content-length"], body.len().to_string());
    let webhook = Webhook { path_and_query: "/webhooks/stripe", headers: &headers, body: &body };
    assert!(stripe().verify(&webhook, now_seconds()).is_ok());
}

#[test]
fn an_answer_is_complete_with_the_last_byte_of_its_body() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    for length in 0..answer.len() {
        assert!(Shape::of(&answer[..length]).unwrap().is_none(), "{length} bytes");
    }
    let shape = Shape::of(answer).unwrap().unwrap();
    assert_eq!(
        (shape.status, &answer[shape.body_from..shape.body_to], shape.is_last),
        (200, &b"ok"[..], true)
    );
}

/// A server that answers `answer` to each request, one connection after the other.
async fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|length| length > 0) {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    format!("http://{address}/webhooks/stripe")
}

async fn report(url: &str, flags: &[&str]) -> serde_json::Value {
    let plan = Arc::new(plan(url, flags));
    let ended = load::run(Arc::clone(&plan), |_, _| ()).await.unwrap();
    serde_json::to_value(Report::new(&plan, ended)).unwrap()
}

#[tokio::test]
async fn a_run_counts_outcomes_and_ends_when_all_distinct_webhooks_were_sent() {
    let body = r#"{"receipts":[{"event":"e","order":"o","outcome":"applied","reason":null}]}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let url = serve(answer.leak()).await;
    let report =
        report(&url, &["--events", "40", "--connections", "4", "--warmup", "0", "--duration", "60"]).await;
    assert_eq!((report["answered"].as_u64(), report["outcomes"]["applied"].as_u64()), (Some(40), Some(40)));
}

#[tokio::test]
async fn an_open_loop_sends_at_its_rate_and_tells_what_it_could_not_send() {
    let url = serve("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    let flags = ["--rate", "500", "--connections", "8", "--warmup", "0", "--duration", "0.4"];
    let report = report(&url, &flags).await;
    let answered = report["answered"].as_u64().unwrap();
    assert!((100..=220).contains(&answered), "{answered} of 200 that were due");
    let refused = report["statuses"]["503"].as_u64().unwrap();
    assert!((answered..=200).contains(&refused), "{refused} 503s: those answered late are counted, too");
    assert!(report["complaint"].as_str().unwrap().starts_with("503"));
}

#[tokio::test]
async fn a_slow_answer_counts_against_all_webhooks_that_waited_behind_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
    tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let mut stall = Duration::from_millis(200);
        while stream.read(&mut request).await.is_ok_and(|length| length > 0) {
            tokio::time::sleep(std::mem::take(&mut stall)).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    let report =
        report(&url, &["--rate", "100", "--connections", "1", "--warmup", "0", "--duration", "0.3"]).await;
    let median = report["latency_us"]["p50"].as_u64().unwrap();
    assert!(median > 20_000, "one stall of 200 ms delays most of the 30, yet their median is {median} us");
}
