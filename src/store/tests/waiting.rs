//! What no event tells: money that waits and types that stop; and that the lists are read from indexes.

use super::world::{Hand, On, World, deliver, fact, id, refund_not_done, stated};
use crate::order::{Basis, Event, Kind, UnixMicros};
use crate::store::{OrderFilter, WaitingCount, WaitingLimits, WaitingSince, WaitsFor};

const DAY: i64 = 86_400;
const NOW: UnixMicros = UnixMicros(200 * DAY * 1_000_000);

/// Of each kind one that waits, one that does not any more, and one that has only just begun.
fn shop() -> Vec<Event> {
    let of = |order| Some((order, 0));
    vec![
        fact("a1", "held", Kind::Authorized, 100 * DAY, of("held")),
        fact("a2", "taken", Kind::Authorized, 100 * DAY, of("taken")),
        fact("a3", "taken", Kind::Captured, 101 * DAY, None),
        fact("a4", "fresh", Kind::Authorized, 199 * DAY, of("fresh")),
        // The order's first payment is old and was captured; its second was reserved yesterday.
        fact("a5", "old", Kind::Authorized, 100 * DAY, of("twice")),
        fact("a6", "old", Kind::Captured, 101 * DAY, None),
        fact("a7", "new", Kind::Authorized, 199 * DAY, of("twice")),
        fact("d1", "torn", Kind::Captured, 10 * DAY, of("torn")),
        stated("d2", "torn", (Kind::Disputed, "dp_1", 300, Basis::Own), 20 * DAY, None),
        stated("d3", "torn", (Kind::DisputeWon, "dp_1", 300, Basis::Own), 30 * DAY, None),
        stated("d4", "torn", (Kind::Disputed, "dp_2", 500, Basis::Own), 40 * DAY, None),
        fact("d5", "lost", Kind::Captured, 10 * DAY, of("lost")),
        stated("d6", "lost", (Kind::Disputed, "dp_3", 500, Basis::Own), 20 * DAY, None),
        stated("d7", "lost", (Kind::DisputeLost, "dp_3", 500, Basis::Own), 90 * DAY, None),
        fact("r1", "owed", Kind::Captured, 100 * DAY, of("owed")),
        // A running total counts a refund when it is asked for.
        stated("r2", "owed", (Kind::Refunded, "owed", 400, Basis::Total), 110 * DAY, None),
        refund_not_done("r3", "owed", None, 110 * DAY),
        fact("r4", "repaid", Kind::Captured, 100 * DAY, of("repaid")),
        refund_not_done("r5", "repaid", None, 110 * DAY),
        stated("r6", "repaid", (Kind::Refunded, "re_1", 400, Basis::Own), 112 * DAY, None),
        fact("r7", "failed", Kind::Captured, 100 * DAY, of("failed")),
        refund_not_done("r8", "failed", None, 110 * DAY),
        stated("r9", "failed", (Kind::RefundFailed, "re_2", 400, Basis::Own), 112 * DAY, None),
    ]
}

pub(super) async fn money_that_waits_is_found_by_what_it_waits_for_and_since_when(on: On) {
    let world = World::new(on).await;
    let events = shop();
    deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;

    let counts = world.store.waiting_money(&WaitingLimits::of_tests(), NOW).await.unwrap();
    let told: Vec<String> = counts.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "1 of shop wait for refund, owed since 1970-04-21",
            "1 of shop wait for authorization, held since 1970-04-11",
            "1 of shop wait for dispute, torn since 1970-02-10",
        ]
    );

    let listed = async |what, days: u64, after: Option<&str>| {
        let since = WaitingSince::longer_than(what, std::time::Duration::from_hours(24 * days), NOW);
        let filter = OrderFilter {
            waiting: Some(since),
            after: after.map(str::to_owned),
            limit: 10,
            ..OrderFilter::default()
        };
        let rows = world.store.orders(&filter).await.unwrap();
        rows.rows.into_iter().map(|row| row.order_id).collect::<Vec<_>>()
    };
    assert_eq!(listed(WaitsFor::Authorization, 0, None).await, ["fresh", "held", "twice"]);
    assert_eq!(listed(WaitsFor::Authorization, 0, Some("shop/fresh")).await, ["held", "twice"]);
    assert_eq!(listed(WaitsFor::Authorization, 6, None).await, ["held"]);
    assert_eq!(listed(WaitsFor::Dispute, 159, None).await, ["torn"], "since the dispute that is open");
    assert!(listed(WaitsFor::Dispute, 161, None).await.is_empty());
    assert_eq!(listed(WaitsFor::Refund, 1, None).await, ["owed"]);
}

