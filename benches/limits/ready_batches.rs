//! A limit: the product's own load, decision and save, fed with ready batches.
//!
//! `ready_batches DATABASE_URL CONNECTIONS BATCH_EVENTS EVENTS` stores so many events and prints one line of JSON: events
//! per second, and the median microseconds of a batch's load, decision and save. The events are distinct captured
//! payments of one order each, of the shape that `paylatch-bench` sends; the time for making them is not counted.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use paylatch::http::received_now;
use paylatch::order::{
    About, Basis, Claim, Currency, Event, Evidence, Fact, Id, Key, Kind, Money, Statement, UnixMicros, decide,
};
use paylatch::secret::Secret;
use paylatch::store::{Session, Store, StoreError, StoreSettings, Wanted};
use tokio::task::JoinSet;

/// As in the program that is compared with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn Error + Send + Sync>;
type Batch = Vec<Event>;

/// What `paylatch-bench` sends, with its places left open.
const BODY: &[u8] = include_bytes!("../../src/cli/bench/payment.json");
/// Events that are made at a time, and held in memory.
const MADE_AHEAD: u64 = 1 << 16;
/// Batches at the start that are not measured: connections open, statements are prepared.
const WARMUP_BATCHES: usize = 4;

/// Microseconds of the steps of one batch.
#[derive(Clone, Copy)]
struct Steps {
    load: u128,
    decide: u128,
    save: u128,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [url, connections, batch_events, events] = arguments.as_slice() else {
        return Err("usage: ready_batches DATABASE_URL CONNECTIONS BATCH_EVENTS EVENTS".into());
    };
    let (connections, batch_events, events) = (connections.parse()?, batch_events.parse()?, events.parse()?);
    let store = Store::open(&StoreSettings {
        call_timeout: Duration::from_secs(10),
        ..StoreSettings::new(Secret::new(url))
    })?;
    store.migrate().await?;
    let mut sessions: Vec<Session> = (0..connections).map(|_| store.session()).collect();

    let maker = Maker::new()?;
    store_all(
        &mut sessions,
        maker.batches(u64::MAX / 2, WARMUP_BATCHES as u64 * batch_events, batch_events)?,
    )
    .await?;
    let (mut elapsed, mut steps, mut made) = (Duration::ZERO, Vec::new(), 0);
    while made < events {
        let chunk = MADE_AHEAD.min(events - made);
        let batches = maker.batches(made, chunk, batch_events)?;
        let started_at = Instant::now();
        steps.extend(store_all(&mut sessions, batches).await?);
        elapsed += started_at.elapsed();
        made += chunk;
    }
    print(made as f64 / elapsed.as_secs_f64(), &steps);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "its answer")]
fn print(per_second: f64, steps: &[Steps]) {
    let median = |of: fn(&Steps) -> u128| {
        let mut all: Vec<u128> = steps.iter().map(of).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let (load, decide, save) = (median(|s| s.load), median(|s| s.decide), median(|s| s.save));
    println!(r#"{{"per_second":{per_second:.0},"load_us":{load},"decide_us":{decide},"save_us":{save}}}"#);
}

/// Stores the batches, one at a time on each session.
async fn store_all(sessions: &mut Vec<Session>, batches: VecDeque<Batch>) -> Result<Vec<Steps>, Failure> {
    let batches = Arc::new(Mutex::new(batches));
    let mut tasks = JoinSet::new();
    for mut session in sessions.drain(..) {
        let batches = Arc::clone(&batches);
        tasks.spawn(async move {
            let mut steps = Vec::new();
            let next = || batches.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(batch) = next() {
                steps.push(store_batch(&mut session, &batch).await?);
            }
            Ok::<_, StoreError>((session, steps))
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (session, steps) = ended??;
        sessions.push(session);
        all.extend(steps);
    }
    Ok(all)
}

async fn store_batch(session: &mut Session, batch: &[Event]) -> Result<Steps, StoreError> {
    let events: Vec<&Event> = batch.iter().collect();
    let begun_at = Instant::now();
    let snapshot = session.load(&Wanted::of(&events)).await?;
    let loaded_at = Instant::now();
    let (_, changes) = decide(snapshot, &events);
    let decided_at = Instant::now();
    session.save(&changes).await?;
    Ok(Steps {
        load: (loaded_at - begun_at).as_micros(),
        decide: (decided_at - loaded_at).as_micros(),
        save: decided_at.elapsed().as_micros(),
    })
}

/// Makes events. Ids begin with the second and end with what looks random, as Stripe's do.
struct Maker {
    source: Id,
    body: Bytes,
    now: UnixMicros,
}

impl Maker {
    fn new() -> Result<Self, Failure> {
        Ok(Self { source: Id::new("stripe")?, body: Bytes::from_static(BODY), now: received_now() })
    }

    fn batches(&self, first: u64, events: u64, batch_events: u64) -> Result<VecDeque<Batch>, Failure> {
        let end = first + events;
        let starts = (first..end).step_by(usize::try_from(batch_events)?);
        starts.map(|start| (start..end.min(start + batch_events)).map(|n| self.event(n)).collect()).collect()
    }

    fn event(&self, number: u64) -> Result<Event, Failure> {
        let second = u64::try_from(self.now.0 / 1_000_000)? + number / 20_000;
        let random = number.wrapping_add(self.now.0.unsigned_abs()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            & 0xff_ffff_ffff;
        let id = |prefix: &str| Id::new(&format!("{prefix}{:05x}KoUZkBbJb{random:010x}", second & 0xf_ffff));
        let payment = id("pi_")?;
        let money = Some(Money { amount: 4_999, currency: Currency::new("EUR").ok_or("EUR is a currency")? });
        let fact = Fact { kind: Kind::Captured, reference: payment.clone(), money, basis: Basis::Own };
        let claim = Claim { order: Id::new(&format!("ord_{random:010x}"))?, rank: 0 };
        let evidence = Evidence {
            body: self.body.clone(),
            body_sha256: [7; 32],
            headers: "{}".to_owned(),
            received_at: received_now(),
            read_by: None,
        };
        let key = Key { id: id("evt_")?, source: self.source.clone() };
        let said = ("payment_intent.succeeded".to_owned(), self.now);
        let about = About { payment: Some(payment), account: None };
        Ok(Event::new(key, said, about, Statement::Fact(fact), Some(claim), evidence))
    }
}
