//! What people see: rows, timelines, counts, audits, purges, views.

use super::world::On;
use super::world::{Rows, World, clerk, deliver, fact, id, stated};
use crate::order::{About, Anomaly, Basis, Event, Kind, Outcome, Statement, UnixMicros, decide};
use crate::store::{AnomalyFilter, EventFilter, OrderFilter, Purged, Wanted};

pub(super) async fn shop(on: On) -> (World, Vec<Event>) {
    let world = World::new(on).await;
    let parked = Event::new(
        crate::order::Key { id: id("e6"), source: id("shop") },
        ("odd".to_owned(), UnixMicros(6_000_000)),
        About::default(),
        Statement::Parked("payment is missing".to_owned()),
        None,
        super::world::evidence("{}".to_owned()),
    );
    let events = vec![
        fact("e1", "pay1", Kind::Captured, 1, Some(("order1", 1))),
        stated("e2", "pay1", (Kind::Refunded, "re1", 400, Basis::Own), 2, None),
        fact("e3", "pay2", Kind::Captured, 3, Some(("order2", 1))),
        stated("e4", "pay2", (Kind::Refunded, "re2", 1500, Basis::Own), 4, None),
        fact("e5", "pay3", Kind::Authorized, 5, None),
        parked,
    ];
    deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;
    (world, events)
}

pub(super) async fn orders_are_paged_and_filtered(on: On) {
    let (world, _) = shop(on).await;
    let ids = async |filter: OrderFilter| {
        let rows = world.store.orders(&filter).await.unwrap().rows;
        rows.into_iter().map(|row| row.order_id).collect::<Vec<_>>()
    };
    let all = OrderFilter { limit: 100, ..OrderFilter::default() };
    assert_eq!(ids(all.clone()).await, ["order1", "order2", "pay3"]);
    assert_eq!(ids(OrderFilter { anomaly: Some(AnomalyFilter::Any), ..all.clone() }).await, ["order2"]);
    assert_eq!(
        ids(OrderFilter { anomaly: Some(AnomalyFilter::None), ..all.clone() }).await,
        ["order1", "pay3"]
    );
    let of = |anomaly| OrderFilter { anomaly: Some(AnomalyFilter::Of(anomaly)), ..all.clone() };
    assert_eq!(ids(of(Anomaly::RefundExceedsCapture)).await, ["order2"]);
    assert!(ids(of(Anomaly::OrderMismatch)).await.is_empty());
    assert_eq!(ids(OrderFilter { status: Some("authorized".into()), ..all.clone() }).await, ["pay3"]);
    assert_eq!(ids(OrderFilter { id: Some("order1".into()), ..all.clone() }).await, ["order1"]);
    assert_eq!(ids(OrderFilter { limit: 1, ..all.clone() }).await, ["order1"]);
    assert_eq!(
        ids(OrderFilter { after: Some("shop/order1".into()), ..all.clone() }).await,
        ["order2", "pay3"]
    );
    assert!(ids(OrderFilter { source: Some("other".into()), ..all }).await.is_empty());

    let row =
        world.store.orders(&OrderFilter { limit: 1, ..OrderFilter::default() }).await.unwrap().rows.remove(0);
    assert_eq!((row.captured, row.refunded, row.status.as_str()), (1000, 400, "partially_refunded"));
    assert_eq!(row.first_event_at, "1970-01-01T00:00:01.000000Z");
    assert!(row.updated_at.ends_with('Z') && row.updated_at.len() == 27, "{}", row.updated_at);
}

pub(super) async fn a_timeline_shows_every_event_of_an_order(on: On) {
    let (world, events) = shop(on).await;
    let timeline = world.store.timeline(&events[0].key().sibling(&id("order1"))).await.unwrap();
    assert_eq!(timeline.iter().map(|row| row.event_id.as_str()).collect::<Vec<_>>(), ["e1", "e2"]);
    let row = &timeline[0];
    assert_eq!(row.outcome, "applied");
    assert_eq!(row.headers, serde_json::json!({"x-test": "1"}));
    assert_eq!(row.body_sha256, hex::encode(events[0].evidence().body_sha256));
    assert_eq!(row.payload_bytes, Some(events[0].evidence().body.len() as i64));
    assert_eq!((row.order_claim.as_deref(), row.claim_rank), (Some("order1"), Some(1)));
    assert_eq!(world.store.raw(events[0].key()).await.unwrap(), Some(events[0].evidence().body.clone()));
}

