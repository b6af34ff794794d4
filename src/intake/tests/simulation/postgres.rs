//! Over a real Postgres, whose connections are cut: the same properties, in real time.

use std::future::Future;

use sqlx::{PgPool, Row};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::wire::Wire;
use super::*;
use crate::store::{StoreSettings, fresh_database};

#[test]
fn over_postgres_everything_acknowledged_is_stored_once_as_it_was_told_whatever_is_cut_or_killed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let real = Real::start(&runtime);
    let cuts = Rc::new(Cell::new(0));
    try_seeds(|seed| {
        let run = real.run(seed, Rc::clone(&cuts));
        LocalSet::new().block_on(&runtime, run)
    });
    assert!(cuts.get() > 0, "no connection was cut");
}

#[test]
fn over_postgres_without_the_check_of_versions_wrong_rows_are_found() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let real = Real::start(&runtime);
    runtime.block_on(sqlx::raw_sql(UNCHECKED).execute(&real.hand)).unwrap();
    let is_wrong = |seed| {
        let found = LocalSet::new().block_on(&runtime, real.run(seed, Rc::default()));
        found.iter().any(|found| found.starts_with("rows"))
    };
    assert!((1..200).any(is_wrong));
}

/// A save that does not mind rows which moved since they were read.
const UNCHECKED: &str = "do $$ begin
    execute replace(pg_get_functiondef('save_decided'::regproc), 'if n <> ', 'if false and n <> ');
end $$";

/// One database for all seeds: each has a source of its own.
struct Real {
    url: String,
    hand: PgPool,
}

/// What the replicas of one run reach, by a wire that is cut.
struct Reached {
    store: Store,
    url: String,
    hand: PgPool,
    source: String,
}

impl Real {
    fn start(runtime: &Runtime) -> Self {
        runtime.block_on(async {
            let url = fresh_database().await;
            open(&url).migrate().await.unwrap();
            Self { hand: PgPool::connect(&url).await.unwrap(), url }
        })
    }

    fn run(&self, seed: u64, cuts: Rc<Cell<u64>>) -> impl Future<Output = Vec<String>> + use<> {
        let (store, hand, url) = (open(&self.url), self.hand.clone(), self.url.clone());
        async move {
            let mut random = StdRng::seed_from_u64(seed);
            let source = format!("shop_{seed}");
            let wire = Wire::start(&url, seed).await;
            let database = Reached { store, url: wire.url(), hand, source: source.clone() };
            let simulation = Rc::new(Simulation::new(database, &source, &mut random));
            let mut found = Vec::new();
            if !simulation.deliver_all(&mut random, true).await {
                found.push("stuck".to_owned());
            }
            found.extend(simulation.check().await);
            cuts.set(cuts.get() + wire.cuts());
            found
        }
    }
}

fn open(url: &str) -> Store {
    Store::open(&StoreSettings::new(Secret::new(url))).unwrap()
}

impl Database for Reached {
    fn store(&self) -> Store {
        open(&self.url)
    }

    async fn stored(&self) -> Stored {
        const AT_WORK: &str = "select count(*) from pg_stat_activity
              where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' and backend_type = 'client backend'";
        while sqlx::query_scalar::<_, i64>(AT_WORK).fetch_one(&self.hand).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let key =
            |event: String| Key { id: Id::new(&event).unwrap(), source: Id::new(&self.source).unwrap() };
        const EVENTS: &str = "select event_id, facts_sha256, outcome from events where source = $1";
        let events = sqlx::query(EVENTS).bind(&self.source).fetch_all(&self.hand).await.unwrap();
        let events = events.iter().map(|row| {
            let (facts_sha256, outcome): (Vec<u8>, String) = (row.get(1), row.get(2));
            let outcome = Outcome::from_word(&outcome).unwrap();
            (key(row.get(0)), (facts_sha256.try_into().unwrap(), outcome))
        });
        const CONFLICTS: &str = "select event_id, body_sha256 from conflicts where source = $1";
        let conflicts = sqlx::query(CONFLICTS).bind(&self.source).fetch_all(&self.hand).await.unwrap();
        let conflicts =
            conflicts.iter().map(|row| (key(row.get(0)), row.get::<Vec<u8>, _>(1).try_into().unwrap()));
        let audit = self.store.audit().await.unwrap();
        Stored {
            events: events.collect(),
            conflicts: conflicts.collect(),
            are_the_fold: audit.differences.is_empty(),
        }
    }
}
