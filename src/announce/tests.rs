//! The telling of pages under every interleaving of changes, answers, late answers, notes and crashes: whatever an endpoint does
//! not have is either ahead of its cursor or has a row among what waits; no order is told twice at once; and none waits for an
//! answer that has come.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::kept::Kept;
use super::message::Message;
use super::progress::{Moment, Progress};
use super::verdict::Answer;
use crate::order::{Id, Key, UnixMicros};
use crate::store::Subject;

const SEEDS: u64 = 3_000;
const STEPS: u32 = 60;
const ORDERS: u64 = 4;
/// Entries of a page.
const PAGE: usize = 5;
/// When the row of an order is due whose answer is late.
const FAR: UnixMicros = UnixMicros(i64::MAX);

/// The database, the endpoint, and the process that tells it.
struct World {
    random: StdRng,
    /// The log: an order and its version at each place.
    log: Vec<(u64, i64)>,
    /// What the endpoint has.
    has: HashMap<u64, i64>,
    /// Its row: how far it was told, and what waits with which version.
    cursor: i64,
    waits: BTreeMap<u64, Row>,
    teller: Teller,
}

/// The version that waits, and until when.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    version: i64,
    due_at: UnixMicros,
}

struct Teller {
    progress: Progress,
    in_flight: Vec<Flight>,
}

struct Flight {
    messages: Vec<Message>,
    lags: bool,
}

fn subject(order: u64) -> Subject {
    Subject::Order(Key { id: Id::new(&order.to_string()).unwrap(), source: Id::new("shop").unwrap() })
}

/// The endpoint does not want every type.
fn is_wanted(version: i64) -> bool {
    version % 5 != 0
}

fn number(subject: &Subject) -> u64 {
    subject.order().as_str().parse().unwrap()
}

