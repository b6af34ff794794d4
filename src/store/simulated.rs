//! A database in memory, for tests of everything above it: seeded, in virtual time, with the faults of a real one.
//!
//! It does what `load.sql` and `save_decided` do, in one step each. Between two steps anything may happen: a reply is lost, a
//! save lands after its client gave up, another server takes over that lacks the last commits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::epoch::Server;
use super::{StoreError, Wanted};
use crate::order::{Changes, Entry, Event, Id, Key, Known, Link, Member, Order, Outcome, Snapshot};

/// How often what goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// The connection is lost before the server heard of the call.
    pub(crate) lost_before: f64,
    /// The connection is lost after the call took effect.
    pub(crate) lost_after: f64,
    /// The connection is lost, and the call takes effect later.
    pub(crate) lands_later: f64,
    /// A planted bug: nobody compares versions and links.
    pub(crate) unchecked: bool,
    /// A pooler hides a failover: connections to it survive.
    pub(crate) hidden_failover: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Simulated(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy)]
pub(crate) struct SimulatedConnection(u64);

#[derive(Debug)]
struct State {
    tables: Tables,
    history: Vec<Tables>,
    random: StdRng,
    server: u64,
    faults: Faults,
    steps: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) events: BTreeMap<Key, Stored>,
    links: BTreeMap<Key, Link>,
    orders: BTreeMap<Key, (i64, Order)>,
    pub(crate) conflicts: BTreeSet<(Key, [u8; 32])>,
    versions: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) known: Known,
    payment: Option<Key>,
    entry: Option<Entry>,
}

/// What a save writes, of its own so that it may land when its client is gone.
struct Write {
    events: Vec<(Event, Outcome, Option<String>)>,
    payments: Vec<(Key, Option<Id>, Link)>,
    orders: Vec<(Key, Option<i64>, Option<Order>)>,
    conflicts: Vec<(Key, [u8; 32])>,
}

