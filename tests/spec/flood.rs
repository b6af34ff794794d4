//! Thousands of slow clients, and ten times more than can be stored: others are served, and memory stays flat.
//!
//! `PAYLATCH_TEST_SOCKETS` says how many slow clients there are; what was measured is printed.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, sleep_until, timeout};

use crate::client::Answer;
use crate::replica::Replica;
use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

/// Enough to show it on a small machine.
const SOCKETS: usize = 700;
const CLOSED_WITHIN: Duration = Duration::from_secs(12);
/// Faster, and the kernel's queue of new connections overflows: a silent client then believes in a connection that is none.
const CONNECTS_PER_SECOND: u64 = 2_000;
/// What a process may grow by for each open connection, its task and its buffers.
const BYTES_PER_SOCKET_MAX: u64 = 64 * 1024;
const MIB: u64 = 1024 * 1024;

/// How a client is slow: what it sends first, and then each second.
const SHAPES: [(&str, &str, &str); 7] = [
    ("connects and sends nothing", "", ""),
    ("sends one byte", "P", ""),
    ("sends half a header", "POST /webhooks/stripe HTTP/1.1\r\nHost: slow\r\nX-Half: ", ""),
    ("drips a header", "POST /webhooks/stripe HTTP/1.1\r\nHost: slow\r\nX-Half: ", "x"),
    ("sends half a body", "POST /webhooks/stripe HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf", ""),
    ("drips a body", "POST /webhooks/stripe HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf", "x"),
    ("keeps its connection", "GET /livez HTTP/1.1\r\n\r\n", ""),
];

