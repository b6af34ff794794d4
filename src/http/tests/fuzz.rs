//! Mutants of what providers, operators and strangers send: none fails, hangs, or leaves memory behind.
//!
//! `PAYLATCH_TEST_FUZZ_S` says for how many seconds, 30 unless given. Each mutant has a seed of its own, which is printed
//! where one fails, with the file that it is written to: `PAYLATCH_TEST_SEED` begins with that one.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use http::HeaderMap;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use super::webhooks::{intake_settings, locks};
use super::{ListenerOptions, World, read_all, statuses};
use crate::http::arrival::machine_clock;
use crate::http::body::BodyLimits;
use crate::http::public::routes;
use crate::http::webhooks::WebhookHandler;
use crate::http::{Admin, AdminSettings, AnswerObserver, Health, Sources, admin};
use crate::intake::{Intake, IntakeSettings, Reader};
use crate::provider::tests::{headers, providers, settings, source};
use crate::provider::{Source, Webhook};
use crate::secret::Secret;
use crate::store::{Store, StoreSettings};

/// Unless the environment says otherwise.
const SECONDS: u64 = 30;
/// Sent at once.
const AT_ONCE: u64 = 8;
/// No mutant may take longer to refuse, to store or to look into.
const TOOK_MAX: Duration = Duration::from_secs(10);
/// What may stay behind after a warm-up; what is remembered of events is part of it.
const GROWTH_BYTES_MAX: u64 = 128 << 20;

/// What breaks readers: ends, escapes, numbers, names and signs of the formats in use.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "\u{202e}",
    "\r\n",
    "\n",
    "null",
    "true",
    "-0",
    "1e999",
    "99999999999999999999",
    "0.001",
    "\"id\":\"x\",",
    "[[[[[[[[",
    "{\"a\":{\"a\":",
    "&",
    "=",
    "%00",
    "%",
    "<",
    "<!--",
    "<![CDATA[",
    "<!DOCTYPE a>",
    "xmlns=\"a\"",
    "é",
    "\u{feff}",
    "/../",
    "?",
    "after=",
    "status=",
    "Content-Length: 1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "t=1,v1=00",
    "0\r\n\r\n",
];
/// Where the admin listener answers.
const PATHS: &[&str] = &[
    "/api/v1/orders?source=stripe&status=paid&anomaly=x&after=AAAA",
    "/api/v1/orders/stripe/order-1",
    "/api/v1/events?source=stripe&outcome=dead&type=a&after=AAAA",
    "/api/v1/events/stripe/evt_1",
    "/api/v1/events/stripe/evt_1/raw",
    "/",
    "/find?q=evt_",
    "/orders?source=stripe&status=paid&anomaly=true&after=AAAA",
    "/orders/stripe/ord_1?by=arrived",
    "/events?source=stripe&type=a&hours=24&before=AAAA",
    "/events/stripe/evt_1",
    "/sources/stripe",
    "/login?then=/orders",
    "/api/v1/coupons/code",
    "/metrics",
    "/openapi.json",
];

/// Both listeners over one database, and what is sent to them.
struct Lab {
    public: World,
    admin: World,
    sources: Vec<Source>,
    /// Of each source.
    fixtures: HashMap<String, Vec<Bytes>>,
    _directory: TempDir,
}

impl Lab {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = Secret::new(format!("sqlite://{}", directory.path().join("paylatch.db").display()));
        let store =
            Store::open(&StoreSettings { url, schema: None, call_timeout: Duration::from_secs(10) }).unwrap();
        store.migrate().await.unwrap();
        let queue =
            IntakeSettings { queue_events_max: 65_536, queue_bytes_max: 64 << 20, ..intake_settings() };
        let locks = locks();
        let (intake, _ended) = Intake::start(&queue, &locks, &store, Reader::none());
        let sources: Vec<Source> = providers().names().map(|name| source(settings(name))).collect();
        let by_name: HashMap<_, _> =
            sources.iter().map(|source| (source.name().clone(), source.clone())).collect();
        let limits = BodyLimits::new(1 << 20, 32 << 20, 32 << 20);
        let handler =
            WebhookHandler::new(Sources::new(by_name.clone()), limits, intake.clone(), AnswerObserver::new());
        let options = || ListenerOptions {
            idle_max: Duration::from_millis(500),
            ..ListenerOptions::new("public", 1024)
        };
        let fixtures =
            sources.iter().map(|source| (source.name().to_string(), fixtures(source.name().as_str())));
        Self {
            public: World::with(options(), routes(handler, Health::new())).await,
            admin: World::with(
                options(),
                admin(Admin::over(&store, (intake, locks), by_name, AdminSettings::default())),
            )
            .await,
            fixtures: fixtures.collect(),
            sources,
            _directory: directory,
        }
    }

    /// A source and one of its fixtures.
    fn sample(&self, rng: &mut StdRng) -> (&Source, &Bytes) {
        loop {
            let source = self.sources.choose(rng).unwrap();
            if let Some(fixture) = self.fixtures[source.name().as_str()].choose(rng) {
                return (source, fixture);
            }
        }
    }

    /// Sends the mutant of this seed, or looks into it. Gives what was sent, and what is wrong with what came of it.
    async fn try_one(&self, seed: u64) -> (Vec<u8>, Option<String>) {
        let rng = &mut StdRng::seed_from_u64(seed);
        let (source, fixture) = self.sample(rng);
        let mutant = Bytes::from(mutated(rng, fixture));
        let signed = source.sign(if rng.random() { &mutant } else { fixture }, machine_clock().0 / 1_000_000);
        match rng.random_range(0..4) {
            0 => {
                let request = request(source, &signed.headers, &signed.body);
                let answer = statuses(&exchange(&self.public, seed, &request).await);
                let is_fine = answer.iter().all(|status| matches!(status, 200 | 400 | 401 | 431));
                (request, (!is_fine).then(|| format!("a signed webhook is answered {answer:?}")))
            }
            1 => {
                let request = mutated(rng, &request(source, &signed.headers, &signed.body));
                let answer = statuses(&exchange(&self.public, seed, &request).await);
                let is_fine = answer.iter().all(|status| *status < 500);
                (request, (!is_fine).then(|| format!("a request is answered {answer:?}")))
            }
            2 => {
                let path = *PATHS.choose(rng).unwrap();
                let path = mutated(rng, path.as_bytes());
                let head = [b"GET ", &path[..], b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"]
                    .concat();
                let answer = statuses(&exchange(&self.admin, seed, &head).await);
                let is_fine = answer.iter().all(|status| *status < 500);
                (head, (!is_fine).then(|| format!("a question is answered {answer:?}")))
            }
            _ => {
                look_into(source.clone(), headers(&signed.headers), mutant.clone()).await;
                (mutant.to_vec(), None)
            }
        }
    }
}