impl Simulated {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self(Arc::new(Mutex::new(State {
            tables: Tables::default(),
            history: vec![Tables::default()],
            random: StdRng::seed_from_u64(seed),
            server: 0,
            faults,
            steps: 0,
        })))
    }

    pub(crate) fn tables(&self) -> Tables {
        self.lock().tables.clone()
    }

    /// How many steps were made: two runs of one seed make as many.
    pub(crate) fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// The server is lost, and the next one lacks so many commits.
    pub(crate) fn fail_over(&self, commits: usize) {
        let mut state = self.lock();
        let kept = state.history.len().saturating_sub(commits).max(1);
        state.history.truncate(kept);
        state.tables = state.history.last().cloned().unwrap_or_default();
        state.server += 1;
    }

    pub(super) async fn connect(&self) -> Result<SimulatedConnection, StoreError> {
        self.pass_time().await;
        Ok(SimulatedConnection(self.lock().server))
    }

    pub(super) async fn look(&self, connection: SimulatedConnection) -> Result<Server, StoreError> {
        self.pass_time().await;
        self.is_there(connection)?;
        let started = self.lock().server.to_string();
        Ok(Server { started, system: None, timeline: None, log_position: None })
    }

    pub(super) async fn load(
        &self,
        connection: SimulatedConnection,
        wanted: &Wanted,
    ) -> Result<Snapshot, StoreError> {
        self.pass_time().await;
        self.is_there(connection)?;
        self.may_fail(|faults| faults.lost_before)?;
        let snapshot = self.lock().tables.load(wanted);
        self.pass_time().await;
        self.is_there(connection)?;
        Ok(snapshot)
    }

    pub(super) async fn save(
        &self,
        connection: SimulatedConnection,
        changes: &Changes<'_>,
    ) -> Result<(), StoreError> {
        let write = Write::of(changes);
        self.pass_time().await;
        self.is_there(connection)?;
        self.may_fail(|faults| faults.lost_before)?;
        if let Err(lost) = self.may_fail(|faults| faults.lands_later) {
            let own = self.clone();
            tokio::spawn(async move {
                own.pass_time().await;
                own.pass_time().await;
                if own.is_there(connection).is_ok() {
                    drop(own.apply(write));
                }
            });
            return Err(lost);
        }
        let applied = self.apply(write);
        self.pass_time().await;
        self.is_there(connection)?;
        self.may_fail(|faults| faults.lost_after)?;
        applied
    }

    pub(super) async fn count_duplicates(&self, connection: SimulatedConnection) -> Result<(), StoreError> {
        self.pass_time().await;
        self.is_there(connection)
    }

    async fn pass_time(&self) {
        let wait = {
            let mut state = self.lock();
            state.steps += 1;
            Duration::from_micros(state.random.random_range(50..4_000))
        };
        tokio::time::sleep(wait).await;
    }

    fn is_there(&self, SimulatedConnection(server): SimulatedConnection) -> Result<(), StoreError> {
        let state = self.lock();
        if state.server == server || state.faults.hidden_failover { Ok(()) } else { Err(lost()) }
    }

    fn may_fail(&self, chance: impl Fn(&Faults) -> f64) -> Result<(), StoreError> {
        let mut state = self.lock();
        let chance = chance(&state.faults);
        if chance > 0.0 && state.random.random_bool(chance) { Err(lost()) } else { Ok(()) }
    }

    fn apply(&self, write: Write) -> Result<(), StoreError> {
        let mut state = self.lock();
        let unchecked = state.faults.unchecked;
        let mut tables = state.tables.clone();
        tables.apply(write, unchecked)?;
        state.history.push(tables.clone());
        state.tables = tables;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

fn lost() -> StoreError {
    StoreError::Unknown("the simulated connection was lost".to_owned())
}

impl Write {
    fn of(changes: &Changes<'_>) -> Self {
        let decided = changes.events.iter();
        let payments = changes.payments.iter();
        let orders = changes.orders.iter();
        let conflicts = changes.conflicts.iter();
        Self {
            events: decided.map(|own| (own.event.clone(), own.outcome, own.reason.clone())).collect(),
            payments: payments.map(|own| (own.payment.clone(), own.was.clone(), own.link.clone())).collect(),
            orders: orders.map(|own| (own.order.clone(), own.read, own.row.clone())).collect(),
            conflicts: conflicts.map(|own| (own.key().clone(), own.evidence().body_sha256)).collect(),
        }
    }
}

impl Tables {
    fn load(&self, wanted: &Wanted) -> Snapshot {
        let linked = wanted.payments.iter().filter_map(|own| Some(own.sibling(&self.links.get(own)?.order)));
        let orders: BTreeSet<Key> = wanted.orders.iter().cloned().chain(linked).collect();
        let is_touched = |(payment, link): &(&Key, &Link)| orders.contains(&payment.sibling(&link.order));
        let links = self.links.iter().filter(is_touched);
        let links: BTreeMap<Key, Link> = links.map(|(own, link)| (own.clone(), link.clone())).collect();
        let mut entries: HashMap<Key, Vec<Entry>> = HashMap::new();
        for stored in self.events.values() {
            if let (Some(payment), Some(entry)) = (&stored.payment, &stored.entry)
                && links.contains_key(payment)
            {
                entries.entry(payment.clone()).or_default().push(entry.clone());
            }
        }
        let known =
            wanted.events.iter().filter_map(|own| Some((own.clone(), self.events.get(own)?.known.clone())));
        let versions = orders.iter().filter_map(|own| Some((own.clone(), self.orders.get(own)?.0)));
        Snapshot {
            known: known.collect(),
            versions: versions.collect(),
            links,
            entries,
            ..Snapshot::default()
        }
    }

    fn apply(&mut self, write: Write, unchecked: bool) -> Result<(), StoreError> {
        let stale = |what: &str| Err(StoreError::Stale(what.to_owned()));
        if write.events.iter().any(|(event, ..)| self.events.contains_key(event.key())) {
            return stale("events_pkey");
        }
        let moved = |(payment, was, _): &(Key, Option<Id>, Link)| {
            self.links.get(payment).map(|link| &link.order) != was.as_ref()
        };
        let rewritten = |(order, read, _): &(Key, Option<i64>, Option<Order>)| {
            self.orders.get(order).map(|(version, _)| *version) != *read
        };
        if !unchecked && (write.payments.iter().any(moved) || write.orders.iter().any(rewritten)) {
            return stale("links or orders");
        }
        for (event, outcome, reason) in write.events {
            let evidence = event.evidence();
            let known = Known {
                outcome,
                reason,
                facts_sha256: event.facts_sha256(),
                body_sha256: evidence.body_sha256,
                received_at: evidence.received_at,
                is_purged: false,
            };
            let stored = Stored { known, payment: event.payment_key(), entry: Entry::of(&event) };
            self.events.insert(event.key().clone(), stored);
        }
        self.links.extend(write.payments.into_iter().map(|(payment, _, link)| (payment, link)));
        for (order, _, row) in write.orders {
            self.versions += 1;
            match row {
                Some(row) => drop(self.orders.insert(order, (self.versions, row))),
                None => drop(self.orders.remove(&order)),
            }
        }
        self.conflicts.extend(write.conflicts);
        Ok(())
    }

    /// Whether links and orders are what the events say.
    pub(crate) fn are_the_fold(&self) -> bool {
        let mut payments: BTreeMap<Key, Vec<Entry>> = BTreeMap::new();
        for stored in self.events.values() {
            if let (Some(payment), Some(entry)) = (&stored.payment, &stored.entry) {
                payments.entry(payment.clone()).or_default().push(entry.clone());
            }
        }
        let links: BTreeMap<Key, Link> =
            payments.iter().map(|(own, entries)| (own.clone(), Link::learned(&own.id, entries))).collect();
        let mut members: BTreeMap<Key, Vec<Member<'_>>> = BTreeMap::new();
        for (payment, entries) in &payments {
            let member = Member { payment: &payment.id, entries };
            members.entry(payment.sibling(&links[payment].order)).or_default().push(member);
        }
        let orders = members.iter().map(|(order, members)| (order, Order::fold(members).unwrap()));
        let stored = self.orders.iter().map(|(order, (_, row))| (order, row.clone()));
        links == self.links && orders.eq(stored)
    }
}
