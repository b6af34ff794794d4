//! What is known of who was told.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection, query_scalar};

use super::world::{Hand, On, World, deliver, fact, id};
use crate::order::{Key, Kind};
use crate::store::{Announced, Announcement, Ask, Note, Subject, Told, Wait, WaitReason};

async fn told(world: &World, order: &str) -> Told {
    let key = Key { id: id(order), source: id("shop") };
    world.store.told(&key, 1).await.unwrap().remove(0)
}

async fn cursor_at(world: &World, position: i64) {
    world.sql(&format!("update endpoints set cursor = {position}")).await;
}

pub(super) async fn an_order_counts_as_told_only_where_the_log_says_so(on: On) {
    let world = World::new(on).await;
    world.store.note_changes(true, None).await.unwrap();
    world.store.own_endpoint("shop", "a process", Duration::from_secs(10)).await.unwrap();
    // More of the log than is looked through.
    world
        .sql(match on {
            On::Postgres => {
                "insert into order_changes (gone, order_ids, sources, versions)
                 select false, array['other'], array['shop'], array[1] from generate_series(1, 1001)"
            }
            On::Sqlite => {
                "insert into order_changes (gone, order_ids, sources, versions)
                 with recursive n (i) as (select 1 union all select i + 1 from n where i < 1001)
                 select 0, '[\"other\"]', '[\"shop\"]', '[1]' from n"
            }
        })
        .await;
    let events = ["order1", "order2"]
        .map(|order| fact(order, &format!("p-{order}"), Kind::Captured, 1, Some((order, 0))));
    deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;
    assert_eq!(told(&world, "order1").await.state, "unknown");

    let entries = world.store.announcements(0, 1_000).await.unwrap();
    let entries = world.store.announcements(entries.next, 1_000).await.unwrap();
    let is_ours =
        |one: &&Announcement| !matches!(&one.data, Announced::Order(order) if order.order == "other");
    let places: Vec<i64> = entries.told.iter().filter(is_ours).map(Announcement::position).collect();
    let [first, second] = places[..] else { panic!("{places:?}") };
    cursor_at(&world, first - 1).await;
    assert_eq!(told(&world, "order1").await.state, "behind");
    // Half-way through what one statement changed.
    cursor_at(&world, first).await;
    assert_eq!((told(&world, "order1").await.state, told(&world, "order2").await.state), ("told", "behind"));
    cursor_at(&world, second).await;
    assert_eq!(told(&world, "order2").await.state, "told");
}

/// Whoever is told of changes from now on, by its settings or by `announce on`, knows nothing of what was before.
pub(super) async fn an_order_that_changed_before_the_log_began_is_not_said_to_be_told(on: On) {
    let world = World::new(on).await;
    let event = |order: &str| fact(order, &format!("p-{order}"), Kind::Captured, 1, Some((order, 0)));
    deliver(&mut world.store.session(), &[&event("before")]).await;
    world.store.note_changes(true, None).await.unwrap();
    world.store.own_endpoint("shop", "a process", Duration::from_secs(10)).await.unwrap();
    let state = async |order: &str| {
        let key = Key { id: id(order), source: id("shop") };
        let version = world.store.order(&key).await.unwrap().unwrap().version;
        world.store.told(&key, version).await.unwrap().remove(0).state
    };
    assert_eq!(state("before").await, "older", "of an empty log");

    deliver(&mut world.store.session(), &[&event("after")]).await;
    let entries = world.store.announcements(0, 1_000).await.unwrap();
    cursor_at(&world, entries.told[0].position()).await;
    assert_eq!((state("before").await, state("after").await), ("older", "told"));
}

