//! The whole intake of one to three replicas over a simulated database, in virtual time, from one seed: what is acknowledged
//! is stored, once, as what it was told to be, whatever is lost, killed or replaced on the way.
//!
//! `PAYLATCH_TEST_SEED` repeats one seed; `PAYLATCH_TEST_SIMULATION_S` is how long new seeds are tried.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant as WallClock;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::LocalSet;

use super::*;
use crate::backoff;
use crate::order::Fingerprint;
use crate::store::{Faults, Simulated};

const FAULTS: Faults = Faults {
    lost_before: 0.03,
    lost_after: 0.05,
    lands_later: 0.05,
    unchecked: false,
    hidden_failover: false,
    orders_at_once: None,
};
const SECONDS: u64 = 10;

#[test]
fn one_seed_is_one_run() {
    for seed in 1..20 {
        assert_eq!(Run::of(seed, FAULTS), Run::of(seed, FAULTS), "seed {seed}");
    }
}

#[test]
fn whatever_is_lost_or_killed_everything_acknowledged_is_stored_once_as_it_was_told() {
    let hidden = |seed: u64| Faults { hidden_failover: seed.is_multiple_of(3), ..FAULTS };
    let begun = WallClock::now();
    let seconds = given("PAYLATCH_TEST_SIMULATION_S").unwrap_or(SECONDS);
    let repeated = given("PAYLATCH_TEST_SEED");
    let mut seed = repeated.unwrap_or_else(|| rand::random::<u64>() >> 32);
    println!("PAYLATCH_TEST_SEED={seed} is the first");
    while begun.elapsed().as_secs() < seconds {
        let run = Run::of(seed, hidden(seed));
        assert_eq!(run.found, Vec::<String>::new(), "PAYLATCH_TEST_SEED={seed} repeats it");
        if repeated.is_some() {
            break;
        }
        seed += 1;
    }
}

#[test]
fn without_the_check_of_versions_the_simulation_finds_wrong_rows() {
    let unchecked = Faults { unchecked: true, ..FAULTS };
    let is_wrong = |seed| Run::of(seed, unchecked).found.iter().any(|found| found.starts_with("rows"));
    assert!((1..200).any(is_wrong));
}

fn given(variable: &str) -> Option<u64> {
    std::env::var_os(variable).map(|text| text.into_string().unwrap().parse().unwrap())
}

/// What one seed came to.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    found: Vec<String>,
    steps: u64,
    acknowledged: usize,
}

/// A delivery that was answered: which event, its twin's body or its own, and what the sender was told.
type Acknowledged = (usize, bool, Outcome);

/// A process: its own store, and a handle to end it as `kill -9` does.
struct Process {
    intake: Intake,
    lanes: JoinHandle<()>,
}

/// One run: replicas that senders reach, what they say, and what was answered.
struct Simulation {
    database: Simulated,
    locks: Option<Locks>,
    processes: RefCell<Vec<Process>>,
    events: Vec<[Event; 2]>,
    arrivals: Cell<i64>,
    acknowledged: RefCell<Vec<Acknowledged>>,
}

impl Run {
    fn of(seed: u64, faults: Faults) -> Self {
        backoff::seed(seed);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        LocalSet::new().block_on(&runtime, Self::simulate(seed, faults))
    }

    async fn simulate(seed: u64, faults: Faults) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let simulation = Rc::new(Simulation::new(seed, faults, &mut random));
        let mut found = Vec::new();
        if !simulation.deliver_all(&mut random, true).await {
            found.push("stuck".to_owned());
        }
        // Saves whose client gave up land.
        tokio::time::sleep(Duration::from_millis(500)).await;
        found.extend(simulation.check());
        let acknowledged = simulation.acknowledged.take().len();

        simulation.database.fail_over(random.random_range(1..=4));
        tokio::time::sleep(Duration::from_secs(3)).await;
        simulation.deliver_all(&mut random, false).await;
        let stored = simulation.database.tables().events;
        if simulation.events.iter().any(|[event, _]| !stored.contains_key(event.key())) {
            found.push("lost by a failover, although it was sent again".to_owned());
        }
        Self { found, steps: simulation.database.steps(), acknowledged }
    }
}

impl Simulation {
    fn new(seed: u64, faults: Faults, random: &mut StdRng) -> Self {
        let simulation = Self {
            database: Simulated::new(seed, faults),
            // A lock service that lies gives each replica what another holds.
            locks: random.random_bool(0.5).then(locks),
            processes: RefCell::default(),
            events: history(random),
            arrivals: Cell::new(1_000_000),
            acknowledged: RefCell::default(),
        };
        let replicas = random.random_range(1..=3);
        simulation.processes.borrow_mut().extend((0..replicas).map(|_| simulation.start()));
        simulation
    }

    fn start(&self) -> Process {
        let store = Store::simulated(&self.database);
        let settings = IntakeSettings { lanes: 2, ..settings() };
        let (intake, lanes) =
            Intake::start(&settings, &self.locks.clone().unwrap_or_else(locks), &store, Reader::none());
        Process { intake, lanes }
    }