pub(super) async fn a_refund_that_is_done_ends_the_waiting_of_no_other_refund_of_its_payment(on: On) {
    let world = World::new(on).await;
    let paid = |event, payment| fact(event, payment, Kind::Captured, 100 * DAY, Some((payment, 0)));
    let done = |event, payment, refund, at| {
        stated(event, payment, (Kind::Refunded, refund, 400, Basis::Own), at, None)
    };
    let events = [
        paid("e1", "one-of-two"),
        refund_not_done("e2", "one-of-two", Some("re_1"), 110 * DAY),
        refund_not_done("e3", "one-of-two", Some("re_2"), 111 * DAY),
        done("e4", "one-of-two", "re_1", 112 * DAY),
        paid("f1", "both"),
        refund_not_done("f2", "both", Some("re_3"), 110 * DAY),
        refund_not_done("f3", "both", Some("re_4"), 111 * DAY),
        done("f4", "both", "re_3", 112 * DAY),
        stated("f5", "both", (Kind::RefundFailed, "re_4", 400, Basis::Own), 113 * DAY, None),
        // Whoever does not name its refunds says of any of them that it is over.
        paid("g1", "unnamed"),
        refund_not_done("g2", "unnamed", None, 110 * DAY),
        done("g3", "unnamed", "re_5", 112 * DAY),
    ];
    deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;

    let counts = world.store.waiting_money(&WaitingLimits::of_tests(), NOW).await.unwrap();
    let told: Vec<String> = counts.iter().map(told).collect();
    assert_eq!(told, ["1 of shop wait for refund, one-of-two since 1970-04-22"]);
}

pub(super) async fn what_waits_and_is_claimed_by_nobody_is_listed_by_both(on: On) {
    let world = World::new(on).await;
    let disputed =
        |event, payment| stated(event, payment, (Kind::Disputed, "dp", 300, Basis::Own), 20 * DAY, None);
    let events = [
        fact("e1", "claimed", Kind::Captured, 10 * DAY, Some(("claimed", 0))),
        disputed("e2", "claimed"),
        fact("f1", "nobody-1", Kind::Captured, 10 * DAY, None),
        disputed("f2", "nobody-1"),
        fact("g1", "nobody-2", Kind::Captured, 10 * DAY, None),
        disputed("g2", "nobody-2"),
        fact("h1", "nobody-3", Kind::Captured, 10 * DAY, None),
    ];
    deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;

    let mut filter = OrderFilter {
        waiting: Some(WaitingSince { what: WaitsFor::Dispute, before: NOW }),
        unclaimed: true,
        limit: 1,
        ..OrderFilter::default()
    };
    let first = world.store.orders(&filter).await.unwrap();
    assert_eq!(first.rows[0].order_id, "nobody-1");
    filter.after = first.after;
    let last = world.store.orders(&filter).await.unwrap();
    assert_eq!(last.rows[0].order_id, "nobody-2");
    assert!(last.after.is_none());
}

fn told(count: &WaitingCount) -> String {
    let WaitingCount { source, waiting, orders, oldest, since } = count;
    format!("{orders} of {source} wait for {waiting}, {oldest} since {}", &since[..10])
}

