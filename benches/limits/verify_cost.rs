//! What it costs to verify a webhook and to read its facts, beside a bare HMAC and a bare JSON skip of the same bytes.
//!
//! `cargo bench --bench verify_cost [-- ROUNDS]` prints, of a Stripe event of 1.6 KB, the median nanoseconds and the
//! allocations of each, and how many times the two bare ones together the product costs. The three are measured in turn
//! within each round, so that a noisy machine slows them alike. `-- ROUNDS PART` runs one part alone, for a profiler.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use allocation_counter::measure;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use paylatch::order::{Event, Id, UnixMicros};
use paylatch::provider::{Providers, Source, SourceSettings, Webhook};
use paylatch::secret::Secret;
use serde::de::IgnoredAny;
use sha2::Sha256;

const BODY: &[u8] = include_bytes!("../../fixtures/stripe/02-payment_intent.amount_capturable_updated.json");
const SECRET: &str = "whsec_c0dec0dec0dec0dec0dec0dec0dec0de";
const NOW: i64 = 1_789_000_000;
/// Calls between two looks at the clock.
const CALLS: u32 = 200;
const ROUNDS: usize = 500;

type Failure = Box<dyn Error>;
type Part<'a> = (&'static str, Box<dyn Fn() + 'a>);

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let rounds = arguments.first().map_or(Ok(ROUNDS), |rounds| rounds.parse())?;

    let source = stripe()?;
    let body = Bytes::from_static(BODY);
    let headers = signed(&source, &body)?;
    let webhook = Webhook { path_and_query: "/webhooks/stripe", headers: &headers, body: &body };
    read(&source, &webhook)?;
    let key = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    let parts: [Part<'_>; 3] = [
        ("hmac", Box::new(|| told(bare_hmac(&key, black_box(BODY))))),
        ("skip", Box::new(|| told(bare_skip(black_box(BODY))))),
        ("verify_and_read", Box::new(|| told(read(&source, black_box(&webhook))))),
    ];
    if let Some(only) = arguments.get(1) {
        let (_, part) = parts.iter().find(|(name, _)| name == only).ok_or("no such part")?;
        (0..rounds).for_each(|_| part());
        return Ok(());
    }
    tell(&parts, &medians(&parts, rounds));
    Ok(())
}

/// Keeps the compiler from leaving out what nobody looks at.
fn told<T>(result: T) {
    black_box(result);
}

/// What anybody does who checks this signature.
fn bare_hmac(key: &Hmac<Sha256>, body: &[u8]) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(b"1789000000.");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// What anybody does who asks whether this is JSON.
fn bare_skip(body: &[u8]) -> Result<IgnoredAny, serde_json::Error> {
    serde_json::from_slice(body)
}

fn read(source: &Source, webhook: &Webhook<'_>) -> Result<Vec<Event>, Failure> {
    let verified = source.verify(webhook, NOW)?;
    let events = verified.events(UnixMicros(NOW * 1_000_000));
    if events.iter().all(|event| event.fact().is_none()) {
        return Err("the event states no fact".into());
    }
    Ok(events)
}

/// Nanoseconds of each part, the median of the rounds.
fn medians(parts: &[Part<'_>], rounds: usize) -> Vec<f64> {
    let mut rounds: Vec<Vec<f64>> =
        (0..rounds).map(|_| parts.iter().map(|(_, part)| nanoseconds(part)).collect()).collect();
    (0..parts.len())
        .map(|position| {
            rounds.sort_by(|a, b| a[position].total_cmp(&b[position]));
            rounds[rounds.len() / 2][position]
        })
        .collect()
}

fn nanoseconds(part: &dyn Fn()) -> f64 {
    let started = Instant::now();
    (0..CALLS).for_each(|_| part());
    started.elapsed().as_nanos() as f64 / f64::from(CALLS)
}

#[allow(clippy::print_stdout, reason = "it is what a bench is for")]
fn tell(parts: &[Part<'_>], medians: &[f64]) {
    for ((name, part), nanoseconds) in parts.iter().zip(medians) {
        let allocated = measure(part);
        println!(
            "{name:16} {nanoseconds:7.0} ns  {:3} allocations, {} bytes",
            allocated.count_total, allocated.bytes_total
        );
    }
    if let [hmac, skip, product] = medians {
        println!("verify_and_read costs {:.2} times hmac and skip together", product / (hmac + skip));
    }
}

fn signed(source: &Source, body: &Bytes) -> Result<HeaderMap, Failure> {
    let signed = source.sign(body, NOW);
    let pairs = signed.headers.iter().map(|(name, value)| Ok((name.parse::<HeaderName>()?, value.parse()?)));
    pairs.collect()
}

fn stripe() -> Result<Source, Failure> {
    let settings = SourceSettings::new(Id::new("stripe")?, "stripe", vec![Secret::new(SECRET)]);
    Source::new(settings, &Providers::load(None)?).map_err(|mistakes| format!("{mistakes:?}").into())
}
