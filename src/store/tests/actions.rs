//! What people did: kept with the change, or the change is not made; and never altered afterwards.

use std::time::Duration;

use serde_json::json;

use super::inspection::shop;
use super::world::{On, World, clerk, fact, id};
use crate::intake::{Assignment, assign, replace};
use crate::order::{Key, Kind, Outcome, UnixMicros};
use crate::store::{ActionRow, By, EventFilter, Role, StoreError};

/// Everything that a person can do in the shop, each once.
async fn do_everything(world: &World, by: &By) -> Vec<(&'static str, Result<(), StoreError>)> {
    let (store, mut session) = (&world.store, world.store.session());
    let key = |name: &str| Key { id: id(name), source: id("shop") };
    let parked = EventFilter { id: Some("e6".into()), ..EventFilter::default() };
    let stored = store.stored_events(&parked).await.unwrap().rows.remove(0);
    let assignment = Assignment { payment: key("pay3"), order: id("order1") };
    let now = fact("e6", "pay1", Kind::Disputed, 6, None);
    store.own_endpoint("shop", "a process", Duration::from_secs(10)).await.unwrap();
    let wait = "insert into announcement_waits (endpoint, order_id, source, reason, version, attempts, due_at, first_at)
        values ('shop', 'order9', 'shop', 'refused', 1, 1, '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')";
    world.sql(wait).await;
    let all = UnixMicros(crate::http::received_now().0 + 1_000_000);
    let mut done = vec![
        ("acknowledge an order", store.acknowledge(&key("order2"), by).await.map(drop)),
        ("acknowledge an event", store.acknowledge_event(&key("e6"), None, by).await.map(drop)),
        ("purge", store.purge_payloads(all, by).await.map(drop)),
        ("assign", assign(&mut session, &assignment, by).await.map(drop)),
        ("reprocess", replace(&mut session, &stored, vec![now], Some(by)).await.map(drop)),
        ("announce on", store.note_changes(true, Some(by)).await.map(drop)),
        ("announce off", store.note_changes(false, Some(by)).await.map(drop)),
        ("begin an epoch", store.begin_epoch(by).await.map(drop)),
        ("pause", store.pause_endpoint("shop", true, by).await.map(drop)),
        ("resume", store.pause_endpoint("shop", false, by).await.map(drop)),
        ("resync", store.resync_endpoint("shop", None, by).await.map(drop)),
        ("resend", store.resend("shop", &key("order2"), by).await.map(drop)),
        ("forget", store.forget_endpoint("shop", by).await.map(drop)),
    ];
    world.sql("delete from payments where payment_id = 'pay1'").await;
    done.push(("repair", store.repair(by).await.map(drop)));
    done
}

const DONE: [&str; 15] = [
    "acknowledge_order",
    "acknowledge_event",
    "purge_payloads",
    "assign_payment",
    "reprocess_event",
    "announce_on",
    "announce_off",
    "announce_new_epoch",
    "pause_endpoint",
    "resume_endpoint",
    "resync_endpoint",
    "resend_order",
    "forget_endpoint",
    "repair_payment",
    "repair_order",
];