/// Neither database may read all orders or all events for it: the plan names the index of what waits, and no whole table; and
/// the next page goes on by what was found, and not by a place among all orders.
pub(super) async fn money_that_waits_is_listed_without_reading_all_orders(on: On) {
    let world = World::new(on).await;
    let events = shop();
    deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;
    for (what, index) in [
        (WaitsFor::Refund, "events_refund_waiting"),
        (WaitsFor::Authorization, "orders_reserved"),
        (WaitsFor::Dispute, "orders_in_dispute"),
    ] {
        for after in [None, Some("shop/fresh".to_owned())] {
            let waiting = Some(WaitingSince { what, before: NOW });
            let plan =
                plan(&world, &OrderFilter { waiting, after: after.clone(), ..OrderFilter::default() }).await;
            assert!(plan.contains(index), "{what} is not found by {index}:\n{plan}");
            assert!(
                plan.contains("CTE waiting") || plan.contains("MATERIALIZE waiting"),
                "{what} is not found first:\n{plan}"
            );
            for whole in ["SCAN o\n", "SCAN e\n", "SCAN orders\n", "Seq Scan on orders", "Seq Scan on events"]
            {
                assert!(!format!("{plan}\n").contains(whole), "{what} reads a whole table:\n{plan}");
            }
            let mut steps = plan.lines().zip(plan.lines().skip(1));
            let is_sought = |(step, how): (&str, &str)| step.contains("orders_pkey") && how.contains("ROW(");
            assert!(!steps.any(is_sought), "{what} goes on by a place among all orders:\n{plan}");
        }
    }
}

/// How the database would answer a page of the list.
async fn plan(world: &World, filter: &OrderFilter) -> String {
    let clause = filter.clause().unwrap();
    let (passing, sequence) = (clause.passing(), clause.sequence());
    let list = format!("select orders.order_id {} order by {sequence} limit 50", passing.sql);
    match &world.hand {
        Hand::Postgres(own) => {
            let mut transaction = own.begin().await.unwrap();
            // With so few rows a whole table costs least, whatever there is to choose from.
            sqlx::query("set local enable_seqscan = off").execute(&mut *transaction).await.unwrap();
            let explain = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain {list}")));
            let explain = passing.values.iter().fold(explain, |explain, value| explain.bind(*value));
            let steps: Vec<String> = explain.fetch_all(&mut *transaction).await.unwrap();
            steps.join("\n")
        }
        Hand::Sqlite(own) => {
            let explain = sqlx::query_as(sqlx::AssertSqlSafe(format!("explain query plan {list}")));
            let explain = passing.values.iter().fold(explain, |explain, value| explain.bind(*value));
            let steps: Vec<(i64, i64, i64, String)> = explain.fetch_all(own).await.unwrap();
            steps.into_iter().map(|(_, _, _, step)| step).collect::<Vec<_>>().join("\n")
        }
    }
}

/// What arrived is read on from where it was read to, by the index of arrivals.
pub(super) async fn each_type_tells_when_it_was_last_heard_of(on: On) {
    let world = World::new(on).await;
    let shop = id("shop");
    let heard = async |now| {
        while world.store.note_arrivals(&shop, now).await.unwrap() {}
        let types = world.store.type_arrivals(Some("shop")).await.unwrap();
        types.into_iter().map(|own| format!("{} {}", own.type_name, own.last_received_at)).collect::<Vec<_>>()
    };
    let events: Vec<Event> = (0..3).map(|n| fact(&format!("e{n}"), "pay", Kind::Captured, n, None)).collect();
    deliver(&mut world.store.session(), &events.iter().collect::<Vec<_>>()).await;
    let at = |n: usize| events[n].evidence().received_at;
    let told = |n: usize| format!("test {}", crate::store::timestamp::rfc3339(at(n)).unwrap());
    let later = |by_s: i64| UnixMicros(at(2).0 + by_s * 1_000_000);

    assert!(heard(later(1)).await.is_empty(), "another webhook of that moment may still be saved");
    assert_eq!(heard(later(60)).await, [told(2)]);
    world.sql("update events set type = 'other' where event_id = 'e1'").await;
    assert_eq!(heard(later(60)).await, [told(2)], "what was read is not read again");
    world.sql("delete from type_arrivals").await;
    assert_eq!(heard(later(60)).await, [format!("other {}", &told(1)[5..]), told(2)]);
    assert!(world.store.type_arrivals(Some("nobody")).await.unwrap().is_empty());
    assert_eq!(world.store.type_arrivals(None).await.unwrap().len(), 2);
}
