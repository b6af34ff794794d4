//! What is known of who was told.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection, query_scalar};

use super::world::{On, World, deliver, fact, id};
use crate::order::{Key, Kind};
use crate::store::{Announced, Announcement, Told};

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