pub(super) async fn whatever_a_person_changes_is_kept_with_who_when_why_and_what_it_was(on: On) {
    let (world, _) = shop(on).await;
    let by = clerk(Some("as the customer said")).by_request("req_1".to_owned());
    for (what, done) in do_everything(&world, &by).await {
        done.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let mut actions = world.store.actions(None, 100).await.unwrap();
    actions.reverse();
    let did: Vec<&str> = actions.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(did, DONE);
    for row in &actions {
        assert_eq!((row.actor.as_str(), row.role.as_str()), ("a clerk", "shell"));
        assert_eq!(row.at, "2023-11-14T22:13:20.000000Z");
        assert_eq!(row.note.as_deref(), Some("as the customer said"));
        assert_eq!(row.request_id.as_deref(), Some("req_1"));
    }
    let of = |action: &str| actions.iter().find(|row| row.action == action).unwrap();
    let about = |row: &ActionRow| (row.source.clone(), row.target.clone());
    assert_eq!(about(of("acknowledge_order")), (Some("shop".into()), "order2".into()));
    assert_eq!(of("acknowledge_order").after.as_ref().unwrap()[0]["anomaly"], "refund_exceeds_capture");
    assert_eq!(about(of("purge_payloads")), (None, "payloads".into()));
    assert_eq!(of("assign_payment").before, Some(json!({ "order": "pay3", "link": "provisional" })));
    assert_eq!(of("assign_payment").after, Some(json!({ "order": "order1", "link": "assigned" })));
    assert_eq!(of("reprocess_event").before.as_ref().unwrap()["outcome"], "parked");
    assert_eq!(of("reprocess_event").after.as_ref().unwrap()[0]["outcome"], Outcome::Applied.as_str());
    assert_eq!(of("announce_new_epoch").before, Some(json!({ "epoch": 1 })));
    assert_eq!(of("repair_payment").after, Some(json!({ "row": "order1 (known)" })));

    let page = world.store.actions(Some(actions[4].action_id), 2).await.unwrap();
    let listed: Vec<i64> = page.iter().map(|row| row.action_id).collect();
    assert_eq!(listed, [actions[3].action_id, actions[2].action_id], "the latest first, page by page");
}

pub(super) async fn what_cannot_be_kept_is_not_done(on: On) {
    let (world, _) = shop(on).await;
    world.sql("drop table operator_actions").await;
    let done = do_everything(&world, &clerk(None)).await;
    let went_well: Vec<_> = done.iter().filter(|(_, done)| done.is_ok()).map(|(what, _)| *what).collect();
    assert_eq!(went_well, ["announce off"], "it was off");
    for (nothing, sql) in [
        (0, "select count(*) from acknowledgements"),
        (0, "select count(*) from event_acknowledgements"),
        (0, "select count(*) from events where payload is null"),
        (0, "select count(*) from payments where link = 'assigned'"),
        (1, "select count(*) from events where event_id = 'e6' and outcome = 'parked'"),
        (1, "select epoch from announcement_epoch"),
        (1, "select term from endpoints"),
        (1, "select count(*) from announcement_waits"),
        (0, "select count(*) from payments where payment_id = 'pay1'"),
    ] {
        assert_eq!(world.number(sql).await, nothing, "{sql}");
    }
    assert!(!world.store.notes_changes().await.unwrap());
}

pub(super) async fn nobody_alters_what_people_did(on: On) {
    let (world, _) = shop(on).await;
    world.store.acknowledge(&Key { id: id("order2"), source: id("shop") }, &clerk(None)).await.unwrap();
    for alteration in ["update operator_actions set actor = 'another'", "delete from operator_actions"] {
        let refused = world.try_sql(alteration).await.unwrap_err().to_string();
        assert!(refused.contains("only added"), "{refused}");
    }
    if on == On::Postgres {
        world.try_sql("truncate operator_actions").await.unwrap_err();
    }
    assert_eq!(world.texts("select actor from operator_actions").await, ["a clerk"]);
}

#[test]
fn a_name_or_a_note_that_could_not_be_kept_is_refused_before_anything_is_done() {
    let by = |actor: &str, note: Option<&str>| By::new(actor, Role::Shell, note, UnixMicros(0));
    assert!(by("a clerk", Some("paid in cash")).is_ok());
    for (actor, note, expected) in [
        ("", None, "1 to 255 printable"),
        ("a\nclerk", None, "1 to 255 printable"),
        ("a clerk", Some(" "), "1 to 4000 characters"),
        ("a clerk", Some("a\0b"), "1 to 4000 characters"),
        ("a clerk", Some(&*"n".repeat(4001)), "1 to 4000 characters"),
    ] {
        let refused = by(actor, note).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
}

pub(super) async fn who_migrates_a_database_in_use_is_kept(on: On) {
    let world = World::empty(on).await;
    world.store.migrate_by(Some(&clerk(None))).await.unwrap();
    assert_eq!(world.number("select count(*) from operator_actions").await, 0, "nobody used it before");

    // As a version left it that knew of no list of types.
    world.sql("drop table type_arrivals").await;
    world.sql("delete from paylatch_migrations where name = 'type_arrivals'").await;
    world.store.migrate_by(Some(&clerk(Some("0.3.0")))).await.unwrap();
    let kept = world.texts("select action || ' ' || actor || ' ' || note from operator_actions").await;
    assert_eq!(kept, ["apply_migration a clerk 0.3.0"]);
    assert_eq!(world.number("select count(*) from type_arrivals").await, 0);
}
