//! The store as specification: the same sentences over Postgres and SQLite where both apply.

mod actions;
mod coupons;
mod faults;
mod inspection;
mod lists;
mod plans;
mod questions;
mod races;
mod replacement;
mod schema;
mod servers;
mod settling;
mod stress;
mod telling;
mod waiting;
mod watermark;
mod world;

pub(crate) use servers::fresh_database;

use crate::order::{Basis, Entry, Kind, Outcome, decide};
use crate::store::{StoreError, Wanted};
use actions::{
    nobody_alters_what_people_did, what_cannot_be_kept_is_not_done,
    whatever_a_person_changes_is_kept_with_who_when_why_and_what_it_was,
    who_migrates_a_database_in_use_is_kept,
};
use coupons::{
    a_coupon_cannot_be_oversold_by_hand, a_coupon_is_created_once_and_keeps_its_cap,
    a_coupon_is_redeemed_in_order_until_it_is_sold_out, coupons_of_one_batch_are_counted_each_for_itself,
    sessions_that_race_for_a_coupon_sell_it_exactly_out, what_is_given_back_is_free_for_another,
};
use inspection::{
    a_failure_that_a_person_settled_is_not_counted_until_there_is_another,
    a_purge_clears_bodies_and_keeps_what_tells_duplicates,
    a_purge_spares_bodies_in_conflict_until_they_are_settled_and_then_leaves_none,
    a_purged_body_is_kept_again_and_only_the_bytes_that_it_was, a_timeline_shows_every_event_of_an_order,
    an_anomaly_that_a_person_settled_is_not_counted_until_there_is_another,
    an_audit_finds_every_wrong_row_and_repairs_it, an_event_of_which_nobody_noted_who_read_it_is_read_again,
    each_body_in_conflict_is_settled_by_itself, events_are_paged_and_filtered, orders_are_paged_and_filtered,
    views_show_amounts_in_the_currency_s_decimals, what_needs_a_person_is_counted,
};
use lists::{
    a_filtered_list_looks_at_a_bounded_number_of_rows_and_misses_none,
    however_many_events_are_parked_what_is_in_conflict_is_told,
};
use replacement::{
    a_dead_event_takes_its_id_unless_another_has_it, a_parked_event_that_can_be_read_now_is_applied,
    a_payment_and_an_order_go_with_the_last_event_that_told_of_them,
    a_payment_belongs_where_a_person_said_last_until_that_is_undone,
    an_event_that_another_replaced_meanwhile_is_not_replaced_twice,
    an_event_that_says_the_same_is_left_alone_and_a_dry_run_writes_nothing,
    applied_events_of_a_wrong_mapping_end_as_if_it_had_been_right,
    money_that_no_event_names_an_order_for_is_counted,
    what_a_stored_event_claimed_does_not_count_once_it_says_something_else,
    what_the_database_refuses_stays_as_it_was,
};
use telling::{
    a_page_has_each_order_once_at_its_last_place, an_order_counts_as_told_only_where_the_log_says_so,
    an_order_that_changed_before_the_log_began_is_not_said_to_be_told,
    what_is_cleared_of_the_log_ends_at_one_number_for_orders_and_settlements,
    what_waits_keeps_its_newest_version_and_waits_until_that_is_told,
    who_owns_an_endpoint_no_longer_reads_nothing_and_keeps_nothing,
};
use waiting::{
    a_refund_that_is_done_ends_the_waiting_of_no_other_refund_of_its_payment,
    each_type_tells_when_it_was_last_heard_of, money_that_waits_is_found_by_what_it_waits_for_and_since_when,
    money_that_waits_is_listed_without_reading_all_orders,
    what_waits_and_is_claimed_by_nobody_is_listed_by_both,
};
use world::{On, Rows, World, deliver, fact, id, noted, once, stated};