/// A process that was frozen, and wakes when another has taken over.
pub(super) async fn who_owns_an_endpoint_no_longer_reads_nothing_and_keeps_nothing(on: On) {
    let world = World::new(on).await;
    world.store.note_changes(true, None).await.unwrap();
    let lease = Duration::from_millis(1);
    let before = world.store.own_endpoint("shop", "one", lease).await.unwrap().unwrap();
    let event = fact("e1", "pay", Kind::Captured, 1, Some(("order", 0)));
    deliver(&mut world.store.session(), &[&event]).await;
    tokio::time::sleep(2 * lease).await;
    let owned = world.store.own_endpoint("shop", "another", Duration::from_secs(10)).await.unwrap().unwrap();

    assert!(world.store.page_to_tell(&ask(before.term, owned.cursor, 10)).await.unwrap().is_none());
    assert_eq!(
        world.store.page_to_tell(&ask(owned.term, owned.cursor, 10)).await.unwrap().unwrap().to_tell.len(),
        1
    );

    let row = "select cursor * 1000 + (select count(*) from announcement_waits) from endpoints";
    let unchanged = world.number(row).await;
    let note = Note { cursor: 9_999, epoch: 1, state: "closed", waits: vec![wait(1)], ..Note::default() };
    let now = crate::http::received_now();
    assert!(!world.store.note_told("shop", before.term, &note, now).await.unwrap());
    assert_eq!(world.number(row).await, unchanged);
    assert!(world.store.note_told("shop", owned.term, &note, now).await.unwrap());
    assert_eq!(world.number(row).await, 9_999_001);
}

fn wait(version: i64) -> Wait {
    let now = crate::http::received_now();
    Wait {
        subject: Subject::Order(Key { id: id("order"), source: id("shop") }),
        reason: WaitReason::Refused,
        version,
        attempts: 1,
        due_at: now,
        first_at: now,
        status: Some(500),
        error: None,
        given_up_at: None,
    }
}

/// Answers come in any order: an older version neither takes a newer one's place nor ends its wait.
pub(super) async fn what_waits_keeps_its_newest_version_and_waits_until_that_is_told(on: On) {
    let world = World::new(on).await;
    let term = world.store.own_endpoint("shop", "one", Duration::from_secs(10)).await.unwrap().unwrap().term;
    let subject = || wait(0).subject;
    let version = "select coalesce(max(version), 0) from announcement_waits";
    for (waits, raised, told, left) in [
        (Some(5), None, None, 5),
        (Some(4), None, None, 5),
        (None, Some(7), None, 7),
        (None, Some(6), None, 7),
        (None, None, Some(6), 7),
        (None, None, Some(7), 0),
        (None, Some(8), None, 0),
    ] {
        let of = |version: Option<i64>| version.map(|version| (subject(), version)).into_iter().collect();
        let note = Note {
            epoch: 1,
            state: "closed",
            waits: waits.map(wait).into_iter().collect(),
            raised: of(raised),
            told: of(told),
            ..Note::default()
        };
        let now = crate::http::received_now();
        assert!(world.store.note_told("shop", term, &note, now).await.unwrap());
        assert_eq!(world.number(version).await, left, "{waits:?} {raised:?} {told:?}");
    }
}

/// What changed often is told once, in the place of its last change, and as old as its first.
pub(super) async fn a_page_has_each_order_once_at_its_last_place(on: On) {
    let world = World::new(on).await;
    world.store.note_changes(true, None).await.unwrap();
    let owned = world.store.own_endpoint("shop", "one", Duration::from_secs(10)).await.unwrap().unwrap();
    let orders = ["a", "b", "a", "c", "b", "a"];
    for (number, order) in orders.iter().enumerate() {
        let event = fact(&format!("e{number}"), &format!("p-{order}"), Kind::Captured, 1, Some((order, 0)));
        deliver(&mut world.store.session(), &[&event]).await;
    }
    let names = |subjects: Vec<Subject>| -> Vec<String> {
        subjects.iter().map(|subject| subject.order().as_str().to_owned()).collect()
    };
    let page = world.store.page_to_tell(&ask(owned.term, owned.cursor, 10)).await.unwrap().unwrap();
    let changed_at: Vec<_> = page.to_tell.iter().map(|one| one.changed_at).collect();
    assert!(changed_at[2] < changed_at[0], "{changed_at:?}: a was the first to change");
    assert_eq!(names(page.to_tell.into_iter().map(|one| one.subject).collect()), ["c", "b", "a"]);

    let told = world.store.announcements(0, 10).await.unwrap();
    let order = |one: &Announcement| match &one.data {
        Announced::Order(order) => order.order.clone(),
        Announced::Settlement(_) => String::new(),
    };
    assert_eq!(told.told.iter().map(order).collect::<Vec<_>>(), ["c", "b", "a"]);
    assert!(told.at_end);
}

