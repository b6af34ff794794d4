//! The whole intake of one to three replicas, from one seed: what is acknowledged is stored, once, as what it was told to be,
//! whatever is lost or killed on the way. Over a simulated database in virtual time, and over a real one.
//!
//! `PAYLATCH_TEST_SEED` repeats one seed; `PAYLATCH_TEST_SIMULATION_S` is how long new seeds are tried.

mod history;
mod postgres;
mod virtual_time;
mod wire;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant as WallClock;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use self::history::history;
use super::*;
use crate::order::Fingerprint;

const SECONDS: u64 = 10;

/// Tries seeds for as long as they are to be tried; `find` answers what is wrong.
fn try_seeds(find: impl Fn(u64) -> Vec<String>) {
    let begun = WallClock::now();
    let seconds = given("PAYLATCH_TEST_SIMULATION_S").unwrap_or(SECONDS);
    let repeated = given("PAYLATCH_TEST_SEED");
    let mut seed = repeated.unwrap_or_else(|| rand::random::<u64>() >> 32);
    println!("PAYLATCH_TEST_SEED={seed} is the first");
    while begun.elapsed().as_secs() < seconds {
        assert_eq!(find(seed), Vec::<String>::new(), "PAYLATCH_TEST_SEED={seed} repeats it");
        if repeated.is_some() {
            break;
        }
        seed += 1;
    }
}

fn given(variable: &str) -> Option<u64> {
    std::env::var_os(variable).map(|text| text.into_string().unwrap().parse().unwrap())
}

/// The database of a run.
trait Database {
    /// A process' own way to it.
    fn store(&self) -> Store;

    /// What it has once every save that was begun has landed or failed.
    async fn stored(&self) -> Stored;
}

/// What the properties are asked of.
struct Stored {
    events: BTreeMap<Key, ([u8; 32], Outcome)>,
    /// By the digest of their bodies.
    conflicts: BTreeSet<(Key, [u8; 32])>,
    /// Payments and orders are what the events come to.
    are_the_fold: bool,
}

/// A delivery that was answered: which event, its twin's body or its own, and what the sender was told.
type Acknowledged = (usize, bool, Outcome);

/// A process: its own store, and a handle to end it as `kill -9` does.
struct Process {
    intake: Intake,
    lanes: JoinHandle<()>,
}

/// One run: replicas that senders reach, what they say, and what was answered.
struct Simulation<D> {
    database: D,
    locks: Option<Locks>,
    processes: RefCell<Vec<Process>>,
    events: Vec<[Event; 2]>,
    arrivals: Cell<i64>,
    acknowledged: RefCell<Vec<Acknowledged>>,
}

impl<D: Database + 'static> Simulation<D> {
    fn new(database: D, source: &str, random: &mut StdRng) -> Self {
        let simulation = Self {
            database,
            // A lock service that lies gives each replica what another holds.
            locks: random.random_bool(0.5).then(locks),
            processes: RefCell::default(),
            events: history(source, random),
            arrivals: Cell::new(1_000_000),
            acknowledged: RefCell::default(),
        };
        let replicas = random.random_range(1..=3);
        simulation.processes.borrow_mut().extend((0..replicas).map(|_| simulation.start()));
        simulation
    }

    fn start(&self) -> Process {
        let store = self.database.store();
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
    async fn check(&self) -> Vec<String> {
        let Stored { events, conflicts, are_the_fold } = self.database.stored().await;
        let mut found = Vec::new();
        if !are_the_fold {
            found.push("rows are not the fold of the events".to_owned());
        }
        let mut firsts: BTreeMap<usize, usize> = BTreeMap::new();
        for (event, is_twin, outcome) in self.acknowledged.borrow().iter() {
            let told = &self.events[*event][usize::from(*is_twin)];
            let Some((facts_sha256, stored)) = events.get(told.key()) else {
                found.push(format!("lost: {}", told.key()));
                continue;
            };
            let is_same = *facts_sha256 == told.facts_sha256();
            let is_kept = conflicts.contains(&(told.key().clone(), told.evidence().body_sha256));
            let is_right = match outcome {
                Outcome::Duplicate => is_same,
                Outcome::Conflict => !is_same && is_kept,
                first => {
                    *firsts.entry(*event).or_default() += 1;
                    is_same && first == stored
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
