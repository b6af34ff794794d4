//! The sample applications that are told of changes: each verifies, and keeps what is newer by (epoch, version).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sha2::Sha256;
use sqlx::ConnectOptions as _;
use tempfile::TempDir;

use crate::client::Client;
use crate::servers::{CANARY, Port, Postgres, Process, eventually};
use crate::webhooks::{now, payment};
use crate::world::Plan;

#[allow(dead_code, reason = "a program of its own, whose main is not called here")]
#[path = "../../examples/receivers/receiver.rs"]
mod receiver;

/// A secret as an endpoint has it, with the tests' marker in it.
pub fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(CANARY.repeat(5)))
}

/// Headers as Standard Webhooks has them, computed here and not by the program.
pub fn signed(secret: &str, time: i64, body: &str) -> Vec<(String, String)> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let mac = mac.chain_update(format!("1-7.{time}.{body}")).finalize().into_bytes();
    let pairs = [
        ("webhook-id", "1-7".to_owned()),
        ("webhook-timestamp", time.to_string()),
        // Another secret's beside it, as while one is replaced.
        ("webhook-signature", format!("v1,{} v1,{}", STANDARD.encode([7; 32]), STANDARD.encode(mac))),
        ("content-type", "application/json".to_owned()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

pub fn message(epoch: i64, version: i64, captured: i64) -> String {
    let data = json!({
        "source": "stripe", "order": "order-1", "epoch": epoch, "version": version, "status": "paid",
        "currency": "USD", "captured": captured, "refunded": 0, "anomalies": [], "provisional": false, "gone": false
    });
    json!({ "type": "order.paid", "timestamp": "2026-11-28T12:00:00Z", "data": data }).to_string()
}

/// What every receiver has to do, whatever it is written in.
async fn keeps_what_is_newer_and_verified(address: SocketAddr) {
    let client = Client::new();
    let post = async |headers: &[(String, String)], body: &str| {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        let answer = client.request(Method::POST, (address, "/"), headers, body).await;
        answer.expect("an answer").status.as_u16()
    };
    let orders = async || client.request(Method::GET, (address, "/"), &[], bytes::Bytes::new()).await;
    eventually("the receiver answers", async || orders().await.ok()).await;

    let (secret, forged) = (secret(), format!("whsec_{}", STANDARD.encode([1; 32])));
    for (epoch, version, captured) in [(1, 5, 2_000), (1, 5, 2_000), (1, 4, 1), (2, 1, 500), (1, 9, 3)] {
        let body = message(epoch, version, captured);
        assert_eq!(post(&signed(&secret, now(), &body), &body).await, 204);
    }
    let settlement = json!({
        "type": "settlement.settled", "timestamp": "2026-11-28T12:00:00Z",
        "data": { "ledger": "stripe", "order": "order-1", "epoch": 9, "version": 1, "settlement": "settled" }
    })
    .to_string();
    assert_eq!(post(&signed(&secret, now(), &settlement), &settlement).await, 204, "what it does not keep");
    let body = message(3, 1, 9_999);
    assert_eq!(post(&signed(&forged, now(), &body), &body).await, 400, "another secret");
    assert_eq!(post(&signed(&secret, now(), &message(2, 1, 1)), &body).await, 400, "another body");
    assert_eq!(post(&signed(&secret, now() - 3_600, &body), &body).await, 400, "an hour old");
    assert_eq!(post(&[], &body).await, 400, "unsigned");

    let kept = orders().await.unwrap().json();
    is_told_by_the_real_sender(address, &client).await;
    let [order] = &kept.as_array().unwrap()[..] else { panic!("one order: {kept}") };
    let number = |name: &str| order[name].as_f64().unwrap();
    assert_eq!((number("epoch"), number("version"), number("captured")), (2.0, 1.0, 500.0), "{kept}");
    assert_eq!((&order["source"], &order["order"]), (&Value::from("stripe"), &Value::from("order-1")));
}

/// A server whose endpoint it is tells it of an order, from its payment on.
async fn is_told_by_the_real_sender(address: SocketAddr, client: &Client) {
    let world = Plan::sqlite()
        .set("endpoints.shop.url", &format!("'http://{address}/'"))
        .set("endpoints.shop.secrets", &format!("['{}']", secret()))
        .set("endpoints.shop.allow", "['127.0.0.0/8']")
        .start()
        .await;
    // The largest amount that every language reads as it is.
    let paid = payment("pi_2").of_order("order-2").amount(9_007_199_254_740_991);
    world.outcomes(&[&paid.succeeded(), &paid.refunded("re_1", 300)]).await;
    let rows = world.database.rows("select version, captured from orders").await;
    let number = |value: &Value| value.as_f64().unwrap();
    eventually("the receiver has what the database has", async || {
        let kept = client.request(Method::GET, (address, "/"), &[], bytes::Bytes::new()).await.ok()?.json();
        let order = kept.as_array()?.iter().find(|order| order["order"] == "order-2")?.clone();
        let is_equal = |name: &str| number(&order[name]) == number(&rows[0][name]);
        (is_equal("version") && is_equal("captured")).then_some(())
    })
    .await;
}

/// Runs a program as a receiver, and looks at what it does.
async fn as_receiver(mut program: Command, database: &str) {
    let port = Port::reserve();
    program.env("PORT", port.number().to_string()).env("SECRET", secret()).env("DATABASE", database);
    let _running = Process::start(program.stdin(Stdio::null()), Signal::SIGKILL);
    keeps_what_is_newer_and_verified(([127, 0, 0, 1], port.number()).into()).await;
}

#[tokio::test]
async fn a_receiver_in_rust_keeps_what_is_newer_and_verified() {
    let (directory, listener) = (tempfile::tempdir().unwrap(), tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.await.unwrap();
    let address = listener.local_addr().unwrap();
    let file = directory.path().join("orders.db").display().to_string();
    let secret = secret();
    tokio::select! {
        ended = receiver::serve(listener, &secret, &file) => panic!("it ended: {:?}", ended.err()),
        () = keeps_what_is_newer_and_verified(address) => {}
    }
}

#[tokio::test]
#[ignore = "needs standardwebhooks of PyPI: run by scripts/test --all"]
async fn a_receiver_in_python_keeps_what_is_newer_and_verified() {
    let directory = tempfile::tempdir().unwrap();
    let mut python = Command::new(packages().join("python/bin/python"));
    python.arg(sample("receiver.py"));
    as_receiver(python, &in_directory(&directory, "orders.db")).await;
}

#[tokio::test]
#[ignore = "needs standardwebhooks and pg of npm: run by scripts/test --all"]
async fn a_receiver_in_node_keeps_what_is_newer_and_verified() {
    let mut postgres = Postgres::start().await;
    let mut url = postgres.create_database().await.to_url_lossy();
    url.set_query(None); // what only our own driver knows
    // Modules are looked for beside the script.
    let beside = packages().join("node/receiver.mjs");
    std::fs::copy(sample("receiver.mjs"), &beside).unwrap();
    let mut node = Command::new("node");
    node.arg(beside);
    as_receiver(node, url.as_str()).await;
}

#[tokio::test]
#[ignore = "needs Go: run by scripts/test --all"]
async fn a_receiver_in_go_keeps_what_is_newer_and_verified() {
    let directory = tempfile::tempdir().unwrap();
    let program = in_directory(&directory, "receiver");
    let mut go = Command::new("go");
    go.args(["build", "-o", &program]).arg(sample("receiver.go"));
    go.env("GOCACHE", directory.path().join("cache")).env("HOME", directory.path());
    built(go).await;
    as_receiver(Command::new(program), "").await;
}

#[tokio::test]
#[ignore = "needs Java: run by scripts/test --all"]
async fn a_receiver_in_java_keeps_what_is_newer_and_verified() {
    let directory = tempfile::tempdir().unwrap();
    let mut javac = Command::new("javac");
    javac.arg("-d").arg(directory.path()).arg(sample("Receiver.java"));
    built(javac).await;
    let mut java = Command::new("java");
    java.args(["-Xmx64m", "-cp"]).arg(directory.path()).arg("Receiver");
    as_receiver(java, "").await;
}

async fn built(mut compiler: Command) {
    let compiled = tokio::task::spawn_blocking(move || compiler.output().expect("a compiler")).await.unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

fn in_directory(directory: &TempDir, name: &str) -> String {
    directory.path().join(name).display().to_string()
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/receivers").join(name)
}

/// Where `scripts/test --all` installs what the examples need.
fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/example-packages")
}