pub(super) async fn events_are_paged_and_filtered(on: On) {
    let (world, _) = shop(on).await;
    let ids = async |filter: EventFilter| {
        let rows = world.store.events(&EventFilter { limit: 100, ..filter }).await.unwrap().rows;
        rows.into_iter().map(|row| row.event_id).collect::<Vec<_>>()
    };
    let all = EventFilter::default();
    assert_eq!(ids(all.clone()).await.len(), 6);
    assert_eq!(ids(EventFilter { outcome: Some("parked".into()), ..all.clone() }).await, ["e6"]);
    assert_eq!(ids(EventFilter { type_name: Some("odd".into()), ..all.clone() }).await, ["e6"]);
    assert_eq!(ids(EventFilter { order: Some("order2".into()), ..all.clone() }).await, ["e3", "e4"]);
    assert_eq!(ids(EventFilter { payment: Some("pay3".into()), ..all.clone() }).await, ["e5"]);
    assert_eq!(ids(EventFilter { id: Some("e1".into()), ..all.clone() }).await, ["e1"]);
    assert_eq!(ids(EventFilter { after: Some("shop/e4".into()), ..all }).await, ["e5", "e6"]);
}

pub(super) async fn what_needs_a_person_is_counted(on: On) {
    let (world, _) = shop(on).await;
    let counts = world.store.counts(crate::http::received_now()).await.unwrap();
    assert_eq!((counts.anomalies, counts.parked, counts.dead, counts.conflicts), (1, 1, 0, 0));
    assert_eq!(world.texts("select event_id from v_failures").await, ["e6"]);
}

pub(super) async fn an_audit_finds_every_wrong_row_and_repairs_it(on: On) {
    let (world, events) = shop(on).await;
    let audit = world.store.audit().await.unwrap();
    assert_eq!(audit.differences, []);
    assert_eq!((audit.orders, audit.payments, audit.events, audit.unverifiable), (3, 3, 6, 0));

    for damage in [
        "update orders set anomalies = '[]', reserved = 1, lost = 1 where order_id = 'order2'",
        "update orders set captured = captured + 1, status = 'failed' where order_id = 'order1'",
        "delete from orders where order_id = 'order2'",
        "delete from payments where payment_id = 'pay1'",
        "update payments set order_id = 'order2', link = 'known' where payment_id = 'pay3'",
        "insert into payments (payment_id, source, order_id, link) values ('ghost', 'shop', 'order1', 'known')",
        "insert into orders (order_id, source, status, authorized, reserved, captured, refunded, disputed, lost, version, first_event_at, last_event_at)
         select 'ghost', source, status, 0, 0, 0, 0, 0, 0, 1, first_event_at, last_event_at from orders where order_id = 'order1'",
        "delete from payments; delete from orders",
    ] {
        world.sql(damage).await;
        let audit = world.store.repair(&clerk(None)).await.unwrap();
        assert!(!audit.differences.is_empty(), "{damage}");
        assert_eq!(world.store.audit().await.unwrap().differences, [], "{damage}");
        assert_eq!(world.rows().await, Rows::expected(&events), "{damage}");
    }
}

