//! Lists: of however many rows, a part of one looks at few.

use super::inspection::shop;
use super::world::{On, World, id};
use crate::store::{
    AnomalyFilter, EventFilter, FAILURES_MAX, FindingFilter, LOOKED_AT_MAX, List, OrderFilter, Recent,
    RecentFilter, SettlementFilter, StoreError,
};

/// So many that a part ends twice before the last of them, in which something else is.
const ROWS: u32 = 2 * LOOKED_AT_MAX + 100;

async fn fill(world: &World) {
    let numbers =
        format!("with recursive n (i) as (select 1 union all select i + 1 from n where i < {ROWS})");
    let (id, last) = ("'row-' || cast(100000 + i as text)", format!("i = {ROWS}"));
    for insert in [
        format!(
            "{numbers} insert into orders (order_id, source, status, authorized, reserved, captured, refunded, disputed, lost, version,
                                           first_event_at, last_event_at)
             select {id}, source, case when {last} then 'disputed' else 'paid' end, 0, 0, 1, 0, 0, 0, 1, first_event_at, last_event_at
               from n cross join orders where order_id = 'order1'"
        ),
        format!(
            "{numbers} insert into payments (payment_id, source, order_id, link)
             select order_id, source, order_id, 'provisional' from n cross join orders where order_id = {id}"
        ),
        format!(
            "{numbers} insert into events (event_id, source, type, outcome, occurred_at, received_at, facts_sha256, body_sha256)
             select {id}, source, case when {last} then 'rare' else 'usual' end, 'noted', occurred_at, received_at, facts_sha256, body_sha256
               from n cross join events where event_id = 'e1'"
        ),
        format!(
            "{numbers} insert into settlements (order_id, ledger, revision, currency, settlement)
             select {id}, 'shop', 1, 'USD', case when {last} then 'overpaid' else 'settled' end from n"
        ),
        format!(
            "{numbers} insert into findings (reference, source, kind, finding, detail, first_seen, last_seen)
             select {id}, 'shop', 'captured', case when {last} then 'amount_differs' else 'missing_here' end, '{{}}',
                    last_event_at, last_event_at
               from n cross join orders where order_id = 'order1'"
        ),
    ] {
        world.sql(&insert).await;
    }
}

/// How many rows each part of a list has, whether it was cut, and that none is behind its end.
async fn parts<T>(read: impl AsyncFn(Option<String>) -> Result<List<T>, StoreError>) -> Vec<(usize, bool)> {
    let (mut parts, mut after) = (Vec::new(), None);
    loop {
        let list = read(after).await.unwrap();
        parts.push((list.rows.len(), list.is_cut));
        after = list.after;
        if after.is_none() {
            return parts;
        }
    }
}

pub(super) async fn a_filtered_list_looks_at_a_bounded_number_of_rows_and_misses_none(on: On) {
    let (world, _) = shop(on).await;
    fill(&world).await;
    let store = &world.store;
    let twice_cut = [(0, true), (0, true), (1, false)];

    let orders = OrderFilter { status: Some("disputed".into()), limit: 50, ..OrderFilter::default() };
    let read = async |after| store.orders(&OrderFilter { after, ..orders.clone() }).await;
    assert_eq!(parts(read).await, twice_cut);
    let events = EventFilter { type_name: Some("rare".into()), limit: 50, ..EventFilter::default() };
    let read = async |after| store.events(&EventFilter { after, ..events.clone() }).await;
    assert_eq!(parts(read).await, twice_cut);
    let read = async |after| store.stored_events(&EventFilter { after, ..events.clone() }).await;
    assert_eq!(parts(read).await, twice_cut);
    let settlements =
        SettlementFilter { settlement: Some("overpaid".into()), limit: 50, ..SettlementFilter::default() };
    let read = async |after| store.settlements(&SettlementFilter { after, ..settlements.clone() }).await;
    assert_eq!(parts(read).await, twice_cut);
    let findings =
        FindingFilter { finding: Some("amount_differs".into()), limit: 50, ..FindingFilter::default() };
    let read = async |after| store.findings(&FindingFilter { after, ..findings.clone() }).await;
    assert_eq!(parts(read).await, twice_cut);

    // By arrival all of them came in one moment.
    let sources = vec![id("shop")];
    let mut recent =
        RecentFilter { sources, type_name: Some("rare".into()), limit: 50, ..RecentFilter::default() };
    let mut found = Vec::new();
    loop {
        let Recent { events, looked_to } = store.recent_events(&recent).await.unwrap();
        found.push(events.len());
        recent.before = looked_to;
        if recent.before.is_none() {
            break;
        }
    }
    assert_eq!(found, [1, 0, 0], "ids come down");

    // What an index finds is not looked for, and a part that is full is not cut.
    let of_one = OrderFilter { id: Some("order1".into()), ..orders.clone() };
    assert!(!store.orders(&of_one).await.unwrap().is_cut);
    let anomalous = OrderFilter { anomaly: Some(AnomalyFilter::Any), limit: 50, ..OrderFilter::default() };
    let read = async |after| store.orders(&OrderFilter { after, ..anomalous.clone() }).await;
    assert_eq!(parts(read).await, [(1, false)]);
    let unclaimed = OrderFilter { unclaimed: true, limit: 1000, ..OrderFilter::default() };
    let read = async |after| store.orders(&OrderFilter { after, ..unclaimed.clone() }).await;
    let read = parts(read).await;
    assert_eq!(read.iter().map(|(rows, _)| rows).sum::<usize>(), ROWS as usize, "each once");
    assert!(read.iter().all(|(_, is_cut)| !is_cut), "{read:?}");
}

pub(super) async fn however_many_events_are_parked_what_is_in_conflict_is_told(on: On) {
    let (world, _) = shop(on).await;
    let many = FAILURES_MAX + 100;
    let parked = format!(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < {many})
         insert into events (event_id, source, type, outcome, reason, occurred_at, received_at, facts_sha256, body_sha256)
         select 'parked-' || cast(100000 + i as text), source, 'odd', 'parked', 'why', occurred_at, received_at, facts_sha256, body_sha256
           from n cross join events where event_id = 'e1'"
    );
    world.sql(&parked).await;
    let conflict = "insert into conflicts (event_id, source, body_sha256, received_at)
                    select event_id, source, facts_sha256, received_at from events where event_id = 'e1'";
    world.sql(conflict).await;

    let causes = world.store.failure_causes().await.unwrap();
    let of =
        |outcome: &str| causes.iter().filter(|own| own.outcome == outcome).map(|own| own.events).sum::<i64>();
    assert_eq!((of("parked"), of("conflict")), (i64::from(FAILURES_MAX), 1));
}
