//! What a stranger sends cannot stop it: no input ends the process, and a request that is refused costs little.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::sleep;

use crate::every_provider;
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// Twenty bytes of a thread's stack for each: nothing that recurses gets through.
const LEVELS: usize = 100_000;

/// Bodies of very many levels: open at their end, whole, and inside what a provider's body has around it.
fn deep_bodies() -> Vec<String> {
    let whole = "[".repeat(LEVELS / 2) + &"]".repeat(LEVELS / 2);
    vec![
        whole.clone(),
        "[".repeat(LEVELS),
        "{\"a\":".repeat(LEVELS / 2) + "1" + &"}".repeat(LEVELS / 2),
        format!(r#"{{"live":"false","notificationItems":[{{"NotificationRequestItem":{{"a":{whole}}}}}]}}"#),
        format!(r#"["&bt_signature=pk1%7C00&bt_payload=AAAA&",{whole}]"#),
    ]
}

/// They show their secret beside the body, whatever that is: nothing of theirs is signed, and it is not printed here.
const SHOW_THEIR_SECRET: [&str; 2] = ["flutterwave-v3", "xendit"];

/// The signature headers of another body, as `paylatch sign` writes them.
async fn headers_of_another_body(world: &World, provider: &str) -> Vec<(String, String)> {
    if SHOW_THEIR_SECRET.contains(&provider) {
        return Vec::new();
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider);
    let mut files: Vec<PathBuf> = fixtures.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let line = world.cli(&["sign", "--source", provider, files[0].to_str().unwrap()]).await;
    let line = String::from_utf8(line.stdout).unwrap();
    let headers = line.split(" -H '").skip(1).filter_map(|rest| rest.split('\'').next()?.split_once(": "));
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn a_body_of_a_hundred_thousand_levels_ends_no_process_whatever_provider_it_is_sent_to() {
    let providers = every_provider::providers();
    let world = every_provider::start(&providers).await;
    let replica = &world.replicas[0];
    for provider in &providers {
        let headers = headers_of_another_body(&world, provider).await;
        for body in deep_bodies() {
            let answer = replica.post(&format!("/webhooks/{provider}"), &headers, body).await;
            let status = answer.map(|answer| answer.status.as_u16());
            // Mercado Pago signs the headers alone: there the body is stored, dead.
            let expected = if provider == "mercadopago" { 200 } else { 401 };
            assert_eq!(status, Ok(expected), "{provider}");
            assert_eq!(replica.request(Method::GET, "/livez").await.unwrap().status, 200, "{provider}");
        }
    }
    assert_eq!(replica.metric("paylatch_handler_panics_total", &[]).await, 0.0);
    assert_eq!(world.send(&payment("pi_1").succeeded()).await.status, 401, "another secret is set here");
}

#[tokio::test]
async fn the_command_that_verifies_a_body_of_a_hundred_thousand_levels_says_that_it_does_not() {
    let providers = ["stripe", "adyen", "braintree"].map(str::to_owned);
    let world = every_provider::start(&providers).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("deep.json");
    for provider in &providers {
        let headers = headers_of_another_body(&world, provider).await;
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}"));
        let headers: Vec<String> = headers.flat_map(|header| ["--header".to_owned(), header]).collect();
        for body in deep_bodies() {
            std::fs::write(&file, body).unwrap();
            let mut arguments = vec!["verify", "--source", provider, "--body", file.to_str().unwrap()];
            arguments.extend(headers.iter().map(String::as_str));
            let output = world.cli(&arguments).await;
            assert_eq!(output.status.code(), Some(1), "{provider}: {output:?}");
        }
    }
}

/// How long the attacks below last.
const ATTACK: Duration = Duration::from_secs(5);

/// Whether each of the webhooks that are sent while `attack` goes on is taken; how many there were.
async fn taken_during(world: &World, attack: impl Future<Output = ()>) -> usize {
    let honest = async {
        let (end, mut taken) = (Instant::now() + ATTACK, 0);
        while Instant::now() < end {
            let webhook = payment(&format!("pi_{taken}")).succeeded();
            assert_eq!(world.send(&webhook).await.outcome(), "applied");
            taken += 1;
            // The pace of an honest client.
            sleep(Duration::from_millis(20)).await;
        }
        taken
    };
    tokio::select! {
        taken = honest => taken,
        () = attack => unreachable!("it goes on"),
    }
}

/// Connections from 127.0.0.2 that send `request` and wait, again and again.
async fn attack(address: SocketAddr, connections: usize, request: &[u8]) {
    let one = async || loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
        if let Ok(mut socket) = socket.connect(address).await {
            let _ = socket.write_all(request).await;
            let _ = socket.read(&mut [0; 1_024]).await;
        }
        // The pace of the attack; so below.
        sleep(Duration::from_millis(10)).await;
    };
    join_all((0..connections).map(|_| one())).await;
}

#[tokio::test]
async fn bodies_that_are_announced_and_never_sent_have_no_webhook_refused() {
    let world = Plan::sqlite().start().await;
    let head = b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    let taken = taken_during(&world, attack(world.replicas[0].address(), 40, head)).await;
    assert!(taken > 20, "{taken}");
}

#[tokio::test]
async fn a_flood_of_unsigned_webhooks_has_no_webhook_refused_and_no_line_of_the_log_each() {
    let world = Plan::sqlite().start().await;
    let request = b"POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    let taken = taken_during(&world, attack(world.replicas[0].address(), 200, request)).await;
    let refused = world.replicas[0].metric("paylatch_rejections_total", &["signature_missing"]).await;
    let logged = world.replicas[0].output().matches("webhook refused").count();
    println!("{taken} webhooks taken beside {refused} that were refused, of which {logged} are logged");
    assert!(taken > 20, "{taken}");
    assert!(refused > 400.0 && logged <= 20, "{refused} refused, {logged} logged");
    let unlogged = world.replicas[0].metric("paylatch_refusals_unlogged_total", &[]).await;
    assert!(unlogged >= refused - 20.0, "{unlogged} of {refused}");
}

#[tokio::test]
async fn connections_that_wait_take_the_place_of_nobody() {
    let world = Plan::sqlite().set("http.connections_max", "64").start().await;
    let keep = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    let hoard = async {
        let mut hoard = Vec::new();
        loop {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 0, 2 + (hoard.len() % 8) as u8], 0).into()).unwrap();
            if let Ok(mut socket) = socket.connect(world.replicas[0].address()).await {
                let _ = socket.write_all(keep).await;
                hoard.push(socket);
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let taken = taken_during(&world, hoard).await;
    assert!(taken > 20, "{taken}");
}
