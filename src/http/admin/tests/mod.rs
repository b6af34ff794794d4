//! What the admin listener tells, over a SQLite database with known rows.

mod actions;
mod coupons;

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use utoipa::OpenApi;

use super::description::Description;
use super::{Admin, AdminSettings, admin};
use crate::http::tests::{World, body, statuses};
use crate::intake::{self, Intake, Reader};
use crate::lock::{self, Locks};
use crate::order::{
    About, Basis, Claim, Currency, Event, Evidence, Fact, Id, Key, Kind, Money, Snapshot, Statement,
    UnixMicros, decide,
};
use crate::provider::{Providers, Source, SourceSettings};
use crate::secret::Secret;
use crate::store::{By, Role, Store, StoreSettings};

/// Bytes that would be a page if anybody took them for one.
const BODY: &[u8] = b"<script>alert(1)</script>\0\xff";

struct Office {
    world: World,
    store: Store,
    _directory: TempDir,
}

impl Office {
    async fn open() -> Self {
        Self::with_token(None).await
    }

    async fn with_token(token: Option<&str>) -> Self {
        Self::with(AdminSettings { token: token.map(Secret::new), ..AdminSettings::default() }).await
    }

    async fn with(settings: AdminSettings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = Secret::new(format!("sqlite://{}", directory.path().join("paylatch.db").display()));
        let store =
            Store::open(&StoreSettings { call_timeout: Duration::from_secs(5), ..StoreSettings::new(url) })
                .unwrap();
        store.migrate().await.unwrap();
        let app = admin(parts(&store, settings));
        Self { world: World::serving(app).await, store, _directory: directory }
    }

    /// Stores captures of five orders and a note without a payment.
    async fn with_rows() -> Self {
        Self::open().await.filled().await
    }

    async fn filled(self) -> Self {
        let mut events: Vec<Event> = (1..=5).map(captured).collect();
        let note = Statement::Noted("no money meaning".to_owned());
        events.push(event("evt_note", None, note, None));
        let batch: Vec<&Event> = events.iter().collect();
        let (_, changes) = decide(Snapshot::default(), &batch);
        self.store.session().save(&changes).await.unwrap();
        self
    }

    async fn get(&self, path: &str) -> String {
        self.request("GET", path, "", "").await
    }

    async fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        self.world.exchange(format!("{head}Content-Length: {length}\r\n{headers}\r\n{body}")).await
    }
}

/// A listener over `store`, with the source `stripe`.
fn parts(store: &Store, settings: AdminSettings) -> Admin {
    let (intake, locks) = intake(store);
    let stripe = SourceSettings::new(id("stripe"), "stripe", vec![Secret::new("whsec_canary")]);
    let stripe = Source::new(stripe, &Providers::load(None).unwrap()).unwrap();
    Admin::over(store, (intake, locks), [(id("stripe"), stripe)].into(), settings)
}

