//! Webhooks through the real routes: Stripe's definition, a SQLite database, locks of this process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tempfile::TempDir;

use super::{World, body, statuses};
use crate::http::arrival::{Clock, machine_clock};
use crate::http::body::BodyLimits;
use crate::http::public::routes;
use crate::http::webhooks::WebhookHandler;
use crate::http::{AnswerObserver, Health, Sources};
use crate::intake::{self, Intake, Reader};
use crate::lock::{self, Locks};
use crate::order::{Id, UnixMicros};
use crate::provider::{Providers, Source, SourceSettings};
use crate::secret::Secret;
use crate::store::{self, Store};

const SECRET: &str = "whsec_canary_test";

struct Shop {
    world: World,
    sources: Sources,
    stripe: Source,
    _directory: TempDir,
}

impl Shop {
    async fn open() -> Self {
        Self::by(machine_clock).await
    }

    async fn by(clock: Clock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("paylatch.db").display());
        let store = Store::open(&store::StoreSettings {
            call_timeout: Duration::from_secs(2),
            ..store::StoreSettings::new(Secret::new(url))
        });
        let store = store.unwrap();
        store.migrate().await.unwrap();
        let (intake, _ended) = Intake::start(&intake_settings(), &locks(), &store, Reader::none());
        let stripe = source(SECRET);
        let sources = Sources::new(HashMap::from([(stripe.name().clone(), stripe.clone())]));
        let limits = BodyLimits::new(65_536, 1 << 20, 1 << 20);
        let handler =
            WebhookHandler::new(sources.clone(), limits, intake, AnswerObserver::new()).with_clock(clock);
        let app = routes(handler, Health::new());
        Self { world: World::serving(app).await, sources, stripe, _directory: directory }
    }

    /// Posts `content` with the headers that `source` signs it with, `age_s` seconds ago.
    async fn post(&self, source: &Source, content: &str, age_s: i64) -> String {
        let now = machine_clock().0 / 1_000_000;
        let signed = source.sign(&Bytes::copy_from_slice(content.as_bytes()), now - age_s);
        let headers: String =
            signed.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.post_with(&headers, content).await
    }

    async fn post_with(&self, headers: &str, content: &str) -> String {
        let length = content.len();
        let head =
            format!("POST /webhooks/stripe HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n");
        self.world.exchange(format!("{head}{headers}\r\n{content}")).await
    }

    fn signature(&self, content: &str) -> String {
        let signed =
            self.stripe.sign(&Bytes::copy_from_slice(content.as_bytes()), machine_clock().0 / 1_000_000);
        signed.headers.into_iter().map(|(_, value)| value).next().unwrap()
    }
}

pub(super) fn intake_settings() -> intake::IntakeSettings {
    intake::IntakeSettings {
        lanes: 1,
        batch_events_max: 16,
        queue_events_max: 64,
        queue_bytes_max: 1 << 20,
        deadline: Duration::from_secs(4),
        lock_wait: Duration::from_millis(2500),
        order_events_max: 10_000,
    }
}

pub(super) fn locks() -> Locks {
    Locks::new(&lock::LockSettings {
        backend: "local".to_owned(),
        urls: Vec::new(),
        tls: crate::lock::Tls::default(),
        ttl: Duration::from_secs(2),
        call_timeout: Duration::from_millis(100),
        retry_after: Duration::from_secs(1),
    })
    .unwrap()
}

fn source(secret: &str) -> Source {
    let settings = SourceSettings::new(Id::new("stripe").unwrap(), "stripe", vec![Secret::new(secret)]);
    Source::new(settings, &Providers::load(None).unwrap()).unwrap()
}

fn captured(event: &str) -> String {
    json!({
        "id": event, "object": "event", "type": "payment_intent.succeeded", "created": 1_700_000_000, "livemode": false,
        "data": {"object": {
            "id": "pi_1", "object": "payment_intent", "amount": 1000, "amount_received": 1000, "currency": "eur",
            "created": 1_700_000_000, "metadata": {"order_id": "order-1"},
        }},
    })
    .to_string()
}

#[tokio::test]
async fn a_webhook_is_answered_with_receipts_and_its_repeat_says_so() {
    let shop = Shop::open().await;
    let first = shop.post(&shop.stripe, &captured("evt_1"), 0).await;
    let receipt = |outcome: &str| json!({"receipts": [{"event": "evt_1", "order": "order-1", "outcome": outcome, "reason": null}]});
    assert_eq!((statuses(&first), body(&first)), (vec![200], receipt("applied")));
    assert!(first.contains("content-type: application/json\r\n"), "{first}");
    assert_eq!(body(&shop.post(&shop.stripe, &captured("evt_1"), 0).await), receipt("duplicate"));
}