pub(super) async fn what_is_cleared_of_the_log_ends_at_one_number_for_orders_and_settlements(on: On) {
    let world = World::new(on).await;
    let left =
        "select count(*) from settlement_changes where change > (select min(change) from order_changes)";
    let (orders, settlement) = match on {
        On::Postgres => (
            "insert into order_changes (change, at, gone, order_ids, sources, versions)
             overriding system value
             select n * 2, '2026-01-01', false, array['order'], array['shop'], array[n] from generate_series(1, 1500) n",
            "insert into settlement_changes (change, at, order_ids, ledgers, versions)
             values (2801, '2026-01-01', array['order'], array['shop'], array[1])",
        ),
        On::Sqlite => (
            "insert into order_changes (change, at, gone, order_ids, sources, versions)
             with recursive n (i) as (select 1 union all select i + 1 from n where i < 1500)
             select i * 2, '2026-01-01T00:00:00.000000Z', 0, '[\"order\"]', '[\"shop\"]', '[1]' from n",
            "insert into settlement_changes (change, at, order_ids, ledgers, versions)
             values (2801, '2026-01-01T00:00:00.000000Z', '[\"order\"]', '[\"shop\"]', '[1]')",
        ),
    };
    world.sql(orders).await;
    world.sql(settlement).await;
    let now = crate::http::received_now();
    assert_eq!(world.store.clear_changes(now).await.unwrap(), 1_000);
    assert_eq!(world.number(left).await, 1, "an entry that comes later than one that is kept is kept, too");
    assert_eq!(world.store.clear_changes(now).await.unwrap(), 501);
    assert_eq!(world.store.clear_changes(now).await.unwrap(), 0);
}