impl Teller {
    fn new(cursor: i64) -> Self {
        Self { progress: Progress::new(vec![Duration::from_secs(1); 3], cursor), in_flight: Vec::new() }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            log: Vec::new(),
            has: HashMap::new(),
            cursor: 0,
            waits: BTreeMap::new(),
            teller: Teller::new(0),
        }
    }

    fn moment(&mut self) -> Moment {
        Moment { now: UnixMicros(0), chance: self.random.random_range(0.0..1.0) }
    }

    fn version(&self, order: u64) -> i64 {
        self.log.iter().rev().find(|(own, _)| *own == order).map_or(0, |(_, version)| *version)
    }

    /// Places in the log begin with 1; each version is new.
    fn change(&mut self) {
        let order = self.random.random_range(0..ORDERS);
        self.log.push((order, i64::try_from(self.log.len()).unwrap() + 1));
    }

    /// Reads the next page as the store does, and sorts it as the telling does. A clock that jumps makes due what is late.
    fn page(&mut self, jumps: bool) {
        let begin = usize::try_from(self.cursor).unwrap();
        let end = self.log.len().min(begin + PAGE);
        let mut places: BTreeMap<u64, i64> = BTreeMap::new();
        for (place, (order, _)) in self.log.iter().enumerate().take(end).skip(begin) {
            places.insert(*order, i64::try_from(place).unwrap() + 1);
        }
        let due = self.waits.iter().filter(|(_, row)| jumps || row.due_at != FAR);
        let due: Vec<u64> = due.map(|(order, _)| *order).filter(|_| self.random.random_bool(0.5)).collect();
        let mut orders: BTreeMap<u64, Option<i64>> = due.iter().map(|order| (*order, None)).collect();
        orders.extend(places.iter().map(|(order, place)| (*order, Some(*place))));
        self.teller.progress.begin(places.values().copied().collect(), i64::try_from(end).unwrap());
        let mut to_send = Vec::new();
        for (order, position) in orders {
            let mut message = Message::sample(subject(order), self.version(order));
            message.position = position;
            message.waits = self.waits.contains_key(&order);
            let progress = &mut self.teller.progress;
            if progress.awaits(&message.subject) {
                progress.raise(message);
            } else if !is_wanted(message.version) {
                progress.drop(message);
            } else if message.waits && !due.contains(&order) {
                progress.raise(message);
            } else {
                to_send.push(message);
            }
        }
        self.teller.progress.send(to_send);
    }

    fn send(&mut self) {
        if let Some(messages) = self.teller.progress.next(self.random.random_range(1..=3)) {
            for message in &messages {
                assert!(!self.is_in_flight(number(&message.subject)), "two at once: {message:?}");
            }
            self.teller.in_flight.push(Flight { messages, lags: false });
        }
    }

    fn is_in_flight(&self, order: u64) -> bool {
        let mut sent = self.teller.in_flight.iter().flat_map(|flight| &flight.messages);
        sent.any(|message| number(&message.subject) == order)
    }

    /// One that is in flight is answered, is late, or is heard of no more.
    fn answer(&mut self, is_well: bool) {
        if self.teller.in_flight.is_empty() {
            return;
        }
        let place = self.random.random_range(0..self.teller.in_flight.len());
        let what = if is_well { 0 } else { self.random.random_range(0..10) };
        if what == 9 {
            return self.lag(place);
        }
        let Flight { messages, .. } = self.teller.in_flight.swap_remove(place);
        let moment = self.moment();
        let status = |status| Answer::Status { status, retry_after: None, said: String::new() };
        let progress = &mut self.teller.progress;
        match what {
            0..6 => {
                for message in &messages {
                    let order = number(&message.subject);
                    let known = self.has.entry(order).or_default();
                    *known = (*known).max(message.version);
                }
                // It has it, and its answer is lost.
                if !is_well && what == 5 {
                    progress.failed(messages, &Answer::Unknown("late".to_owned()), moment, false);
                } else {
                    progress.told(messages, moment);
                }
            }
            6 | 7 => progress.refused(messages, status(422), moment, false),
            _ => progress.failed(messages, &Answer::Away("away".to_owned()), moment, false),
        }
    }

    /// The page goes on without it.
    fn lag(&mut self, place: usize) {
        let flight = &mut self.teller.in_flight[place];
        if flight.lags || self.teller.progress.has_more() {
            return;
        }
        flight.lags = true;
        for message in &mut flight.messages {
            self.teller.progress.lags(message, FAR, UnixMicros(0));
            (message.waits, message.position) = (true, None);
        }
    }

    /// As the statement does it.
    fn note(&mut self) {
        let Kept { told, raised, waits } = self.teller.progress.take();
        self.cursor = self.teller.progress.cursor();
        for (subject, version) in told {
            if self.waits.get(&number(&subject)).is_some_and(|row| row.version <= version) {
                self.waits.remove(&number(&subject));
            }
        }
        for (subject, version) in raised {
            let row = self.waits.entry(number(&subject));
            row.and_modify(|row| row.version = version.max(row.version));
        }
        for wait in waits {
            let row = self.waits.entry(number(&wait.subject)).or_default();
            *row = Row { version: wait.version.max(row.version), due_at: wait.due_at };
        }
        self.nothing_is_lost();
    }

    /// What it waited for does not come any more: in time the rows become due.
    fn crash(&mut self) {
        for row in self.waits.values_mut() {
            row.due_at = UnixMicros(0);
        }
        self.teller = Teller::new(self.cursor);
    }

    /// Of each order the latest version is one that it has or does not want, or is ahead of the cursor, or waits.
    fn nothing_is_lost(&self) {
        for order in 0..ORDERS {
            let Some(place) = self.log.iter().rposition(|(own, _)| *own == order) else { continue };
            let version = self.log[place].1;
            let has = self.has.get(&order).copied().unwrap_or_default();
            let is_ahead = i64::try_from(place).unwrap() + 1 > self.cursor;
            let waits = self.waits.get(&order).is_some_and(|row| row.version >= version);
            assert!(
                has >= version || !is_wanted(version) || is_ahead || waits,
                "order {order}, version {version} is lost"
            );
        }
    }

    fn none_waits_for_an_answer_that_has_come(&self) {
        for (order, row) in &self.waits {
            assert!(row.due_at != FAR || self.is_in_flight(*order), "order {order} waits for nothing");
        }
    }

    fn is_over(&self) -> bool {
        self.teller.in_flight.iter().all(|flight| flight.lags) && !self.teller.progress.has_more()
    }

    /// Reads, sends and notes a page, while answers come as they like. What came before is noted first.
    fn round(&mut self, is_well: bool) {
        if self.random.random_bool(0.3) {
            self.answer(is_well);
            self.note();
        }
        let jumps = !is_well && self.random.random_bool(0.1);
        self.page(jumps);
        for _ in 0..STEPS {
            match self.random.random_range(0..6) {
                0 if !is_well => self.change(),
                1 if !is_well && self.random.random_bool(0.1) => return self.crash(),
                2 | 3 => self.send(),
                _ => self.answer(is_well),
            }
            if self.random.random_bool(0.1) {
                self.note();
            }
            if self.is_over() {
                break;
            }
        }
        while !self.is_over() {
            self.send();
            self.answer(true);
        }
        self.note();
        self.none_waits_for_an_answer_that_has_come();
        self.teller.progress.abandon();
    }
}

#[test]
fn whatever_an_endpoint_does_not_have_is_ahead_of_its_cursor_or_waits_and_not_in_vain() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..6 {
            world.change();
            world.round(false);
        }
        // In the end it answers, and has everything.
        for _ in 0..200 {
            world.round(true);
        }
        for order in (0..ORDERS).filter(|order| is_wanted(world.version(*order))) {
            assert_eq!(
                world.has.get(&order).copied().unwrap_or_default(),
                world.version(order),
                "order {order}"
            );
        }
        assert!(world.waits.is_empty(), "{:?}", world.waits);
    }
}
