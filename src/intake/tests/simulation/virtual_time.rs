//! Over a simulated database, in virtual time: one seed is one run.

use tokio::task::LocalSet;

use super::*;
use crate::backoff;
use crate::store::{Faults, Simulated};

const FAULTS: Faults = Faults {
    lost_before: 0.03,
    lost_after: 0.05,
    lands_later: 0.05,
    unchecked: false,
    hidden_failover: false,
    orders_at_once: None,
};

#[test]
fn one_seed_is_one_run() {
    for seed in 1..20 {
        assert_eq!(Run::of(seed, FAULTS), Run::of(seed, FAULTS), "seed {seed}");
    }
}

#[test]
fn whatever_is_lost_or_killed_everything_acknowledged_is_stored_once_as_it_was_told() {
    let hidden = |seed: u64| Faults { hidden_failover: seed.is_multiple_of(3), ..FAULTS };
    try_seeds(|seed| Run::of(seed, hidden(seed)).found);
}

#[test]
fn without_the_check_of_versions_the_simulation_finds_wrong_rows() {
    let unchecked = Faults { unchecked: true, ..FAULTS };
    let is_wrong = |seed| Run::of(seed, unchecked).found.iter().any(|found| found.starts_with("rows"));
    assert!((1..200).any(is_wrong));
}

impl Database for Simulated {
    fn store(&self) -> Store {
        Store::simulated(self)
    }

    async fn stored(&self) -> Stored {
        tokio::time::sleep(LANDS_WITHIN).await;
        let tables = self.tables();
        let are_the_fold = tables.are_the_fold();
        let events = tables.events.into_iter();
        let events = events.map(|(key, stored)| (key, (stored.known.facts_sha256, stored.known.outcome)));
        Stored { events: events.collect(), conflicts: tables.conflicts, are_the_fold }
    }
}

/// A save whose client gave up lands within this.
const LANDS_WITHIN: Duration = Duration::from_millis(500);

/// What one seed came to.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    found: Vec<String>,
    steps: u64,
    acknowledged: usize,
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
        let simulation = Rc::new(Simulation::new(Simulated::new(seed, faults), "shop", &mut random));
        let mut found = Vec::new();
        if !simulation.deliver_all(&mut random, true).await {
            found.push("stuck".to_owned());
        }
        found.extend(simulation.check().await);
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