pub(super) async fn a_purge_clears_bodies_and_keeps_what_tells_duplicates(on: On) {
    let (world, events) = shop(on).await;
    let later = UnixMicros(events[4].evidence().received_at.0 + 1);
    let nothing = world.store.purge_payloads(UnixMicros(0), &clerk(None)).await.unwrap();
    assert_eq!(nothing, Purged { payloads: 0, spared: 0 });
    let needing = world.store.counts(crate::http::received_now()).await.unwrap();
    let spared = (needing.parked + needing.dead + 2 * needing.conflicts).unsigned_abs();
    assert!(spared > 0, "something of the shop needs a person");
    let expected = Purged { payloads: 6 - spared, spared };
    assert_eq!(world.store.count_payloads(later).await.unwrap(), expected);
    assert_eq!(world.store.purge_payloads(later, &clerk(None)).await.unwrap(), expected);
    for event in &events {
        world.store.acknowledge_event(event.key(), None, &clerk(None)).await.unwrap();
    }
    let settled = Purged { payloads: spared, spared: 0 };
    assert_eq!(
        world.store.purge_payloads(later, &clerk(None)).await.unwrap(),
        settled,
        "what is settled may go"
    );
    if let On::Postgres = on {
        let known = "select (null_frac > 0)::int::int8 from pg_stats where tablename = 'events' and attname = 'payload'";
        assert_eq!(world.number(known).await, 1, "else lists sort all that was purged");
    }
    assert_eq!(world.store.raw(events[0].key()).await.unwrap(), None);
    assert_eq!(world.store.audit().await.unwrap().unverifiable, 6);
    let again = fact("e1", "pay1", Kind::Captured, 1, Some(("order1", 1)));
    let receipts = deliver(&mut world.store.session(), &[&again]).await;
    assert_eq!(receipts[0].outcome, Outcome::Duplicate);
}

pub(super) async fn a_purged_body_is_kept_again_and_only_the_bytes_that_it_was(on: On) {
    let (world, events) = shop(on).await;
    let mut session = world.store.session();
    let event = &events[0];
    assert_eq!(
        session.stored(event.key()).await.unwrap().unwrap().payload,
        Some(event.evidence().body.clone())
    );
    let later = UnixMicros(events[4].evidence().received_at.0 + 1);
    world.store.purge_payloads(later, &clerk(None)).await.unwrap();
    assert_eq!(session.stored(event.key()).await.unwrap().unwrap().payload, None);

    let again = fact("e1", "pay1", Kind::Captured, 1, Some(("order1", 1)));
    let other = fact("e1", "pay1", Kind::Refunded, 1, Some(("order1", 1)));
    for (came, is_kept) in [(&other, false), (&again, true)] {
        let snapshot = session.load(&Wanted::of(&[came])).await.unwrap();
        let (_, changes) = decide(snapshot, &[came]);
        assert_eq!(changes.purged.len(), usize::from(is_kept));
        session.restore_body(came).await.unwrap();
        let kept = is_kept.then(|| event.evidence().body.clone());
        assert_eq!(world.store.raw(event.key()).await.unwrap(), kept);
    }
    let (_, changes) = decide(session.load(&Wanted::of(&[&again])).await.unwrap(), &[&again]);
    assert!(changes.purged.is_empty(), "it is there");
}

pub(super) async fn views_show_amounts_in_the_currency_s_decimals(on: On) {
    let (world, _) = shop(on).await;
    let shown =
        "select order_id || ' ' || captured || ' ' || refunded || ' ' || payments from v_orders order by 1";
    assert_eq!(world.texts(shown).await, ["order1 10.00 4.00 1", "order2 10.00 15.00 1", "pay3 0.00 0.00 1"]);
    for (code, amount) in [
        ("JPY", 500),
        ("KWD", 1),
        ("USD", 5),
        ("CLF", 12_345),
        ("BTC", 12_345),
        ("USDC", 1),
        ("ETH", 7),
        ("EUR", i64::MAX),
    ] {
        let currency = crate::order::Currency::new(code).unwrap();
        world
            .sql(&format!(
                "update orders set currency = '{code}', captured = {amount} where order_id = 'order1'"
            ))
            .await;
        let shown = world.texts("select captured from v_orders where order_id = 'order1'").await;
        assert_eq!(shown, [crate::order::display_amount(amount, currency)]);
    }
    let entries = "select kind || ' ' || reference || ' ' || amount || ' ' || events from v_entries
                    where order_id = 'order1' order by 1";
    assert_eq!(world.texts(entries).await, ["captured pay1 10.00 1", "refunded re1 4.00 1"]);
    let events = "select event_id || ' ' || order_id || ' ' || amount from v_events where event_id = 'e2'";
    assert_eq!(world.texts(events).await, ["e2 order1 4.00"]);
}