#[tokio::test]
async fn every_bad_signature_is_one_and_the_same_problem() {
    let shop = Shop::open().await;
    let content = captured("evt_1");
    let good = shop.signature(&content);
    let mut answers = vec![
        ("an impostor's", shop.post(&source("whsec_canary_other"), &content, 0).await),
        ("an old one", shop.post(&shop.stripe, &content, 301).await),
    ];
    for (name, headers) in [
        ("none", String::new()),
        ("an empty one", "Stripe-Signature: \r\n".to_owned()),
        ("a malformed one", "Stripe-Signature: t=x,v1\r\n".to_owned()),
        ("two", format!("Stripe-Signature: {good}\r\nStripe-Signature: {good}\r\n")),
        (
            "a wrong one and the right one",
            format!("Stripe-Signature: t=1,v1=00\r\nStripe-Signature: {good}\r\n"),
        ),
        ("one that is not ASCII", format!("Stripe-Signature: {good}\u{e9}\r\n")),
        ("one of another body", format!("Stripe-Signature: {}\r\n", shop.signature("{}"))),
    ] {
        answers.push((name, shop.post_with(&headers, &content).await));
    }
    for (name, answer) in &answers {
        assert_eq!(statuses(answer), [401], "{name}");
        assert_eq!(body(answer), body(&answers[0].1), "{name}");
        assert!(!answer.contains("whsec"), "{name}");
    }
    let accepted = shop.post(&shop.stripe, &content, 0).await;
    assert_eq!(body(&accepted)["receipts"][0]["outcome"], "applied", "nothing was stored before");
}

#[tokio::test]
async fn what_is_wrong_first_in_the_order_of_checks_is_what_is_told() {
    let shop = Shop::open().await;
    let long = "Content-Length: 9999999\r\n";
    let encoded = "Content-Encoding: gzip\r\nContent-Length: 9999999\r\n";
    for (request, expected) in [
        (format!("GET /webhooks/nobody HTTP/1.1\r\n{encoded}\r\n"), 404),
        (format!("GET /webhooks/%FF HTTP/1.1\r\n{encoded}\r\n"), 404),
        (format!("POST /webhooks/stripe/ HTTP/1.1\r\n{encoded}\r\n"), 404),
        (format!("GET /webhooks/stripe HTTP/1.1\r\n{encoded}\r\n"), 405),
        (format!("POST /webhooks/stripe HTTP/1.1\r\n{encoded}\r\n"), 415),
        (format!("POST /webhooks/stripe HTTP/1.1\r\n{long}\r\n"), 413),
        (
            "POST /webhooks/stripe HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            401,
        ),
    ] {
        let answer = shop.world.exchange(&request).await;
        assert_eq!(statuses(&answer), [expected], "{request}");
        assert_eq!(answer.contains("allow: POST\r\n"), expected == 405, "{request}");
    }
}

#[tokio::test]
async fn a_verified_body_that_cannot_be_read_is_kept_and_answered_200() {
    let shop = Shop::open().await;
    for content in ["{", "[1]", "\u{feff}{}", "null", "{\"id\":\"evt_1\",\"id\":\"evt_2\"}"] {
        let answer = shop.post(&shop.stripe, content, 0).await;
        assert_eq!(statuses(&answer), [200], "{content:?}: {answer}");
        assert_eq!(body(&answer)["receipts"][0]["outcome"], "dead", "{content:?}");
    }
}

#[tokio::test]
async fn sources_are_replaced_while_webhooks_come_in() {
    let shop = Shop::open().await;
    shop.sources.replace(HashMap::from([(Id::new("stripe").unwrap(), source("whsec_canary_new"))]));
    assert_eq!(statuses(&shop.post(&shop.stripe, &captured("evt_1"), 0).await), [401]);
    assert_eq!(statuses(&shop.post(&source("whsec_canary_new"), &captured("evt_1"), 0).await), [200]);
    shop.sources.replace(HashMap::new());
    assert_eq!(statuses(&shop.post(&source("whsec_canary_new"), &captured("evt_1"), 0).await), [404]);
}

/// Seconds that the clock of the test below is ahead of the machine's.
static AHEAD_S: AtomicI64 = AtomicI64::new(0);

fn moved_clock() -> UnixMicros {
    UnixMicros(machine_clock().0 + AHEAD_S.load(Ordering::Relaxed) * 1_000_000)
}

#[tokio::test]
async fn a_clock_that_was_ahead_and_is_set_right_refuses_no_webhook() {
    let shop = Shop::by(moved_clock).await;
    for (number, ahead_s) in [0, 3_600, 0, 0, -30].into_iter().enumerate() {
        AHEAD_S.store(ahead_s, Ordering::Relaxed);
        let content = captured(&format!("evt_{number}"));
        let answer = shop.post(&shop.stripe, &content, -ahead_s).await;
        assert_eq!(statuses(&answer), [200], "{ahead_s} s ahead: {answer}");
    }
}
