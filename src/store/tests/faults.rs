//! What goes wrong around the store: killed connections, drifting schemas, wrong URLs, second processes.

use std::time::Duration;

use super::world::{Hand, On, Rows, World, deliver, fact, once, open};
use crate::order::{Kind, decide};
use crate::secret::Secret;
use crate::store::{Store, StoreError, StoreSettings, Wanted};

const KILL_LANES: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()";

#[tokio::test]
async fn a_killed_connection_is_unknown_once_and_replaced() {
    let world = World::new(On::Postgres).await;
    let mut session = world.store.session();
    let event = fact("e", "pay", Kind::Captured, 1, None);
    deliver(&mut session, &[&event]).await;
    let epoch = world.store.epochs().now();

    assert!(world.number(KILL_LANES).await >= 1);
    let answer = session.load(&Wanted::of(&[&event])).await;
    assert!(matches!(answer, Err(StoreError::Unknown(_))), "{answer:?}");
    assert!(world.store.epochs().now() > epoch, "what was remembered may not hold");
    once(&mut session, &[&event]).await.unwrap();
    assert!(world.store.epochs().now() > epoch);
}

#[tokio::test]
async fn a_call_past_its_deadline_costs_its_connection() {
    let world = World::new(On::Postgres).await;
    let store = Store { call_timeout: Duration::from_millis(300), ..world.store.clone() };
    let mut session = store.session();
    let event = fact("e", "pay", Kind::Captured, 1, None);
    deliver(&mut session, &[&event]).await;
    let epoch = world.store.epochs().now();

    let Hand::Postgres(own) = &world.hand else { panic!("a Postgres") };
    let mut blocker = own.begin().await.unwrap();
    sqlx::query("lock table orders in access exclusive mode").execute(&mut *blocker).await.unwrap();
    let answer = session.load(&Wanted::of(&[&event])).await;
    assert_eq!(answer.unwrap_err(), StoreError::Unknown("none within 300 ms".to_owned()));
    assert!(world.store.epochs().now() > epoch);
    blocker.rollback().await.unwrap();
    once(&mut session, &[&event]).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_midway_costs_its_connection() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        let mut session = world.store.session();
        let event = fact("e", "pay", Kind::Captured, 1, None);
        let (_, changes) = decide(session.load(&Wanted::of(&[&event])).await.unwrap(), &[&event]);
        let epoch = world.store.epochs().now();
        {
            let _blocker = match &world.hand {
                Hand::Postgres(own) => {
                    let mut blocker = own.begin().await.unwrap();
                    sqlx::query("lock table orders in access exclusive mode")
                        .execute(&mut *blocker)
                        .await
                        .unwrap();
                    (Some(blocker), None)
                }
                Hand::Sqlite(own) => (None, Some(own.begin_with("begin immediate").await.unwrap())),
            };
            let mut save = std::pin::pin!(session.save(&changes));
            let polled = futures_util::poll!(&mut save);
            assert!(polled.is_pending());
        }
        deliver(&mut session, &[&event]).await;
        assert!(world.store.epochs().now() > epoch, "{on:?}");
        assert_eq!(world.rows().await, Rows::expected(&[event]), "{on:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable() {
    let store = open("postgres://postgres@127.0.0.1:1/none");
    let Err(StoreError::Unavailable(why)) = store.check().await else { panic!("nobody listens there") };
    assert!(why.starts_with("127.0.0.1:1: ") && why.contains("refused"), "{why}");
    assert!(matches!(store.session().load(&Wanted::default()).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_missing_schema_is_named_with_the_way_out() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::empty(on).await;
        unfit(&world, "run `paylatch migrate`").await;
        let applied = world.store.migrate().await.unwrap();
        assert_eq!(applied.first().map(String::as_str), Some("1 tables"));
        world.store.check().await.unwrap();
        assert!(world.store.migrate().await.unwrap().is_empty(), "a second time there is nothing to do");
    }
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::new(on).await;
        let edit = match on {
            On::Postgres => r"update paylatch_migrations set sha256 = '\x00' where version = 1",
            On::Sqlite => "update paylatch_migrations set sha256 = x'00' where version = 1",
        };
        world.sql(edit).await;
        unfit(&world, "migration 1 was edited").await;
        let answer = world.store.migrate().await;
        assert!(matches!(answer, Err(StoreError::Misconfigured(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_database_from_before_the_first_release_is_refused() {
    for on in [On::Postgres, On::Sqlite] {
        let world = World::empty(on).await;
        if on == On::Sqlite {
            world.store.migrate().await.unwrap();
            world.sql("drop table paylatch_migrations").await;
        }
        world
            .sql("create table _sqlx_migrations (version bigint primary key, description text not null)")
            .await;
        world.sql("insert into _sqlx_migrations values (1, 'tables'), (2, 'views')").await;
        unfit(&world, "made by a version before the first release").await;
        let answer = world.store.migrate().await;
        assert!(matches!(answer, Err(StoreError::Misconfigured(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_removed_or_changed_backstop_is_named() {
    for (damage, named) in [
        ("alter table events drop constraint events_pkey", "unique index on events (event_id, source)"),
        (
            "alter table payments drop constraint payments_pkey; alter table payments add constraint payments_pkey primary key (payment_id, source, order_id)",
            "unique index on payments (payment_id, source)",
        ),
        (
            "alter table orders drop constraint orders_pkey; alter table orders add constraint orders_pkey primary key (order_id, source) deferrable",
            "unique index on orders (order_id, source)",
        ),
        ("drop index events_payment", "index on events (payment_id, source)"),
        (
            "update pg_index set indisvalid = false where indexrelid = 'conflicts_pkey'::regclass",
            "unique index on conflicts",
        ),
        ("alter table events drop constraint events_amount_not_negative", "events_amount_not_negative"),
        ("alter table coupons drop constraint coupons_not_oversold", "coupons_not_oversold"),
        (
            "alter table redemptions drop constraint redemptions_pkey",
            "unique index on redemptions (code, redeemer)",
        ),
        ("drop function redeem_batch", "redeem_batch is missing"),
        ("drop function give_back", "give_back is missing"),
        ("alter table orders set unlogged", "table orders is missing or unlogged"),
        ("drop function save_decided", "save_decided is missing"),
        ("delete from paylatch_migrations where version = 3", "migration 3 (views) is not applied"),
    ] {
        let world = World::new(On::Postgres).await;
        world.store.check().await.unwrap();
        world.sql(damage).await;
        unfit(&world, named).await;
    }
    let world = World::new(On::Postgres).await;
    plant(&world, "if n <> moves", "if false").await;
    unfit(&world, "save_decided is not the one").await;

    for (damage, named) in [
        ("drop index events_payment", "events_payment"),
        ("drop table conflicts", "conflicts"),
        ("drop view v_orders", "v_orders"),
        ("drop table redemptions", "redemptions"),
    ] {
        let world = World::new(On::Sqlite).await;
        world.store.check().await.unwrap();
        world.sql(damage).await;
        unfit(&world, named).await;
    }
}

/// Changes the save function of a test's own database.
pub(super) async fn plant(world: &World, sound: &str, bug: &str) {
    let definition = world.texts("select pg_get_functiondef('save_decided'::regproc)").await.remove(0);
    assert!(definition.contains(sound), "{sound}");
    world.sql(&definition.replace(sound, bug)).await;
}

async fn unfit(world: &World, named: &str) {
    let answer = world.store.check().await;
    let Err(StoreError::Misconfigured(message)) = &answer else { panic!("{named}: {answer:?}") };
    assert!(message.contains(named), "{named}: {message}");
}

#[tokio::test]
async fn the_victim_of_a_deadlock_is_told_to_try_again_and_not_that_the_database_is_away() {
    let world = World::new(On::Postgres).await;
    world
        .sql(
            "create function victim() returns trigger language plpgsql as
             $$ begin raise exception 'deadlock detected' using errcode = '40P01'; end $$;
             create trigger victim before insert on events execute function victim()",
        )
        .await;
    let mut session = world.store.session();
    let event = fact("e1", "pay", Kind::Captured, 1, None);
    let answer = once(&mut session, &[&event]).await;
    assert!(matches!(answer, Err(StoreError::Stale(_))), "{answer:?}");
    world.sql("drop trigger victim on events").await;
    once(&mut session, &[&event]).await.unwrap();
}

#[tokio::test]
async fn replicas_may_migrate_at_once() {
    let world = World::empty(On::Postgres).await;
    let migrations = (0..4).map(|_| {
        let store = world.store.clone();
        tokio::spawn(async move { store.migrate().await.unwrap().len() })
    });
    let mut applied = 0;
    for migration in migrations.collect::<Vec<_>>() {
        applied += migration.await.unwrap();
    }
    let migrations = world.number("select count(*) from paylatch_migrations").await;
    assert_eq!(i64::try_from(applied), Ok(migrations), "each was applied by one of them");
    world.store.check().await.unwrap();
}

#[tokio::test]
async fn commits_that_are_no_promise_are_refused() {
    let world = World::new(On::Postgres).await;
    let database = world.texts("select current_database()").await.remove(0);
    world.sql(&format!("alter database {database} set synchronous_commit = off")).await;
    // Connections that are open keep the setting that they started with.
    let answer = open(&world.url).check().await;
    let Err(StoreError::Misconfigured(message)) = answer else { panic!("{answer:?}") };
    assert!(message.contains("synchronous_commit is off"), "{message}");
}

#[tokio::test]
async fn one_process_serves_from_a_file_and_others_may_read() {
    let world = World::new(On::Sqlite).await;
    let second = open(&world.url);
    world.store.claim().unwrap();
    let Err(StoreError::Misconfigured(message)) = second.claim() else { panic!("claimed twice") };
    assert!(message.contains("paylatch.db"), "{message}");
    assert!(matches!(second.session().load(&Wanted::default()).await, Err(StoreError::Misconfigured(_))));
    second.check().await.unwrap();
    second.counts(crate::http::received_now()).await.unwrap();
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_showing_it() {
    for url in [
        "",
        "mysql://root:canary@host/db",
        "postgres://user:canary@host:port/db",
        "sqlite:",
        "sqlite::memory:",
    ] {
        let settings =
            StoreSettings { call_timeout: Duration::from_secs(1), ..StoreSettings::new(Secret::new(url)) };
        let Err(StoreError::Misconfigured(message)) = Store::open(&settings) else { panic!("{url}") };
        assert!(
            message.starts_with("database_url: ") && message.contains("expected postgres://"),
            "{message}"
        );
        assert!(!message.contains("canary"), "{message}");
    }
    let store = open("postgres://user:canary@localhost/db");
    assert!(!format!("{store:?} {:?}", store.session()).contains("canary"));
}
