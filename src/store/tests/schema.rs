//! Whose the tables are, who may write them, and what a later version may have made of them.

use std::time::Duration;

use super::servers;
use super::world::{Hand, On, World, deliver, fact, open};
use crate::order::Kind;
use crate::secret::Secret;
use crate::store::{Schema, Store, StoreError, StoreSettings};

fn open_in(url: &str, schema: &str) -> Store {
    let settings = StoreSettings {
        url: Secret::new(url),
        schema: Some(schema.to_owned()),
        call_timeout: Duration::from_secs(10),
    };
    Store::open(&settings).unwrap()
}

#[tokio::test]
async fn a_database_with_somebody_else_s_orders_is_told_so_and_a_schema_of_our_own_fits_beside_them() {
    let world = World::empty(On::Postgres).await;
    world.sql("create table orders (id int primary key); insert into orders values (7)").await;
    // An application that uses sqlx keeps its own migrations there, under the same numbers.
    world.sql("create table _sqlx_migrations (version bigint primary key, description text not null)").await;
    world.sql("insert into _sqlx_migrations values (1, 'users'), (2, 'carts')").await;

    let Err(StoreError::Misconfigured(told)) = world.store.migrate().await else { panic!("it is not ours") };
    assert!(told.contains("schema public") && told.contains("table orders"), "{told}");
    assert!(told.contains("database_schema = \"paylatch\""), "{told}");
    assert_eq!(world.number("select count(*) from pg_tables where tablename = 'events'").await, 0);

    let store = open_in(&world.url, "paylatch");
    store.migrate().await.unwrap();
    store.check().await.unwrap();
    let event = fact("e1", "pay", Kind::Captured, 1, None);
    deliver(&mut store.session(), &[&event]).await;
    assert_eq!(world.number("select count(*) from paylatch.orders").await, 1);
    assert_eq!(world.number("select count(*) from public.orders").await, 1, "theirs stays");
    assert_eq!(store.audit().await.unwrap().differences, []);
    let shown = "select captured from paylatch.v_orders";
    assert_eq!(world.texts(shown).await, ["10.00"], "a view needs no search path");
}

#[tokio::test]
async fn what_a_later_version_made_wider_or_added_is_not_refused() {
    const LATER: &str = "
        alter table events drop constraint events_kind_known;
        alter table events add constraint events_kind_known check (kind <> '');
        alter table events drop constraint events_type_length;
        alter table events add column settled_at timestamptz;
        alter table event_acknowledgements drop constraint event_acknowledgements_pkey;
        alter table event_acknowledgements
            add constraint event_acknowledgements_longer primary key (event_id, source, body_sha256, outcome, acknowledged_at);
        drop index events_payment;
        create index events_payment_and_more on events (payment_id, source, received_at);
        create table payouts (payout_id text primary key);
        insert into paylatch_migrations (version, name, sha256) values (9000, 'later', '\\x00')";
    let world = World::new(On::Postgres).await;
    world.sql(LATER).await;
    world.sql("create schema moved").await;
    world
        .sql(
            "do $$ declare t text; begin for t in select tablename from pg_tables where schemaname = 'public'
               loop execute format('alter table public.%I set schema moved', t); end loop; end $$",
        )
        .await;
    let functions = "do $$ declare f regprocedure; begin for f in select oid from pg_proc where pronamespace = 'public'::regnamespace
                     loop execute format('alter function %s set schema moved', f); end loop; end $$";
    world.sql(functions).await;
    world
        .sql(
            "do $$ declare v text; begin for v in select viewname from pg_views where schemaname = 'public'
               loop execute format('alter view public.%I set schema moved', v); end loop; end $$",
        )
        .await;
    world.sql("alter sequence order_version set schema moved").await;

    let store = open_in(&world.url, "moved");
    assert_eq!(store.check().await.unwrap(), Schema { unknown_migrations: 1 });
    deliver(&mut store.session(), &[&fact("e1", "pay", Kind::Captured, 1, None)]).await;

    let world = World::new(On::Sqlite).await;
    world.sql("alter table orders add column settled_at text").await;
    world.store.check().await.unwrap();
    world.sql("create table payouts (payout_id text primary key)").await;
    world.sql("drop index events_failed_by_id; create index events_failed_by_id on events (outcome)").await;
    world.sql("insert into paylatch_migrations (version, name, sha256) values (9000, 'later', x'00')").await;
    assert_eq!(world.store.check().await.unwrap(), Schema { unknown_migrations: 1 });
}

/// What is dropped is cancelled over another connection; a server checks each second.
#[tokio::test]
async fn a_check_that_finds_a_schema_unfit_keeps_its_connection_for_the_next_one() {
    let world = World::new(On::Postgres).await;
    let store = open(&world.url);
    store.check().await.unwrap();
    let Hand::Postgres(hand) = &world.hand else { panic!("Postgres") };
    let ended_well = async || -> Vec<i32> {
        let of_this = "select pid from pg_stat_activity where datname = current_database() and query = 'commit' order by pid";
        sqlx::query_scalar(of_this).fetch_all(hand).await.unwrap()
    };
    let before = ended_well().await;
    world.sql("alter table coupons rename to coupons_away").await;
    for _ in 0..5 {
        let found = store.check().await;
        assert!(found.is_err(), "{found:?}");
        assert_eq!(ended_well().await, before);
    }
}

#[tokio::test]
async fn a_role_that_may_not_write_is_told_what_it_lacks() {
    let world = World::new(On::Postgres).await;
    let role = format!("app_{}", servers::unique());
    world.sql(&format!("create role {role} login; grant usage on schema public to {role}")).await;
    let url = world.url.replace("postgres://postgres@", &format!("postgres://{role}@"));
    for (lacks, grant) in [
        ("select on table paylatch_migrations", "grant select on all tables in schema public"),
        ("delete on table acknowledgements", "grant insert, update, delete on all tables in schema public"),
        ("usage on sequence order_version", "grant usage on all sequences in schema public"),
    ] {
        let Err(StoreError::Forbidden(told)) = open(&url).check().await else { panic!("{lacks}") };
        assert!(told.contains(&role) && told.contains(lacks), "{told}");
        world.sql(&format!("{grant} to {role}")).await;
    }
    let store = open(&url);
    store.check().await.unwrap();
    deliver(&mut store.session(), &[&fact("e1", "pay", Kind::Captured, 1, None)]).await;

    // Once changes are noted, who tells of them reads how far they are.
    world.store.note_changes(true, None).await.unwrap();
    let Err(StoreError::Forbidden(told)) = store.check().await else {
        panic!("it may not read the log's number")
    };
    assert!(told.contains("select on sequence order_changes_change_seq"), "{told}");
    world.sql(&format!("grant select on all sequences in schema public to {role}")).await;
    store.check().await.unwrap();

    world.sql("revoke execute on function save_decided from public").await;
    let Err(StoreError::Forbidden(told)) = store.check().await else { panic!("it may not save") };
    assert!(told.contains("execute on function save_decided"), "{told}");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_character_is_refused() {
    let world = World::empty(On::Postgres).await;
    let name = format!("latin_{}", servers::unique());
    world.sql(&format!("create database {name} encoding 'LATIN1' template template0 locale 'C'")).await;
    let (root, _) = world.url.rsplit_once('/').unwrap();
    let store = open(&format!("{root}/{name}"));
    for answer in [store.migrate().await.map(drop), store.check().await.map(drop)] {
        let Err(StoreError::Misconfigured(told)) = answer else { panic!("{answer:?}") };
        assert!(told.contains("encoding is LATIN1"), "{told}");
    }
}
