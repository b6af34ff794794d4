//! A database in memory, for tests of everything above it: seeded, in virtual time, with the faults of a real one.
//!
//! It does what `load.sql` and `save_decided` do, in one step each. Between two steps anything may happen: a reply is lost, a
//! save lands after its client gave up, another server takes over that lacks the last commits.

mod tables;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use self::tables::{Tables, Write};
use super::epoch::Server;
use super::{StoreError, Wanted};
use crate::order::{Changes, Snapshot};

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
    /// A save of more orders takes so long that somebody else is always faster.
    pub(crate) orders_at_once: Option<usize>,
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
        let Faults { unchecked, orders_at_once, .. } = state.faults;
        if orders_at_once.is_some_and(|max| write.orders() > max) {
            return Err(StoreError::Stale("another save was faster".to_owned()));
        }
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