/// Declares a test over each database.
macro_rules! over_both {
    ($($(#[$doc:meta])* $name:ident;)+) => {
        mod over_postgres { $(#[tokio::test] async fn $name() { super::$name(super::On::Postgres).await } )+ }
        mod over_sqlite { $(#[tokio::test] async fn $name() { super::$name(super::On::Sqlite).await } )+ }
    };
}

over_both! {
    a_load_gives_back_what_a_save_wrote;
    a_save_raced_in_any_phase_says_so_and_leaves_nothing;
    another_event_under_a_known_id_is_kept_aside;
    data_that_the_database_refuses_is_told_apart_and_the_session_lives_on;
    an_order_without_payments_has_no_row;
    duplicates_are_counted;
    orders_are_paged_and_filtered;
    a_timeline_shows_every_event_of_an_order;
    events_are_paged_and_filtered;
    a_filtered_list_looks_at_a_bounded_number_of_rows_and_misses_none;
    however_many_events_are_parked_what_is_in_conflict_is_told;
    what_needs_a_person_is_counted;
    an_audit_finds_every_wrong_row_and_repairs_it;
    a_purge_clears_bodies_and_keeps_what_tells_duplicates;
    a_purged_body_is_kept_again_and_only_the_bytes_that_it_was;
    a_purge_spares_bodies_in_conflict_until_they_are_settled_and_then_leaves_none;
    each_body_in_conflict_is_settled_by_itself;
    an_event_of_which_nobody_noted_who_read_it_is_read_again;
    views_show_amounts_in_the_currency_s_decimals;
    a_coupon_is_redeemed_in_order_until_it_is_sold_out;
    coupons_of_one_batch_are_counted_each_for_itself;
    what_is_given_back_is_free_for_another;
    a_coupon_is_created_once_and_keeps_its_cap;
    sessions_that_race_for_a_coupon_sell_it_exactly_out;
    a_coupon_cannot_be_oversold_by_hand;
    an_anomaly_that_a_person_settled_is_not_counted_until_there_is_another;
    a_failure_that_a_person_settled_is_not_counted_until_there_is_another;
    a_parked_event_that_can_be_read_now_is_applied;
    what_a_stored_event_claimed_does_not_count_once_it_says_something_else;
    a_payment_and_an_order_go_with_the_last_event_that_told_of_them;
    applied_events_of_a_wrong_mapping_end_as_if_it_had_been_right;
    a_dead_event_takes_its_id_unless_another_has_it;
    an_event_that_says_the_same_is_left_alone_and_a_dry_run_writes_nothing;
    an_event_that_another_replaced_meanwhile_is_not_replaced_twice;
    what_the_database_refuses_stays_as_it_was;
    a_payment_belongs_where_a_person_said_last_until_that_is_undone;
    money_that_no_event_names_an_order_for_is_counted;
    whatever_a_person_changes_is_kept_with_who_when_why_and_what_it_was;
    what_cannot_be_kept_is_not_done;
    nobody_alters_what_people_did;
    who_migrates_a_database_in_use_is_kept;
    money_that_waits_is_found_by_what_it_waits_for_and_since_when;
    a_refund_that_is_done_ends_the_waiting_of_no_other_refund_of_its_payment;
    money_that_waits_is_listed_without_reading_all_orders;
    what_waits_and_is_claimed_by_nobody_is_listed_by_both;
    each_type_tells_when_it_was_last_heard_of;
    an_order_counts_as_told_only_where_the_log_says_so;
    an_order_that_changed_before_the_log_began_is_not_said_to_be_told;
    a_page_has_each_order_once_at_its_last_place;
    what_waits_keeps_its_newest_version_and_waits_until_that_is_told;
    who_owns_an_endpoint_no_longer_reads_nothing_and_keeps_nothing;
    what_is_cleared_of_the_log_ends_at_one_number_for_orders_and_settlements;
}

async fn a_load_gives_back_what_a_save_wrote(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    let events = [
        fact("e1", "pay", Kind::Authorized, 1, None),
        fact("e2", "pay", Kind::Captured, 2, Some(("order", 1))),
        stated("e3", "pay", (Kind::Refunded, "re", 300, Basis::Total), 3, None),
        noted("e4", "pay", 4, Some(("order", 0))),
        noted("e5", "pay", 5, None),
    ];
    let batch: Vec<_> = events.iter().collect();
    let receipts = deliver(&mut session, &batch).await;
    let snapshot = session.load(&Wanted::of(&batch)).await.unwrap();

    for (event, receipt) in events.iter().zip(&receipts) {
        let known = &snapshot.known[event.key()];
        assert_eq!((known.outcome, &known.reason), (receipt.outcome, &receipt.reason));
        assert_eq!(known.facts_sha256, event.facts_sha256());
        assert_eq!(known.body_sha256, event.evidence().body_sha256);
        assert_eq!(known.received_at, event.evidence().received_at);
    }
    let payment = events[0].payment_key().unwrap();
    let mut entries = snapshot.entries[&payment].clone();
    entries.sort_by(|a, b| a.event.cmp(&b.event));
    assert_eq!(entries, events.iter().filter_map(Entry::of).collect::<Vec<_>>());
    assert_eq!(snapshot.links[&payment].order, id("order"));
    assert!(snapshot.versions.contains_key(&payment.sibling(&id("order"))));
    assert_eq!(world.rows().await, Rows::expected(&events));
}

/// Two saves decided from the same state, for every table that they can meet in: the second one must notice.
async fn a_save_raced_in_any_phase_says_so_and_leaves_nothing(on: On) {
    let before = || {
        vec![
            fact("e1", "moving", Kind::Captured, 1, Some(("old", 5))),
            fact("e2", "other", Kind::Captured, 1, Some(("shared", 5))),
            fact("e3", "alone", Kind::Captured, 1, None),
        ]
    };
    for (phase, first, second) in [
        ("event", fact("x", "p1", Kind::Captured, 2, None), fact("x", "p2", Kind::Captured, 2, None)),
        (
            "new payment",
            fact("x", "new", Kind::Captured, 2, None),
            fact("y", "new", Kind::Captured, 2, Some(("elsewhere", 1))),
        ),
        ("link", noted("x", "moving", 2, Some(("here", 1))), noted("y", "moving", 2, Some(("there", 0)))),
        (
            "new order",
            fact("x", "p1", Kind::Captured, 2, Some(("fresh", 1))),
            fact("y", "p2", Kind::Captured, 2, Some(("fresh", 1))),
        ),
        (
            "order",
            fact("x", "p1", Kind::Captured, 2, Some(("shared", 1))),
            fact("y", "p2", Kind::Captured, 2, Some(("shared", 1))),
        ),
        (
            "ended order",
            noted("x", "alone", 2, Some(("shared", 1))),
            fact("y", "p2", Kind::Captured, 2, Some(("alone", 1))),
        ),
    ] {
        let world = World::new(on).await;
        let mut session = world.store.session();
        let before = before();
        deliver(&mut session, &before.iter().collect::<Vec<_>>()).await;

        let late = session.load(&Wanted::of(&[&second])).await.unwrap();
        deliver(&mut session, &[&first]).await;
        let between = world.rows().await;
        let (_, changes) = decide(late, &[&second]);
        let answer = session.save(&changes).await;
        assert!(matches!(answer, Err(StoreError::Stale(_))), "{phase}: {answer:?}");
        assert_eq!(world.rows().await, between, "{phase}: a raced save leaves nothing");

        deliver(&mut session, &[&second]).await;
        let mut all = before;
        all.push(first);
        if phase != "event" {
            all.push(second);
        }
        assert_eq!(world.rows().await, Rows::expected(&all), "{phase}");
    }
}

async fn another_event_under_a_known_id_is_kept_aside(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    let (first, other) =
        (fact("e", "pay", Kind::Captured, 1, None), fact("e", "pay", Kind::Refunded, 1, None));
    deliver(&mut session, &[&first]).await;
    for _ in 0..2 {
        assert_eq!(deliver(&mut session, &[&other]).await[0].outcome, Outcome::Conflict);
    }
    assert_eq!(world.number("select count(*) from conflicts").await, 1);
    assert_eq!(world.rows().await, Rows::expected(&[first]));
}

async fn data_that_the_database_refuses_is_told_apart_and_the_session_lives_on(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    let good = fact("good", "pay", Kind::Captured, 1, None);
    let negative = stated("bad", "pay", (Kind::Refunded, "secret-reference", -5, Basis::Own), 1, None);
    let timeless = fact("timeless", "pay", Kind::Captured, 300_000_000_000, None);
    once(&mut session, &[&good]).await.unwrap();
    let epoch = world.store.epochs().now();
    for bad in [negative, timeless] {
        let answer = once(&mut session, &[&bad]).await;
        let Err(StoreError::Refused { message, .. }) = answer else { panic!("{answer:?}") };
        assert!(!message.contains("secret-reference"), "{message}");
    }
    assert_eq!(
        once(&mut session, &[&good]).await.unwrap()[0].outcome,
        Outcome::Applied,
        "our own save, again"
    );
    assert_eq!(world.store.epochs().now(), epoch);
    assert_eq!(world.rows().await, Rows::expected(&[good]));
}

async fn an_order_without_payments_has_no_row(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    let events = [
        fact("e1", "pay", Kind::Captured, 1, None),
        noted("e2", "pay", 2, Some(("cart", 5))),
        noted("e3", "pay", 3, Some(("order", 0))),
    ];
    for (event, order) in events.iter().zip(["pay", "cart", "order"]) {
        deliver(&mut session, &[event]).await;
        assert_eq!(world.texts("select order_id from orders").await, [order]);
    }
}

async fn duplicates_are_counted(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    let event = fact("e1", "pay", Kind::Captured, 1, None);
    deliver(&mut session, &[&event]).await;
    session.count_duplicates(&[(event.key().clone(), 3)]).await.unwrap();
    session.count_duplicates(&[(event.key().clone(), 4)]).await.unwrap();
    assert_eq!(world.number("select duplicates from events").await, 7);
}