fn fixtures(provider: &str) -> Vec<Bytes> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider);
    let mut files: Vec<_> =
        folder.read_dir().into_iter().flatten().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap().into()).collect()
}

/// As a request whose connection ends after it.
fn request(source: &Source, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut head = format!(
        "POST /webhooks/{} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n",
        source.name()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// From an address of its own, so that no rate limit of refusals slows it down.
async fn exchange(world: &World, seed: u64, request: &[u8]) -> String {
    let client = Ipv4Addr::from_bits(0x7f00_0000 | (seed as u32 % 0x00ff_fff0 + 2));
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((client, 0).into()).unwrap();
    let mut socket = socket.connect(world.address).await.unwrap();
    let _ = socket.write_all(request).await;
    let _ = socket.shutdown().await;
    read_all(&mut socket).await
}

/// What the listener does with some of what it refuses, on a thread like the one that it does it on.
async fn look_into(source: Source, headers: HeaderMap, body: Bytes) {
    let looking = tokio::task::spawn_blocking(move || {
        let webhook = Webhook { path_and_query: "/", headers: &headers, body: &body };
        let now = machine_clock().0 / 1_000_000;
        if let Err(rejection) = source.verify(&webhook, now) {
            let _found = source.diagnose(&rejection, &webhook, now, [&source]);
        }
    });
    looking.await.unwrap();
}

/// `bytes`, changed in one to four places.
fn mutated(rng: &mut StdRng, bytes: &[u8]) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=mutant.len());
        let end = (at + rng.random_range(0..64)).min(mutant.len());
        let piece = PIECES.choose(rng).unwrap().as_bytes().to_vec();
        match rng.random_range(0..7) {
            0 => drop(mutant.splice(at..at, piece)),
            1 => drop(mutant.splice(at..end, piece)),
            2 => drop(mutant.drain(at..end)),
            3 => {
                let copy = mutant[at..end].repeat(rng.random_range(1..40));
                drop(mutant.splice(at..at, copy));
            }
            4 => mutant.truncate(at),
            5 => drop(mutant.splice(at..at, piece.repeat(rng.random_range(1..4_000)))),
            _ => {
                if let Some(byte) = mutant.get_mut(at) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
            }
        }
    }
    mutant
}

fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

fn given(variable: &str) -> Option<u64> {
    #[allow(clippy::disallowed_methods, reason = "a test has no other settings")]
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mutant_of_what_is_sent_fails_or_hangs_or_leaves_memory_behind() {
    let lab = Lab::open().await;
    let first = given("PAYLATCH_TEST_SEED").unwrap_or_else(rand::random);
    let lasts = Duration::from_secs(given("PAYLATCH_TEST_FUZZ_S").unwrap_or(SECONDS));
    println!("the first seed is {first}");
    let (begun, mut tried, mut warm) = (Instant::now(), 0, None);
    while begun.elapsed() < lasts {
        let seeds = (0..AT_ONCE).map(|number| first.wrapping_add(tried + number));
        let batch_begun = Instant::now();
        let outcomes =
            seeds.map(async |seed| (seed, AssertUnwindSafe(lab.try_one(seed)).catch_unwind().await));
        for (seed, outcome) in join_all(outcomes).await {
            let (input, problem) = outcome.unwrap_or_else(|_| (Vec::new(), Some("it panics".to_owned())));
            let Some(problem) = problem else { continue };
            let file = std::env::temp_dir().join(format!("paylatch-mutant-{seed}"));
            std::fs::write(&file, &input).unwrap();
            panic!("PAYLATCH_TEST_SEED={seed}: {problem}: {}", file.display());
        }
        assert!(
            batch_begun.elapsed() < TOOK_MAX,
            "seeds from {}: {:?}",
            first.wrapping_add(tried),
            batch_begun.elapsed()
        );
        tried += AT_ONCE;
        if begun.elapsed() > lasts / 3 && warm.is_none() {
            warm = Some(resident_bytes());
        }
    }
    let grown = resident_bytes().saturating_sub(warm.unwrap_or(u64::MAX));
    println!("{tried} mutants; {} MiB more than after a third of them", grown >> 20);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more than after a third of {tried} mutants");
}
