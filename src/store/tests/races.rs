//! Races staged by hand, which chance finds too seldom; and the plans that keep lookups short.

use sqlx::AssertSqlSafe;

use super::faults::plant;
use super::world::{Hand, On, Rows, World, deliver, fact, id, noted};
use crate::order::{Changes, Event, Key, Kind, Member, Order, Rewrite, decide};
use crate::store::{Database, StoreError, Wanted};

/// An order is read, ends, begins anew with other payments; who read the first one must not write the second.
#[tokio::test]
async fn a_version_never_comes_back() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        let (answer, events) = save_over_an_order_that_began_anew(&world).await;
        assert!(matches!(answer, Err(StoreError::Stale(_))), "{answer:?}");
        assert_eq!(world.rows().await, Rows::expected(&events[..3]), "{on:?}");
    }

    let world = World::new(On::Postgres).await;
    plant(&world, "nextval('order_version')", "1").await;
    let (answer, events) = save_over_an_order_that_began_anew(&world).await;
    assert_eq!(answer, Ok(()), "versions that count from one let it through");
    assert_ne!(world.rows().await, Rows::expected(&events));
}

async fn save_over_an_order_that_began_anew(world: &World) -> (Result<(), StoreError>, Vec<Event>) {
    let events = vec![
        fact("e1", "pay1", Kind::Captured, 1, Some(("order", 5))),
        noted("e2", "pay1", 2, Some(("other", 0))),
        fact("e3", "pay3", Kind::Captured, 3, Some(("order", 5))),
        fact("e4", "pay2", Kind::Captured, 4, Some(("order", 5))),
    ];
    let mut session = world.store.session();
    deliver(&mut session, &[&events[0]]).await;
    let late = [&events[3]];
    let (_, changes) = decide(session.load(&Wanted::of(&late)).await.unwrap(), &late);
    deliver(&mut session, &[&events[1]]).await;
    deliver(&mut session, &[&events[2]]).await;
    let answer = session.save(&changes).await;
    drop(changes);
    (answer, events)
}

/// One save has written a known order and is about to insert a new one, which the other has inserted and is about to
/// insert the known one, which it did not see. Inserting before locking breaks the circle.
#[tokio::test]
async fn two_crossing_saves_do_not_deadlock() {
    let world = World::new(On::Postgres).await;
    let answers = cross(&world).await;
    assert_eq!(answers[0], Ok(()));
    assert_eq!(answers[1], Err(StoreError::Stale("orders_pkey".to_owned())));

    let world = World::new(On::Postgres).await;
    let body = world.texts("select prosrc from pg_proc where proname = 'save_decided'").await.remove(0);
    let at = |mark| body.find(mark).unwrap();
    let (inserts, locks) = (&body[at("-- 4. ")..at("-- 5. ")], &body[at("-- 5. ")..at("-- 6. ")]);
    plant(&world, &format!("{inserts}{locks}"), &format!("{locks}{inserts}")).await;
    let answers = cross(&world).await;
    let deadlock = Err(StoreError::Stale("deadlock detected".to_owned()));
    assert!(answers.contains(&deadlock), "inserting after locking: {answers:?}");
}

async fn cross(world: &World) -> Vec<Result<(), StoreError>> {
    let Hand::Postgres(own) = &world.hand else { panic!("a Postgres") };
    let known = fact("e", "k", Kind::Captured, 1, None);
    let mut session = world.store.session();
    deliver(&mut session, &[&known]).await;
    let snapshot = session.load(&Wanted::of(&[&known])).await.unwrap();
    let version = snapshot.versions[&key("k")];
    let row = Order::fold(&[Member { payment: &id("k"), entries: &snapshot.entries[&key("k")] }]).unwrap();
    let rewrite = |order, read| Rewrite { order: key(order), read, row: Some(row.clone()) };

    // Somebody holds the first one up where it inserts `i`.
    let mut holder = own.begin().await.unwrap();
    sqlx::query(
        "insert into orders select 'i', source, status, currency, authorized, reserved, captured, refunded, disputed, lost, anomaly,
                anomalies, 0,
                first_event_at, last_event_at, updated_at from orders",
    )
    .execute(&mut *holder)
    .await
    .unwrap();
    let save = |rewrites: Vec<Rewrite>| {
        let mut session = world.store.session();
        tokio::spawn(async move { session.save(&Changes { orders: rewrites, ..Changes::default() }).await })
    };
    let first = save(vec![rewrite("i", None), rewrite("j", None), rewrite("k", Some(version))]);
    until(world, "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()").await;
    let second = save(vec![rewrite("j", None), rewrite("k", None)]);
    // It has answered already, or waits for the first.
    for _ in 0..50 {
        if second.is_finished() || waiting(world).await >= 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    holder.rollback().await.unwrap();
    vec![first.await.unwrap(), second.await.unwrap()]
}

async fn waiting(world: &World) -> i64 {
    world
        .number("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
        .await
}

async fn until(world: &World, count: &str) {
    while world.number(count).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

fn key(order: &str) -> Key {
    Key { id: id(order), source: id("shop") }
}

/// With statistics or without, empty or full: a lookup by half a key would read a whole source.
#[tokio::test]
async fn a_load_looks_every_row_up_by_its_full_key() {
    let world = World::new(On::Postgres).await;
    for table in ["events", "payments", "orders"] {
        world.sql(&format!("alter table {table} set (autovacuum_enabled = off)")).await;
    }
    full_keys(&world, "never analysed, empty").await;
    world.sql(FILL).await;
    full_keys(&world, "never analysed, full").await;
    world.sql("analyze").await;
    full_keys(&world, "analysed").await;
}

async fn full_keys(world: &World, state: &str) {
    const LOAD: &str = include_str!("../postgres/load.sql");
    let Database::Postgres(own) = &world.store.database else { panic!("a Postgres") };
    let some = "array['a', 'b']";
    let explain = format!("explain execute load({some}, {some}, {some}, {some}, {some}, {some}, 10000)");
    let mut lane = own.connect().await.unwrap();
    let plan = lane.call(async |mut statements| {
        let prepare = AssertSqlSafe(format!("prepare load as {LOAD}"));
        sqlx::raw_sql(prepare).execute(statements.next()).await?;
        Ok(sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(statements).await?)
    });
    let plan: Vec<String> = plan.await.unwrap().iter().map(|row| sqlx::Row::get(row, 0)).collect();
    let shown = plan.join("\n");
    assert!(!shown.contains("Seq Scan on"), "{state}:\n{shown}");
    let conditions: Vec<&String> = plan.iter().filter(|line| line.contains("Index Cond")).collect();
    assert_eq!(conditions.len(), 5, "events, payments twice, orders, entries: {state}:\n{shown}");
    for condition in conditions {
        assert!(condition.contains("source ="), "{state}: {condition}\n{shown}");
        assert!(condition.contains("_id ="), "{state}: {condition}\n{shown}");
    }
}

const FILL: &str = "
    insert into events (event_id, source, type, outcome, payment_id, kind, basis, reference, amount, currency,
                        occurred_at, received_at, facts_sha256, body_sha256)
    select 'e' || n, 'shop', 'test', 'applied', 'p' || n / 3, 'captured', 'own', 'p' || n / 3, 1, 'EUR', now(), now(),
           sha256('a'), sha256('a')
      from generate_series(1, 30000) n;
    insert into payments select 'p' || n, 'shop', 'o' || n / 2, 'known' from generate_series(0, 10000) n;
    insert into orders select 'o' || n, 'shop', 'paid', 'EUR', 0, 0, 1, 0, 0, 0, null, '[]', n, now(), now()
      from generate_series(0, 5000) n";
