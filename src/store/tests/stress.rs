//! Many replicas, no lock service, killed connections, unknown commits: in the end every row is the fold of its events.
//!
//! Many short seeds rather than few long ones: a later save folds again from everything and heals a wrong row. And
//! a test that finds nothing must be shown to find something: each planted bug has to be caught.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::faults::plant;
use super::servers::option_env_now;
use super::world::{On, Rows, World, noted, stated};
use crate::order::{Basis, Changes, Event, Key, Kind, Member, Order, Snapshot, decide};
use crate::store::{Session, StoreError, Wanted};

/// How long a sound store is tried.
const SECONDS: u64 = 10;
/// How long a planted bug may stay unseen.
const HUNT: Duration = Duration::from_secs(120);
const REPLICAS: usize = 6;

/// What a test's driver does wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    Sound,
    ReadsVersionsApart,
    LeavesOrdersUnwritten,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_stranded() {
    let seconds = option_env_now("PAYLATCH_STRESS_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let world = Arc::new(World::new(On::Postgres).await);
    let wrong = hunt(&world, Driver::Sound, Duration::from_secs(seconds)).await;
    assert_eq!(wrong, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_stranded_in_sqlite() {
    let seconds = option_env_now("PAYLATCH_STRESS_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let world = Arc::new(World::new(On::Sqlite).await);
    let wrong = hunt(&world, Driver::Sound, Duration::from_secs(seconds.div_ceil(4))).await;
    assert_eq!(wrong, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn raced_rows_that_nobody_notices_are_caught() {
    let world = Arc::new(World::new(On::Postgres).await);
    for count in ["moves", "changed", "gone"] {
        plant(&world, &format!("if n <> {count} then"), "if false then").await;
    }
    for row in ["e", "p", "o"] {
        let end = format!(r#"order by {row}_id[i] collate "C", {row}_source[i] collate "C") as sorted (i)"#);
        plant(&world, &format!("{end};"), &format!("{end} on conflict do nothing;")).await;
    }
    assert_ne!(hunt(&world, Driver::Sound, HUNT).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_are_upserted_are_caught() {
    let world = Arc::new(World::new(On::Postgres).await);
    // An update by version that inserts where there is no row.
    plant(&world, "if n <> changed then", UPSERT).await;
    assert_ne!(hunt(&world, Driver::Sound, HUNT).await, None);
}

const UPSERT: &str = "
        with inserted as (
            insert into orders (order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost,
                                anomaly, anomalies, version, first_event_at, last_event_at)
            select o.id, o.source, o.status, o.currency, o.authorized, o.reserved, o.captured, o.refunded, o.disputed, o.lost,
                   o.anomaly, o.anomalies::jsonb, nextval('order_version'), o.first, o.last
              from unnest(o_id, o_source, o_read, o_status, o_currency, o_authorized, o_reserved, o_captured, o_refunded,
                          o_disputed, o_lost, o_anomaly, o_anomalies, o_first, o_last)
                as o (id, source, read, status, currency, authorized, reserved, captured, refunded, disputed, lost, anomaly,
                      anomalies, first, last)
             where o.read is not null and o.status is not null
               and not exists (select 1 from orders t where t.order_id = o.id and t.source = o.source)
                on conflict do nothing
            returning 1)
        select n + count(*) into n from inserted;
        if n <> changed then";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_read_apart_from_the_facts_are_caught() {
    let world = Arc::new(World::new(On::Postgres).await);
    assert_ne!(hunt(&world, Driver::ReadsVersionsApart, HUNT).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_left_unwritten_are_caught() {
    let world = Arc::new(World::new(On::Postgres).await);
    assert_ne!(hunt(&world, Driver::LeavesOrdersUnwritten, HUNT).await, None);
}

/// Runs seed after seed until rows are wrong; says which seed and how, or `None` when the time is over.
async fn hunt(world: &Arc<World>, driver: Driver, time: Duration) -> Option<String> {
    let started = Instant::now();
    let mut seeds = 0;
    while started.elapsed() < time {
        seeds += 1;
        let events = Arc::new(history(&mut StdRng::seed_from_u64(seeds)));
        run(world, driver, seeds, &events).await;
        let (stored, expected) = (world.rows().await, Rows::expected(&events));
        if stored != expected {
            println!("{driver:?}: seed {seeds}, after {:?}", started.elapsed());
            return Some(format!("seed {seeds}: stored {stored:#?}\nexpected {expected:#?}"));
        }
        world
            .sql("delete from events; delete from payments; delete from orders; delete from conflicts")
            .await;
    }
    println!("{driver:?}: {seeds} seeds in {:?}, nothing wrong", started.elapsed());
    None
}

/// Every event is delivered one to three times, by any replica, in any order, in batches of any size.
async fn run(world: &Arc<World>, driver: Driver, seed: u64, events: &Arc<Vec<Event>>) {
    let mut random = StdRng::seed_from_u64(seed ^ 0x5eed);
    let mut deliveries: Vec<usize> = Vec::new();
    for event in 0..events.len() {
        deliveries.extend(std::iter::repeat_n(event, random.random_range(1..=3)));
    }
    deliveries.shuffle(&mut random);
    let batch_max = random.random_range(1..=8);
    let share = deliveries.len().div_ceil(REPLICAS);
    let replicas: Vec<_> = deliveries
        .chunks(share)
        .enumerate()
        .map(|(replica, deliveries)| {
            let (world, events, deliveries) = (Arc::clone(world), Arc::clone(events), deliveries.to_vec());
            let mut random = StdRng::seed_from_u64(seed * 100 + replica as u64);
            tokio::spawn(async move {
                let mut session = world.store.session();
                for batch in deliveries.chunks(batch_max) {
                    let mut batch: Vec<usize> = batch.to_vec();
                    batch.sort_unstable();
                    batch.dedup();
                    let batch: Vec<&Event> = batch.iter().map(|index| &events[*index]).collect();
                    acknowledge(&world, driver, &mut session, &batch, &mut random).await;
                }
            })
        })
        .collect();
    for replica in replicas {
        replica.await.unwrap();
    }
    settled(world).await;
}

/// Tries until it is acknowledged, with everything that can go wrong on the way.
async fn acknowledge(
    world: &World,
    driver: Driver,
    session: &mut Session,
    batch: &[&Event],
    random: &mut StdRng,
) {
    loop {
        if random.random_ratio(1, 40) && is_postgres(world) {
            world.number(KILL_ONE).await;
        }
        match attempt(world, driver, session, batch, random).await {
            Ok(()) => return,
            Err(StoreError::Stale(what)) => assert!(!what.contains("deadlock"), "{what}"),
            Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

const KILL_ONE: &str = "select count(pg_terminate_backend(pid)) from (
     select pid from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and query like 'select save_decided%'
      order by random() limit 1) victim";

async fn attempt(
    world: &World,
    driver: Driver,
    session: &mut Session,
    batch: &[&Event],
    random: &mut StdRng,
) -> Result<(), StoreError> {
    let wanted = Wanted::of(batch);
    let mut snapshot = session.load(&wanted).await?;
    let before = snapshot.clone();
    pause(random).await;
    if driver == Driver::ReadsVersionsApart {
        read_versions_again(world, &mut snapshot, &wanted).await;
    }
    let (_, mut changes) = decide(snapshot, batch);
    if driver == Driver::LeavesOrdersUnwritten {
        keep_changed_orders(&before, &mut changes);
    }
    if changes.is_empty() {
        return Ok(());
    }
    pause(random).await;
    if random.random_ratio(1, 20) {
        let patience = Duration::from_micros(random.random_range(0..3000));
        return tokio::time::timeout(patience, session.save(&changes))
            .await
            .unwrap_or_else(|_| Err(StoreError::Unknown("nobody waited for the answer".to_owned())));
    }
    session.save(&changes).await
}

async fn pause(random: &mut StdRng) {
    tokio::time::sleep(Duration::from_micros(random.random_range(0..4000))).await;
}

/// The planted bug: the versions are newer than the facts, so the save's compare passes over facts that it never saw.
async fn read_versions_again(world: &World, snapshot: &mut Snapshot, wanted: &Wanted) {
    let mut session = world.store.session();
    if let Ok(later) = session.load(wanted).await {
        snapshot.versions = later.versions;
    }
}

/// The planted bug: an order whose columns stay the same keeps its version.
fn keep_changed_orders(before: &Snapshot, changes: &mut Changes<'_>) {
    let folded = |order: &Key| {
        let members: Vec<Member<'_>> = before
            .links
            .iter()
            .filter(|(payment, link)| payment.sibling(&link.order) == *order)
            .filter_map(|(payment, _)| {
                Some(Member { payment: &payment.id, entries: before.entries.get(payment)? })
            })
            .collect();
        Order::fold(&members)
    };
    changes.orders.retain(|rewrite| rewrite.row != folded(&rewrite.order));
}

/// A save whose client is gone may still be running.
async fn settled(world: &World) {
    const ACTIVE: &str = "select count(*) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and query like 'select save_decided%' and state <> 'idle'";
    while is_postgres(world) && world.number(ACTIVE).await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn is_postgres(world: &World) -> bool {
    world.store.lanes_max() > 1
}

/// Mostly a short history of few orders, and often a tiny one, in which no later save heals what an earlier one broke.
fn history(random: &mut StdRng) -> Vec<Event> {
    if random.random_bool(0.4) { one_refund(random) } else { few_orders(random) }
}

/// A refund and its failure, which means nothing until the refund is known.
fn one_refund(random: &mut StdRng) -> Vec<Event> {
    let kinds = [Kind::Captured, Kind::Refunded, Kind::RefundFailed];
    let kinds = &kinds[random.random_range(0..=1)..];
    kinds
        .iter()
        .enumerate()
        .map(|(n, kind)| stated(&format!("e{n}"), "pay", (*kind, "r", 1000, Basis::Own), 1, None))
        .collect()
}

/// Claims of several ranks, refunds with and without failures, disputes, restatements.
fn few_orders(random: &mut StdRng) -> Vec<Event> {
    let payments: Vec<String> = (0..random.random_range(1..=4)).map(|n| format!("pay{n}")).collect();
    let orders: Vec<String> = (0..random.random_range(1..=3)).map(|n| format!("order{n}")).collect();
    let count =
        if random.random_bool(0.7) { random.random_range(4..=12) } else { random.random_range(12..=50) };
    (0..count)
        .map(|n| {
            let (name, at) = (format!("e{n}"), random.random_range(1..100));
            let payment = payments.choose(random).unwrap();
            let rank = random.random_range(0..4);
            let claim = random.random_bool(0.35).then(|| (orders.choose(random).unwrap().as_str(), rank));
            let reference = format!("{payment}-r{}", random.random_range(0..2));
            let amount = *[500, 1000, 1000].choose(random).unwrap();
            let (kind, basis) = *[
                (Kind::Authorized, Basis::Own),
                (Kind::Authorized, Basis::Presumed),
                (Kind::Captured, Basis::Total),
                (Kind::Captured, Basis::Own),
                (Kind::Captured, Basis::Own),
                (Kind::CaptureFailed, Basis::Own),
                (Kind::Refunded, Basis::Own),
                (Kind::Refunded, Basis::Own),
                (Kind::Refunded, Basis::Total),
                (Kind::RefundFailed, Basis::Own),
                (Kind::RefundFailed, Basis::Own),
                (Kind::Disputed, Basis::Own),
                (Kind::DisputeLost, Basis::Own),
            ]
            .choose(random)
            .unwrap();
            if random.random_bool(0.1) {
                noted(&name, payment, at, claim)
            } else {
                stated(&name, payment, (kind, &reference, amount, basis), at, claim)
            }
        })
        .collect()
}