/// Lanes over `store`; they end with the last handle.
fn intake(store: &Store) -> (Intake, Locks) {
    let locks = Locks::new(&lock::LockSettings {
        backend: "local".to_owned(),
        urls: Vec::new(),
        tls: crate::lock::Tls::default(),
        ttl: Duration::from_secs(2),
        call_timeout: Duration::from_millis(100),
        retry_after: Duration::from_secs(1),
    });
    let settings = intake::IntakeSettings {
        lanes: 1,
        batch_events_max: 256,
        queue_events_max: 4096,
        queue_bytes_max: 1 << 20,
        deadline: Duration::from_secs(4),
        lock_wait: Duration::from_millis(2500),
        order_events_max: 10_000,
    };
    let locks = locks.unwrap();
    (Intake::start(&settings, &locks, store, Reader::none()).0, locks)
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn captured(number: i64) -> Event {
    let fact = Fact {
        kind: Kind::Captured,
        reference: id(&format!("pi_{number}")),
        money: Some(Money { amount: 100 * number, currency: Currency::new("EUR").unwrap() }),
        basis: Basis::Own,
    };
    let claim = Claim { order: id(&format!("order/{number}")), rank: 0 };
    event(&format!("evt_{number}"), Some(&format!("pi_{number}")), Statement::Fact(fact), Some(claim))
}

fn event(name: &str, payment: Option<&str>, statement: Statement, claim: Option<Claim>) -> Event {
    let received_at = crate::http::received_now();
    let evidence = Evidence {
        body: Bytes::from_static(BODY),
        body_sha256: Sha256::digest(BODY).into(),
        headers: "{}".to_owned(),
        received_at,
        read_by: None,
    };
    let key = Key { id: id(name), source: id("stripe") };
    let about = About { payment: payment.map(id), account: None };
    Event::new(key, ("test".to_owned(), UnixMicros(0)), about, statement, claim, evidence)
}

fn ids(list: &Value, name: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    let office = Office::with_rows().await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/orders?source=stripe&limit=2".to_owned();
    loop {
        let page = body(&office.get(&path).await);
        seen.push(ids(&page["orders"], "order_id"));
        let Some(after) = page["after"].as_str() else { break };
        path = format!("/api/v1/orders?source=stripe&limit=2&after={after}");
    }
    assert_eq!(seen, [vec!["order/1", "order/2"], vec!["order/3", "order/4"], vec!["order/5"]]);
}

#[tokio::test]
async fn lists_are_filtered_by_what_the_rows_say() {
    let office = Office::with_rows().await;
    for (path, list, expected) in [
        ("/api/v1/orders?status=paid&anomaly=false", "orders", 5),
        ("/api/v1/orders?status=refunded", "orders", 0),
        ("/api/v1/orders?anomaly=true", "orders", 0),
        ("/api/v1/orders?source=stripe", "orders", 5),
        ("/api/v1/events?source=stripe", "events", 6),
        ("/api/v1/events", "events", 6),
        ("/api/v1/events?outcome=noted", "events", 1),
        ("/api/v1/events?payment=pi_3", "events", 1),
        ("/api/v1/events?order=order%2F3&type=test", "events", 1),
        ("/api/v1/events?type=charge.refunded", "events", 0),
    ] {
        let answer = body(&office.get(path).await);
        assert_eq!(answer[list].as_array().map(Vec::len), Some(expected), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_is_refused_and_says_what_was_expected() {
    let office = Office::open().await;
    for (query, expected) in [
        ("status=payed", "expected one of charged_back, disputed, refunded"),
        ("anomaly=yes", "true"),
        ("waiting=money", "expected one of refund, authorization, dispute"),
        ("longer_than_s=1", "expected waiting beside it"),
        ("source=stirpe", "source: expected one of stripe"),
        ("limit=0", "1 to 200"),
        ("limit=1000000000", "1 to 200"),
        ("limit=-1", "limit"),
        ("colour=red", "unknown field `colour`"),
        ("after=nowhere", "expected the `after` of a list"),
    ] {
        let answer = office.get(&format!("/api/v1/orders?{query}")).await;
        assert_eq!(
            (statuses(&answer), &body(&answer)["code"]),
            (vec![400], &"query_invalid".into()),
            "{query}"
        );
        assert!(body(&answer)["detail"].as_str().unwrap().contains(expected), "{answer}");
    }
}

#[tokio::test]
async fn an_order_is_told_with_its_timeline() {
    let office = Office::with_rows().await;
    let order = body(&office.get("/api/v1/orders/stripe/order%2F3").await);
    assert_eq!((&order["status"], &order["captured"]), (&"paid".into(), &300.into()));
    assert_eq!(ids(&order["timeline"], "event_id"), ["evt_3"]);
    assert_eq!(order["timeline"][0]["outcome"], "applied");
    let event = body(&office.get("/api/v1/events/stripe/evt_3").await);
    assert_eq!(event, order["timeline"][0]);
}

#[tokio::test]
async fn the_exact_bytes_of_an_event_are_given_and_taken_for_nothing_else() {
    let office = Office::with_rows().await;
    let path = "/api/v1/events/stripe/evt_1/raw";
    let answer = office.get(path).await;
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(content, String::from_utf8_lossy(BODY));
    assert!(head.contains(&format!("content-length: {}", BODY.len())), "{head}");
    for header in [
        "content-type: application/octet-stream",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(head.contains(header), "{head}");
    }
    let by = By::new("a clerk", Role::Shell, None, UnixMicros(0)).unwrap();
    office.store.purge_payloads(crate::http::received_now(), &by).await.unwrap();
    assert_eq!(statuses(&office.get(path).await), [410]);
    assert_eq!(statuses(&office.get("/api/v1/events/stripe/evt_1").await), [200]);
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_unknown() {
    let office = Office::with_rows().await;
    for (path, code) in [
        ("/api/v1/orders/stripe/nobody", "unknown_order"),
        ("/api/v1/orders/adyen/order%2F1", "unknown_order"),
        ("/api/v1/orders/stripe/%00", "unknown_order"),
        ("/api/v1/orders/stripe/%FF", "unknown_order"),
        ("/api/v1/events/stripe/nobody", "unknown_event"),
        ("/api/v1/events/stripe/nobody/raw", "unknown_event"),
        ("/api/v2/orders", "unknown_path"),
    ] {
        let answer = office.get(path).await;
        assert_eq!((statuses(&answer), &body(&answer)["code"]), (vec![404], &code.into()), "{path}");
    }
}

#[tokio::test]
async fn every_described_path_is_served_and_with_a_token_only_to_those_who_show_it() {
    let office = Office::with_token(Some("right")).await;
    let description = body(&office.get("/openapi.json").await);
    assert_eq!(description, serde_json::to_value(Description::openapi()).unwrap(), "it needs no token");
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let path = path
            .replace("{source}", "stripe")
            .replace("{id}", "x")
            .replace("{reference}", "x")
            .replace("{sha256}", "00")
            .replace("{name}", "shop")
            .replace("{ledger}", "stripe")
            .replace("{order}", "x");
        methods.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    let operations: Vec<_> = operations.collect();
    assert_eq!(operations.len(), 34);
    for (method, path) in operations {
        let answer = office.request(&method, &path, "", "").await;
        assert_eq!(statuses(&answer), [401], "{method} {path}");
        assert!(answer.contains("www-authenticate: Bearer\r\n"), "{answer}");
        // What streams tell has no end here; tests/spec/streams.rs reads it.
        if path.ends_with("/live") || path.ends_with("/stream") {
            continue;
        }
        let answer = office.request(&method, &path, "Authorization: Bearer right\r\n", "").await;
        // What takes a query that cannot be left out says so.
        let served = [vec![200], vec![400], vec![404], vec![415]].contains(&statuses(&answer));
        assert!(served && !answer.contains("unknown_path"), "{answer}");
    }
}

#[tokio::test]
async fn without_a_token_a_name_that_a_web_page_made_up_is_refused() {
    let office = Office::open().await;
    let head = "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(&office.world.exchange(head).await), [421]);
    assert_eq!(statuses(&office.get("/metrics").await), [200]);
}

#[tokio::test]
async fn the_viewer_loads_nothing_from_elsewhere() {
    let office = Office::open().await;
    let page = office.get("/docs").await;
    assert!(page.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{page}");
    assert!(page.contains("x-frame-options: DENY"), "{page}");
    for path in ["/docs", "/docs/viewer.js", "/docs/viewer.css"] {
        let answer = office.get(path).await;
        assert_eq!(statuses(&answer), [200], "{path}");
        assert!(!answer.contains("://") && !answer.contains("onclick"), "{path}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_away() {
    let directory = tempfile::tempdir().unwrap();
    let url = Secret::new(format!("sqlite://{}", directory.path().join("none/paylatch.db").display()));
    let store =
        Store::open(&StoreSettings { call_timeout: Duration::from_secs(1), ..StoreSettings::new(url) })
            .unwrap();
    let world = World::serving(admin(parts(&store, AdminSettings::default()))).await;
    let answer =
        world.exchange("GET /api/v1/orders HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n").await;
    assert_eq!((statuses(&answer), &body(&answer)["code"]), (vec![503], &"database_away".into()));
}