pub(super) async fn a_failure_that_a_person_settled_is_not_counted_until_there_is_another(on: On) {
    let (world, events) = shop(on).await;
    let (parked, sound) = (events[5].key(), events[0].key());
    let row = async |id: &str| {
        let filter = EventFilter { id: Some(id.to_owned()), limit: 1, ..EventFilter::default() };
        world.store.events(&filter).await.unwrap().rows.remove(0)
    };
    assert!(row("e6").await.needs_a_person && !row("e1").await.needs_a_person);

    assert_eq!(world.store.acknowledge_event(parked, None, &clerk(Some("paid in cash"))).await.unwrap(), 1);
    assert_eq!(world.store.counts(crate::http::received_now()).await.unwrap().parked, 0);
    assert!(!row("e6").await.needs_a_person);
    assert_eq!(row("e6").await.outcome, "parked", "the evidence stays");
    let kept = world.store.event_acknowledgements(parked).await.unwrap();
    assert_eq!((kept[0].outcome.as_str(), kept[0].note.as_deref()), ("parked", Some("paid in cash")));
    assert_eq!(world.texts("select note from v_failures").await, ["paid in cash"]);
    assert_eq!(
        world.store.acknowledge_event(sound, None, &clerk(None)).await.unwrap(),
        0,
        "there is nothing to settle"
    );

    // The same body, dead this time, is another matter; and so is each body in conflict.
    world.sql("update events set outcome = 'dead' where event_id = 'e6'").await;
    assert_eq!(world.store.counts(crate::http::received_now()).await.unwrap().dead, 1);
    let other = fact("e1", "pay1", Kind::Captured, 2, Some(("order1", 1)));
    assert_eq!(deliver(&mut world.store.session(), &[&other]).await[0].outcome, Outcome::Conflict);
    assert_eq!((row("e1").await.conflicts, row("e1").await.needs_a_person), (1, true));
    let conflicting = EventFilter { outcome: Some("conflict".into()), limit: 9, ..EventFilter::default() };
    assert_eq!(world.store.events(&conflicting).await.unwrap().rows.len(), 1);
    assert_eq!(world.store.acknowledge_event(sound, None, &clerk(None)).await.unwrap(), 1);
    assert_eq!(world.store.counts(crate::http::received_now()).await.unwrap().conflicts, 0);
    let third = fact("e1", "pay1", Kind::Captured, 3, Some(("order1", 1)));
    deliver(&mut world.store.session(), &[&third]).await;
    assert_eq!(
        world.store.counts(crate::http::received_now()).await.unwrap().conflicts,
        1,
        "another body counts"
    );
}

pub(super) async fn an_anomaly_that_a_person_settled_is_not_counted_until_there_is_another(on: On) {
    let (world, events) = shop(on).await;
    let order = events[2].key().sibling(&id("order2"));
    let settled = world.store.acknowledge(&order, &clerk(Some("refunded on purpose"))).await.unwrap();
    assert_eq!(settled, ["refund_exceeds_capture"]);
    assert_eq!(world.store.counts(crate::http::received_now()).await.unwrap().anomalies, 0);
    assert_eq!(
        world.store.acknowledge(&order, &clerk(None)).await.unwrap(),
        settled,
        "settled twice is settled"
    );
    let rows = world.store.acknowledgements(Some(&order)).await.unwrap();
    assert_eq!((rows.len(), rows[0].note.as_deref()), (1, None));
    assert_eq!(rows, world.store.acknowledgements(None).await.unwrap());
    let sound = events[0].key().sibling(&id("order1"));
    assert_eq!(world.store.acknowledge(&sound, &clerk(None)).await.unwrap(), [""; 0]);

    let again = stated("e7", "pay2", (Kind::Refunded, "re3", 10, Basis::Own), 7, None);
    deliver(&mut world.store.session(), &[&again]).await;
    assert_eq!(
        world.store.counts(crate::http::received_now()).await.unwrap().anomalies,
        1,
        "other sums count again"
    );
    assert_eq!(world.store.anomalies().await.unwrap(), [("refund_exceeds_capture".to_owned(), 1)]);
    world.store.acknowledge(&order, &clerk(None)).await.unwrap();
    assert_eq!(world.store.acknowledgements(Some(&order)).await.unwrap().len(), 2, "each with its sums");
}