    /// Sends everything, some of it often and at once, each until it is acknowledged; tells whether all were.
    async fn deliver_all(self: &Rc<Self>, random: &mut StdRng, with_kills: bool) -> bool {
        let span = *[200_u64, 5_000, 60_000].choose(random).unwrap();
        let mut senders = Vec::new();
        for event in 0..self.events.len() {
            let has_twin = random.random_bool(0.15);
            for _ in 0..random.random_range(1..=4) {
                let is_twin = with_kills && has_twin && random.random_bool(0.5);
                let at = Duration::from_micros(random.random_range(0..span));
                let sender = Rc::clone(self).send((event, is_twin), at, random.random());
                senders.push(tokio::task::spawn_local(sender));
            }
        }
        if with_kills && random.random_bool(0.3) {
            tokio::time::sleep(Duration::from_micros(random.random_range(0..span))).await;
            let mut processes = self.processes.borrow_mut();
            let victim = random.random_range(0..processes.len());
            let killed = std::mem::replace(&mut processes[victim], self.start());
            killed.lanes.abort();
        }
        let mut are_all = true;
        for sender in senders {
            are_all &= sender.await.unwrap();
        }
        are_all
    }

    async fn send(self: Rc<Self>, (event, is_twin): (usize, bool), at: Duration, seed: u64) -> bool {
        let mut random = StdRng::seed_from_u64(seed);
        tokio::time::sleep(at).await;
        for _ in 0..200 {
            let intake = self.processes.borrow().choose(&mut random).unwrap().intake.clone();
            let webhook = Fingerprint(self.events[event][usize::from(is_twin)].evidence().body_sha256);
            let answer = match intake.find_duplicate(&webhook) {
                Some(receipts) => Ok(receipts),
                None => {
                    let delivery = self.delivery(event, is_twin);
                    intake.process_webhook(webhook, vec![delivery], Instant::now()).await
                }
            };
            if let Ok(receipts) = answer {
                self.acknowledged.borrow_mut().push((event, is_twin, receipts[0].outcome));
                return true;
            }
            tokio::time::sleep(Duration::from_millis(random.random_range(1..50))).await;
        }
        false
    }

    /// The event as it arrives now.
    fn delivery(&self, event: usize, is_twin: bool) -> Event {
        self.arrivals.set(self.arrivals.get() + 1);
        let told = &self.events[event][usize::from(is_twin)];
        let evidence = Evidence { received_at: UnixMicros(self.arrivals.get()), ..told.evidence().clone() };
        let said = (told.type_name().to_owned(), told.occurred_at());
        let about = About { payment: told.payment().cloned(), account: None };
        Event::new(told.key().clone(), said, about, told.statement().clone(), told.claim().cloned(), evidence)
    }

    /// What is wrong with what was told and what is stored.
    fn check(&self) -> Vec<String> {
        let tables = self.database.tables();
        let mut found = Vec::new();
        if !tables.are_the_fold() {
            found.push("rows are not the fold of the events".to_owned());
        }
        let mut firsts: BTreeMap<usize, usize> = BTreeMap::new();
        for (event, is_twin, outcome) in self.acknowledged.borrow().iter() {
            let told = &self.events[*event][usize::from(*is_twin)];
            let Some(stored) = tables.events.get(told.key()) else {
                found.push(format!("lost: {}", told.key()));
                continue;
            };
            let is_same = stored.known.facts_sha256 == told.facts_sha256();
            let is_kept = tables.conflicts.contains(&(told.key().clone(), told.evidence().body_sha256));
            let is_right = match outcome {
                Outcome::Duplicate => is_same,
                Outcome::Conflict => !is_same && is_kept,
                first => {
                    *firsts.entry(*event).or_default() += 1;
                    is_same && *first == stored.known.outcome
                }
            };
            if !is_right {
                found.push(format!("{} was told {outcome}", told.key()));
            }
        }
        if firsts.values().any(|times| *times > 1) {
            found.push("two were told the first outcome".to_owned());
        }
        found
    }
}

/// Up to 14 events of up to three payments and two orders, each with a body that contradicts it.
fn history(random: &mut StdRng) -> Vec<[Event; 2]> {
    const KINDS: [(Kind, Basis); 8] = [
        (Kind::Authorized, Basis::Own),
        (Kind::Captured, Basis::Own),
        (Kind::Captured, Basis::Own),
        (Kind::Refunded, Basis::Own),
        (Kind::Refunded, Basis::Total),
        (Kind::RefundFailed, Basis::Own),
        (Kind::Disputed, Basis::Own),
        (Kind::DisputeLost, Basis::Own),
    ];
    let (payments, orders) = (random.random_range(1..=3), random.random_range(1..=2));
    let event = |number: usize, random: &mut StdRng| {
        let payment = format!("pay{}", random.random_range(0..payments));
        let (kind, basis) = *KINDS.choose(random).unwrap();
        let reference = format!("{payment}-{}", random.random_range(0..2));
        let claims = random.random_bool(0.35);
        let claim = claims.then(|| Claim {
            order: Id::new(&format!("order{}", random.random_range(0..orders))).unwrap(),
            rank: random.random_range(0..3),
        });
        let amount = *[500, 1_000].choose(random).unwrap();
        let occurred_at = UnixMicros(random.random_range(1..20));
        [amount, amount + 7].map(|amount| {
            let id = |text: &str| Id::new(text).unwrap();
            let key = Key { id: id(&format!("e{number}")), source: id("shop") };
            let money = Some(Money { amount, currency: Currency::new("USD").unwrap() });
            let fact = Fact { kind, reference: id(&reference), money, basis };
            let about = About { payment: Some(id(&payment)), account: None };
            let body = Bytes::from(format!("{key} {amount}"));
            let evidence = Evidence {
                body_sha256: Sha256::digest(&body).into(),
                body,
                headers: "{}".to_owned(),
                received_at: UnixMicros(0),
                read_by: None,
            };
            let said = ("told".to_owned(), occurred_at);
            Event::new(key, said, about, Statement::Fact(fact), claim.clone(), evidence)
        })
    };
    let mut events = Vec::new();
    for number in 0..random.random_range(2..=14) {
        events.push(event(number, random));
    }
    events
}