/// What an endpoint is that was away while a million orders changed: its page must not cost what the whole log costs.
#[tokio::test]
async fn a_page_reads_no_more_of_a_long_log_than_it_tells() {
    const LONG: &str = "
        insert into order_changes (gone, order_ids, sources, versions)
        select false, array['o' || n], array['shop'], array[n] from generate_series(1, 20000) n";
    const READ: &str = "
        select (seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_user_tables where relname = 'order_changes'";
    let world = World::new(On::Postgres).await;
    world.sql(LONG).await;
    for page in
        ["announcements_page(0, 256000000, 100)", "announcements_entries(2560000, 256000000, 100, true)"]
    {
        let mut connection = PgConnection::connect(&world.url).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        let count = AssertSqlSafe(format!("select count(*) from {page}"));
        let told: i64 = query_scalar(count).fetch_one(&mut *transaction).await.unwrap();
        let read: i64 = query_scalar(READ).fetch_one(&mut *transaction).await.unwrap();
        assert_eq!(told, 100, "{page}");
        assert!(read < 300, "{page} read {read} rows");
    }
}

/// Tables that were small when the planner last looked at them, or have grown too large for its other ways.
#[tokio::test]
async fn a_page_looks_up_what_it_tells_and_reads_no_table_as_a_whole() {
    const GROWN: &str = "
        insert into orders (order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost, version,
                            first_event_at, last_event_at)
        select 'o' || n, 'shop', 'paid', 'USD', 0, 0, 1, 0, 0, 0, n, now(), now() from generate_series(1, 5000) n;
        insert into settlements (order_id, ledger) select 'o' || n, 'shop' from generate_series(1, 5000) n;
        insert into payments (payment_id, source, order_id, link)
        select 'o' || n, 'shop', 'o' || n, 'provisional' from generate_series(1, 5000) n;
        insert into order_changes (gone, order_ids, sources, versions)
        select false, array['o' || n], array['shop'], array[n] from generate_series(1, 5000) n;
        insert into settlement_changes (order_ids, ledgers, versions)
        select array['o' || n], array['shop'], array[n] from generate_series(1, 5000) n;";
    const READ: &str = "
        select coalesce(sum(seq_tup_read), 0)::int8 + (select coalesce(sum(idx_tup_read), 0)::int8 from pg_stat_user_indexes
                                                        where relname in ('orders', 'settlements', 'payments'))
          from pg_stat_user_tables where relname in ('orders', 'settlements', 'payments')";
    let World { store, url, hand, .. } = World::new(On::Postgres).await;
    let Hand::Postgres(pool) = &hand else { panic!("Postgres") };
    sqlx::raw_sql("analyze orders, settlements, payments").execute(pool).await.unwrap();
    sqlx::raw_sql(GROWN).execute(pool).await.unwrap();
    let term = store.own_endpoint("shop", "one", Duration::from_secs(10)).await.unwrap().unwrap().term;
    assert_eq!(store.announcements(0, 1_000).await.unwrap().told.len(), 1_000);
    let page = store.page_to_tell(&ask(term, 0, 1_000)).await.unwrap().unwrap();
    assert_eq!(page.to_tell.len(), 1_000);
    assert!(page.to_tell.iter().all(|one| one.announcement.data.is_provisional()));

    // Sessions tell what they read when they end.
    drop((store, hand));
    let mut other = PgConnection::connect(&url).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut read: i64 = 0;
    while read < 4_000 {
        assert!(Instant::now() < deadline, "the sessions' figures never came: {read}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        read = query_scalar(READ).fetch_one(&mut other).await.unwrap();
    }
    assert!(read < 8_000, "{read} rows read for two pages of 1000");
}

/// What was cleared stays in the index for as long as an older transaction lasts, and nobody reads over it.
#[tokio::test]
async fn a_page_costs_no_more_where_all_before_it_was_cleared_beside_an_old_transaction() {
    const LONG: &str = "
        insert into order_changes (gone, order_ids, sources, versions)
        select false, array['o' || n], array['shop'], array[n] from generate_series(1, 5000) n";
    const CLEARED: &str = "
        set enable_indexscan to off; set enable_bitmapscan to off; set enable_indexonlyscan to off;
        delete from order_changes where change <= 4900";
    const READ: &str = "
        select idx_scan, idx_tup_read from pg_stat_user_indexes where indexrelname = 'order_changes_pkey'";
    const PAGES: i64 = 20;
    let World { store, url, hand, .. } = World::new(On::Postgres).await;
    drop(hand);
    let mut old = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(LONG).execute(&mut old).await.unwrap();
    sqlx::raw_sql("begin isolation level repeatable read; select from orders")
        .execute(&mut old)
        .await
        .unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(CLEARED).execute(&mut other).await.unwrap();

    let lease = Duration::from_secs(10);
    let term = store.own_endpoint("shop", "one", lease).await.unwrap().unwrap().term;
    for _ in 0..PAGES {
        store.own_endpoint("shop", "one", lease).await.unwrap().unwrap();
        let page = store.page_to_tell(&ask(term, 4_900 * 256 + 255, 10)).await.unwrap().unwrap();
        assert_eq!((page.to_tell.len(), page.at_end, page.fell_off), (10, false, false));
        assert!(!store.announcements(4_900 * 256 + 255, 10).await.unwrap().fell_off);
    }
    assert!(store.announcements(4_000 * 256, 10).await.unwrap().fell_off);
    assert!(!store.announcements(5_000 * 256, 10).await.unwrap().fell_off);

    // Sessions tell what they read when they end.
    drop(store);
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut scans, mut read): (i64, i64) = (0, 0);
    while scans < 2 * PAGES {
        assert!(Instant::now() < deadline, "the sessions' figures never came: {scans}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        (scans, read) = sqlx::query_as(READ).fetch_one(&mut other).await.unwrap();
    }
    // A new endpoint looks for the beginning of the log, and so does who has fallen off it.
    assert!(read < 4 * 5_000, "{read} entries read in {scans} scans");
    old.close().await.unwrap();
}

fn ask(term: i64, cursor: i64, entries_max: u32) -> Ask<'static> {
    let now = crate::http::received_now();
    Ask { name: "shop", term, cursor, entries_max, others_max: 10, resync: None, now }
}