/// An event, and two other bodies that came under its id.
async fn two_conflicts(on: On) -> (World, [Event; 3]) {
    let world = World::new(on).await;
    let events = [1, 2, 3].map(|at| fact("e1", "pay1", Kind::Captured, at, Some(("order1", 1))));
    for event in &events {
        deliver(&mut world.store.session(), &[event]).await;
    }
    (world, events)
}

pub(super) async fn each_body_in_conflict_is_settled_by_itself(on: On) {
    let (world, [event, second, third]) = two_conflicts(on).await;
    let conflicts = async || world.store.counts(crate::http::received_now()).await.unwrap().conflicts;
    for (body, left) in [(&second, 1), (&third, 0)] {
        let (body, by) = (&body.evidence().body_sha256, clerk(None));
        assert_eq!(world.store.acknowledge_event(event.key(), Some(body), &by).await.unwrap(), 1);
        assert_eq!(conflicts().await, left);
    }
}

pub(super) async fn a_purge_spares_bodies_in_conflict_until_they_are_settled_and_then_leaves_none(on: On) {
    let (world, events) = two_conflicts(on).await;
    let later = UnixMicros(events.iter().map(|event| event.evidence().received_at.0).max().unwrap() + 1);
    let purge = async || world.store.purge_payloads(later, &clerk(None)).await.unwrap();
    assert_eq!(purge().await, Purged { payloads: 0, spared: 3 });
    world.store.acknowledge_event(events[0].key(), None, &clerk(None)).await.unwrap();
    assert_eq!(purge().await, Purged { payloads: 3, spared: 0 });
    assert_eq!(world.store.raw(events[0].key()).await.unwrap(), None);
}

pub(super) async fn an_event_of_which_nobody_noted_who_read_it_is_read_again(on: On) {
    let (world, _) = shop(on).await;
    world.sql("update events set read_by = null where event_id = 'e1'").await;
    let unread = EventFilter { unread: vec![("shop".to_owned(), 1)], ..EventFilter::default() };
    let found = world.store.stored_events(&unread).await.unwrap();
    assert_eq!(found.rows.iter().map(|stored| stored.key.id.as_str()).collect::<Vec<_>>(), ["e1"]);
}

/// Where the server was built with lz4: pglz costs more than the rest of an insert.
#[tokio::test]
async fn bodies_of_some_kilobytes_are_compressed_by_lz4_where_the_server_has_it() {
    let world = World::new(On::Postgres).await;
    let has =
        "select (enumvals @> '{lz4}')::int::int8 from pg_settings where name = 'default_toast_compression'";
    if world.number(has).await == 0 {
        eprintln!("SKIPPED: this Postgres was built without lz4, so nothing is compressed by it");
        return;
    }
    let event = Event::new(
        crate::order::Key { id: id("large"), source: id("shop") },
        ("test".to_owned(), UnixMicros(1)),
        About::default(),
        Statement::Noted("large".to_owned()),
        None,
        super::world::evidence(format!("{{\"lines\": [{}]}}", "\"a line of an order\", ".repeat(400))),
    );
    deliver(&mut world.store.session(), &[&event]).await;
    let compressed = "select coalesce(pg_column_compression(payload), 'not') || ' ' || (pg_column_size(payload) < 4000)::text
                        from events";
    assert_eq!(world.texts(compressed).await, ["lz4 true"]);
    assert_eq!(world.store.raw(event.key()).await.unwrap(), Some(event.evidence().body.clone()));
}
