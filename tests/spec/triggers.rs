//! What a merchant adds to the database can hold up the events that it concerns, and nothing else: no event becomes dead for
//! it, no batch spins on it, no neighbour is refused.

use futures_util::future::join_all;

use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn a_trigger_whose_own_table_refuses_makes_no_event_dead() {
    let world = with_a_trigger("insert into audit_log (order_id, note) values (new.order_id, null)").await;
    assert_held_up_and_then_applied(&world).await;
}

#[tokio::test]
async fn a_key_of_a_triggers_own_table_is_no_race() {
    let world =
        with_a_trigger("insert into audit_log (order_id, note) values ('one', 'x'), ('one', 'x')").await;
    assert_held_up_and_then_applied(&world).await;
    assert_no_spinning(&world).await;
}

#[tokio::test]
async fn an_exception_of_a_trigger_is_a_503_for_its_event_alone() {
    let world = with_a_trigger("raise exception 'no'").await;
    assert_held_up_and_then_applied(&world).await;
}

#[tokio::test]
async fn a_serialization_failure_that_a_trigger_raises_is_no_race() {
    let world = with_a_trigger("raise exception 'no' using errcode = '40001'").await;
    assert_held_up_and_then_applied(&world).await;
    assert_no_spinning(&world).await;
}

#[tokio::test]
async fn a_constraint_that_was_added_by_hand_makes_no_event_dead() {
    let world = World::start().await;
    world
        .database
        .execute("alter table orders add constraint not_this check (order_id <> 'order-held-up')")
        .await;
    let answer = world.send(&held_up()).await;
    assert_eq!(answer.code(), "database_unfit");
    assert_eq!(world.count("events").await, 0);
}

#[tokio::test]
async fn privileges_that_are_missing_are_said_to_be_missing() {
    let world = World::start().await;
    world.database.execute("create role app login; grant select on all tables in schema public to app").await;
    let user = world.replicas[0].settings()["database_url"].replace("//postgres:", "//app:");
    world.replicas[0].rewrite(|settings| drop(settings.insert("database_url".to_owned(), user)));
    world.replicas[0].kill();
    world.replicas[0].start_again_unready().await;

    let ready = world.replicas[0].request(http::Method::GET, "/readyz").await.unwrap();
    assert_eq!((ready.status.as_u16(), ready.code()), (503, "database_unfit".to_owned()));
    let answer = world.send(&held_up()).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (503, "database_unfit".to_owned()));
}

/// Postgres with a trigger of the merchant's on `orders`, which does this for one order.
async fn with_a_trigger(statement: &str) -> World {
    let world = Plan::postgres().set("intake.lanes", "1").start().await;
    let made = format!(
        "create table audit_log (order_id text primary key, note text not null);
         create function merchants_own() returns trigger language plpgsql as $$
         begin
             if new.order_id = 'order-held-up' then {statement}; end if;
             return new;
         end $$;
         create trigger merchants_own after insert or update on orders for each row execute function merchants_own();"
    );
    world.database.execute(&made).await;
    world
}

/// What was inserted without a load is decided again once; more would be a race with nobody.
async fn assert_no_spinning(world: &World) {
    let races = world.replicas[0].metric("paylatch_save_races_total", &[]).await;
    assert!(races <= 2.0, "{races}");
}

fn held_up() -> Webhook {
    payment("pi_held_up").of_order("order-held-up").succeeded()
}

/// The event is refused with its neighbours applied, and is applied once the trigger is gone.
async fn assert_held_up_and_then_applied(world: &World) {
    let held_up = held_up();
    let neighbours: Vec<_> =
        (0..40).map(|n| payment(&format!("pi_{n}")).of_order(&format!("order-{n}")).succeeded()).collect();

    let (refused, answers) =
        tokio::join!(world.send(&held_up), join_all(neighbours.iter().map(|own| world.send(own))));

    assert_eq!((refused.status.as_u16(), refused.code()), (503, "database_unfit".to_owned()));
    for answer in answers {
        assert_eq!(answer.outcome(), "applied");
    }
    assert!(world.event(&held_up.id).await.is_none());
    world.database.execute("drop trigger merchants_own on orders").await;
    eventually("the event is applied", async || {
        let answer = world.send(&held_up).await;
        (answer.status == 200).then(|| assert_eq!(answer.outcome(), "applied"))
    })
    .await;
    world.audit_is_clean().await;
}