/// From the connection's start to its end.
async fn closed_after(replica: &Replica, first: &str, drip: &str) -> Duration {
    let begun = Instant::now();
    let (mut answers, mut writer) =
        TcpStream::connect(replica.address()).await.expect("a connection").into_split();
    writer.write_all(first.as_bytes()).await.expect("an open connection");
    let dripping = async {
        while !drip.is_empty() && writer.write_all(drip.as_bytes()).await.is_ok() {
            // The pace of a slow client.
            sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    tokio::select! {
        ended = timeout(CLOSED_WITHIN * 3, answers.read_to_end(&mut answer)) => drop(ended),
        () = dripping => {}
    }
    begun.elapsed()
}

/// Latencies of honest clients, one webhook after the other, until `end`.
async fn honest(world: &World, name: &str, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let webhook = payment(&format!("pi_{name}_{}", latencies.len())).succeeded();
        let asked = Instant::now();
        assert_eq!(world.send(&webhook).await.outcome(), "applied");
        latencies.push(asked.elapsed());
        // The pace of an honest client.
        sleep(Duration::from_millis(20)).await;
    }
    latencies.sort();
    latencies
}

fn percentiles(sorted: &[Duration]) -> String {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    format!("p50 {:?} p99 {:?} of {}", at(0.5), at(0.99), sorted.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by scripts/test --all"]
async fn every_slow_shape_is_closed_in_time_while_others_are_served() {
    let sockets = std::env::var_os("PAYLATCH_TEST_SOCKETS")
        .map_or(SOCKETS, |count| count.to_str().and_then(|count| count.parse().ok()).expect("a number"));
    let plan = Plan::postgres().set("http.connections_max", &(sockets + 100).to_string());
    // All are of this machine, and none is kept longer than the others.
    let plan = plan.set("http.connections_per_peer_max", "0").set("http.idle_ms", "5000");
    let world = plan.start().await;
    let replica = &world.replicas[0];
    let before = honest(&world, "before", Instant::now() + Duration::from_secs(3)).await;
    let resident_before = replica.resident_bytes();

    let begun = Instant::now();
    let slow = join_all((0..sockets).map(async |number| {
        let (_, first, drip) = SHAPES[number % SHAPES.len()];
        sleep_until((begun + Duration::from_micros(number as u64 * 1_000_000 / CONNECTS_PER_SECOND)).into())
            .await;
        closed_after(replica, first, drip).await
    }));
    let watch = async {
        let mut most = (0, 0.0);
        while begun.elapsed() < Duration::from_secs(8) {
            let open = replica.metric("paylatch_connections", &["public"]).await;
            most = (replica.resident_bytes().max(most.0), open.max(most.1));
            sleep(Duration::from_millis(100)).await;
        }
        most
    };
    let meanwhile = honest(&world, "meanwhile", begun + Duration::from_secs(8));
    let (closed, (resident_at, open), meanwhile) = tokio::join!(slow, watch, meanwhile);
    // Memory that is given back later is not what was held.
    sleep(Duration::from_secs(2)).await;
    let resident_after = replica.resident_bytes();

    println!("sockets: {sockets} sent, {open} open at once");
    for (shape, (name, ..)) in SHAPES.iter().enumerate() {
        let of_shape = closed.iter().skip(shape).step_by(SHAPES.len());
        let longest = of_shape.max().expect("a socket of each shape");
        println!("{name}: closed after at most {longest:?}");
        assert!(*longest < CLOSED_WITHIN, "{name}: {longest:?}");
    }
    println!("honest clients before: {}; meanwhile: {}", percentiles(&before), percentiles(&meanwhile));
    println!(
        "resident: {} MiB before, {} MiB at most, {} MiB after",
        resident_before / MIB,
        resident_at / MIB,
        resident_after / MIB
    );
    assert!(open >= sockets as f64 * 0.9, "{open} of {sockets} were open at once");
    assert!(resident_at < resident_before + sockets as u64 * BYTES_PER_SOCKET_MAX + 16 * MIB);
    assert!(meanwhile[meanwhile.len() / 2] < before[before.len() / 2] * 5 + Duration::from_millis(50));
}

/// Events that one commit may carry, and commits that one second may have: what can be stored is their product.
const BATCH: u64 = 8;
const COMMITS_PER_SECOND: u64 = 10;
const OVERLOAD: u64 = 10;
const SECONDS: u64 = 8;
const CONNECTIONS: u64 = 1_000;
/// Requests under way at once: fewer than connections, so that each gets its answer however slow the machine is.
const SENDERS: usize = 500;

/// What makes a webhook as large as providers' are; too long for the name of an order.
fn filler(number: u64) -> String {
    number.to_string().repeat(1_000)
}

/// A webhook, what it was answered, and after how long.
type Answered = (Webhook, Answer, Duration);

/// Sends so many webhooks a second; tells all answers, and the most memory that was held meanwhile.
async fn offer(replica: &Replica, offered: u64) -> (Vec<Answered>, u64) {
    let begun = tokio::time::Instant::now();
    let senders = Semaphore::new(SENDERS);
    let sends = (0..offered * SECONDS).map(async |number| {
        sleep_until(begun + Duration::from_micros(number * 1_000_000 / offered)).await;
        let _sender = senders.acquire().await.expect("a semaphore that nobody closes");
        let webhook = payment(&format!("pi_{number}")).of_order(&filler(number)).succeeded();
        let asked = Instant::now();
        // A connection that was kept idle may be closed just as it is used again.
        let answer = eventually("an answer", async || replica.try_send(&webhook).await.ok()).await;
        (webhook, answer, asked.elapsed())
    });
    let watch = async {
        let mut most = 0;
        while begun.elapsed() < Duration::from_secs(SECONDS) {
            most = replica.resident_bytes().max(most);
            sleep(Duration::from_millis(100)).await;
        }
        most
    };
    tokio::join!(join_all(sends), watch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by scripts/test --all"]
async fn ten_times_more_than_can_be_stored_is_refused_early_and_memory_stays_flat() {
    let plan = Plan::postgres().owning_servers().without_a_shared_lock().set("intake.lanes", "1");
    let plan = plan.set("intake.batch_events_max", &BATCH.to_string()).set("intake.queue_events_max", "64");
    // As many senders as one address can stand for: what is tried here is the queue, not the share of a peer.
    let plan = plan.set("http.connections_max", &CONNECTIONS.to_string());
    let world = plan.set("http.connections_per_peer_max", "0").start().await;
    let replica = &world.replicas[0];
    // A slow disk: every commit takes a tenth of a second.
    world.database.execute("alter system set commit_delay = 100000").await;
    world.database.execute("alter system set commit_siblings = 0").await;
    world.database.execute("select pg_reload_conf()").await;
    let offered = BATCH * COMMITS_PER_SECOND * OVERLOAD;
    let resident_before = replica.resident_bytes();

    let (answers, resident_at) = offer(replica, offered).await;
    // Memory that is given back later is not what was held.
    sleep(Duration::from_secs(2)).await;

    let (accepted, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(_, answer, _)| answer.status == 200);
    for (_, answer, _) in &refused {
        assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
        assert!(answer.header("retry-after").is_some());
    }
    let of = |answers: &[&Answered]| {
        let mut latencies: Vec<_> = answers.iter().map(|(.., latency)| *latency).collect();
        latencies.sort();
        percentiles(&latencies)
    };
    let given_way = replica.metric("paylatch_connections_given_way_total", &[]).await;
    let not_taken = replica.metric("paylatch_connections_refused_total", &[]).await;
    println!("connections that gave way: {given_way}; that found no place: {not_taken}");
    println!("offered: {offered} a second for {SECONDS} s; accepted {}", accepted.len() as u64 / SECONDS);
    println!("accepted: {}; refused: {}", of(&accepted), of(&refused));
    println!(
        "resident: {} MiB before, {} MiB at most, {} MiB after",
        resident_before / MIB,
        resident_at / MIB,
        replica.resident_bytes() / MIB
    );
    // However slow the machine is, more was offered than it could store, and what it could store it did: full batches.
    let commits = replica.metric("paylatch_commit_batch_events_count", &[]).await;
    assert!(refused.len() > accepted.len(), "{} accepted, {} refused", accepted.len(), refused.len());
    assert!(accepted.len() as f64 > commits * BATCH as f64 / 2.0, "{} in {commits} commits", accepted.len());
    assert!(
        resident_at < resident_before + CONNECTIONS * BYTES_PER_SOCKET_MAX + 16 * MIB,
        "{resident_at} after {resident_before}"
    );
    for (webhook, ..) in accepted {
        assert!(world.event(&webhook.id).await.is_some(), "{} is lost", webhook.id);
    }
    world.audit_is_clean().await;
}
