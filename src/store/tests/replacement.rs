//! Stored events that are read again: what they say now takes the place of what they said, and nothing else changes.

use super::world::{On, Rows, World, clerk, deliver, fact, id, noted, stated};
use crate::intake::{Assignment, Replaced, assign, replace};
use crate::order::{About, Basis, Event, Key, Kind, Outcome, Standing, Statement, UnixMicros};
use crate::store::{By, EventFilter, OrderFilter, Role, StoredEvent};

/// `event` as an earlier version read it: the same id, bytes and arrival.
fn once_read_as(event: &Event, payment: Option<&str>, statement: Statement, claim: Option<&str>) -> Event {
    Event::new(
        event.key().clone(),
        (event.type_name().to_owned(), event.occurred_at()),
        About { payment: payment.map(id), account: None },
        statement,
        claim.map(|order| crate::order::Claim { order: id(order), rank: 0 }),
        event.evidence().clone(),
    )
}

fn parked(event: &Event, claim: Option<&str>) -> Event {
    let payment = event.payment().unwrap().as_str();
    once_read_as(event, Some(payment), Statement::Parked("amount is missing".to_owned()), claim)
}

async fn stored(world: &World, event: &Event) -> StoredEvent {
    let events = world.store.stored_events(&EventFilter::default()).await.unwrap().rows;
    events.into_iter().find(|stored| stored.key == *event.key()).unwrap()
}

async fn read_again(world: &World, was: &Event, now: &Event) -> Replaced {
    let stored = stored(world, was).await;
    replace(&mut world.store.session(), &stored, vec![now.clone()], Some(&clerk(None))).await.unwrap()
}

async fn is_clean(world: &World, events: &[Event]) {
    assert_eq!(world.rows().await, Rows::expected(events));
    assert_eq!(world.store.audit().await.unwrap().differences, []);
}

pub(super) async fn a_parked_event_that_can_be_read_now_is_applied(on: On) {
    let world = World::new(on).await;
    let mut session = world.store.session();
    let capture = fact("e1", "pay", Kind::Captured, 1, Some(("order", 1)));
    let refund = stated("e2", "pay", (Kind::Refunded, "re", 400, Basis::Own), 2, None);
    let was = parked(&refund, None);
    deliver(&mut session, &[&capture, &was]).await;
    session.count_duplicates(&[(was.key().clone(), 3)]).await.unwrap();

    let Replaced::Done { receipts, .. } = read_again(&world, &was, &refund).await else {
        panic!("not replaced")
    };

    assert_eq!(receipts[0].outcome, Outcome::Applied);
    assert_eq!(receipts[0].order, Some(id("order")));
    let now = stored(&world, &refund).await;
    assert_eq!((now.outcome, now.received_at), (Outcome::Applied, was.evidence().received_at));
    assert_eq!(now.payload, Some(was.evidence().body.clone()));
    assert_eq!(world.number("select duplicates from events where event_id = 'e2'").await, 3);
    is_clean(&world, &[capture, refund]).await;
}

pub(super) async fn what_a_stored_event_claimed_does_not_count_once_it_says_something_else(on: On) {
    let world = World::new(on).await;
    let refund = stated("e3", "pay", (Kind::Refunded, "re", 400, Basis::Own), 3, None);
    let was = parked(&refund, Some("wrong"));
    let events = [
        fact("e1", "pay", Kind::Captured, 1, Some(("right", 5))),
        fact("e2", "neighbour", Kind::Captured, 2, Some(("right", 1))),
        fact("e4", "stranger", Kind::Captured, 4, Some(("wrong", 1))),
    ];
    let mut session = world.store.session();
    deliver(&mut session, &[&events[0], &events[1], &events[2], &was]).await;
    assert_eq!(world.texts("select order_id from payments where payment_id = 'pay'").await, ["wrong"]);

    assert!(matches!(read_again(&world, &was, &refund).await, Replaced::Done { .. }));

    let [e1, e2, e4] = events;
    is_clean(&world, &[e1, e2, refund, e4]).await;
}

/// A mapping took the customer for the order: three payments of three orders became one order.
pub(super) async fn applied_events_of_a_wrong_mapping_end_as_if_it_had_been_right(on: On) {
    let world = World::new(on).await;
    let now: Vec<Event> = (0..3)
        .map(|n| fact(&format!("e{n}"), &format!("pay{n}"), Kind::Captured, n, Some((&format!("ord{n}"), 0))))
        .collect();
    let was: Vec<Event> = now
        .iter()
        .map(|event| {
            let payment = event.payment().unwrap().as_str();
            once_read_as(event, Some(payment), event.statement().clone(), Some("cus_1"))
        })
        .collect();
    deliver(&mut world.store.session(), &was.iter().collect::<Vec<_>>()).await;
    assert_eq!(world.texts("select order_id from orders").await, ["cus_1"]);

    for (was, now) in was.iter().zip(&now) {
        assert!(matches!(read_again(&world, was, now).await, Replaced::Done { .. }));
    }

    assert_eq!(world.texts("select order_id from orders order by 1").await, ["ord0", "ord1", "ord2"]);
    is_clean(&world, &now).await;
}

pub(super) async fn a_payment_and_an_order_go_with_the_last_event_that_told_of_them(on: On) {
    let world = World::new(on).await;
    let moved = fact("e1", "other", Kind::Captured, 1, None);
    let was = once_read_as(&moved, Some("pay"), Statement::Noted("moves no money".to_owned()), Some("order"));
    deliver(&mut world.store.session(), &[&was]).await;
    assert_eq!(world.texts("select order_id from orders").await, ["order"]);

    assert!(matches!(read_again(&world, &was, &moved).await, Replaced::Done { .. }));

    is_clean(&world, &[moved]).await;
    assert_eq!(world.texts("select payment_id from payments").await, ["other"]);
}

pub(super) async fn a_dead_event_takes_its_id_unless_another_has_it(on: On) {
    let world = World::new(on).await;
    let (now, taken) =
        (fact("e1", "pay", Kind::Captured, 1, None), fact("e2", "pay", Kind::Captured, 2, None));
    let dead = |event: &Event| {
        Event::dead(id("shop"), None, "body is unreadable".to_owned(), event.evidence().clone())
    };
    let impostor = fact("e2", "elsewhere", Kind::Captured, 2, None);
    let (was, was_taken) = (dead(&now), dead(&taken));
    deliver(&mut world.store.session(), &[&was, &was_taken, &impostor]).await;

    assert!(matches!(read_again(&world, &was, &now).await, Replaced::Done { .. }));
    let key = Key { id: id("e2"), source: id("shop") };
    assert_eq!(read_again(&world, &was_taken, &taken).await, Replaced::Taken(key));

    is_clean(&world, &[now, was_taken, impostor]).await;
}

pub(super) async fn an_event_that_says_the_same_is_left_alone_and_a_dry_run_writes_nothing(on: On) {
    let world = World::new(on).await;
    let same = noted("e1", "pay", 1, Some(("order", 1)));
    let now = fact("e2", "pay", Kind::Captured, 2, None);
    let was = parked(&now, None);
    let mut session = world.store.session();
    deliver(&mut session, &[&same, &was]).await;
    let versions = "select cast(version as text) from orders";
    let before = (world.rows().await, world.texts(versions).await);

    assert_eq!(read_again(&world, &same, &same).await, Replaced::Same);
    let stored = stored(&world, &was).await;
    let answer = replace(&mut session, &stored, vec![now], None).await.unwrap();

    assert!(matches!(answer, Replaced::Done { .. }), "{answer:?}");
    assert_eq!((world.rows().await, world.texts(versions).await), before);
    assert_eq!(world.number("select count(*) from events where outcome = 'parked'").await, 1);
}

pub(super) async fn an_event_that_another_replaced_meanwhile_is_not_replaced_twice(on: On) {
    let world = World::new(on).await;
    let now = fact("e1", "pay", Kind::Captured, 1, None);
    let was = parked(&now, None);
    deliver(&mut world.store.session(), &[&was]).await;
    let stored = stored(&world, &was).await;
    let mut session = world.store.session();
    assert!(matches!(
        replace(&mut session, &stored, vec![now.clone()], Some(&clerk(None))).await.unwrap(),
        Replaced::Done { .. }
    ));
    assert_eq!(
        replace(&mut session, &stored, vec![now.clone()], Some(&clerk(None))).await.unwrap(),
        Replaced::Gone
    );
    is_clean(&world, &[now]).await;
}

pub(super) async fn what_the_database_refuses_stays_as_it_was(on: On) {
    let world = World::new(on).await;
    let now = stated("e1", "pay", (Kind::Refunded, "re", -5, Basis::Own), 1, None);
    let was = parked(&now, Some("order"));
    let mut session = world.store.session();
    deliver(&mut session, &[&was]).await;
    let stored = stored(&world, &was).await;
    let answer = replace(&mut session, &stored, vec![now], Some(&clerk(None))).await.unwrap();
    assert!(matches!(answer, Replaced::Refused(_)), "{answer:?}");
    is_clean(&world, &[was]).await;
}

/// Lanes write the same orders while events are replaced; whoever is slower reads again.
#[tokio::test]
async fn replacing_beside_servers_ends_in_the_same_rows() {
    let world = World::new(On::Postgres).await;
    for seed in 0..12_i64 {
        let now: Vec<Event> = (0..4)
            .map(|n| {
                stated(
                    &format!("r{n}"),
                    "pay",
                    (Kind::Refunded, &format!("re{n}"), 10 + n, Basis::Own),
                    n,
                    None,
                )
            })
            .collect();
        let was: Vec<Event> = now.iter().map(|event| parked(event, Some("wrong"))).collect();
        deliver(&mut world.store.session(), &was.iter().collect::<Vec<_>>()).await;
        let arriving: Vec<Event> = (0..6)
            .map(|n| {
                let order = if (n + seed) % 2 == 0 { "right" } else { "wrong" };
                fact(
                    &format!("c{n}"),
                    if n < 3 { "pay" } else { "other" },
                    Kind::Captured,
                    n,
                    Some((order, 1)),
                )
            })
            .collect();

        let lane = async {
            let mut session = world.store.session();
            for event in &arriving {
                deliver(&mut session, &[event]).await;
            }
        };
        let operator = async {
            for (was, now) in was.iter().zip(&now) {
                assert!(matches!(read_again(&world, was, now).await, Replaced::Done { .. }));
            }
        };
        tokio::join!(lane, operator);

        is_clean(&world, &[now, arriving].concat()).await;
        world
            .sql("delete from events; delete from payments; delete from orders; delete from conflicts")
            .await;
    }
}

/// Assigns `pay`, with a clock that stands still: who comes last holds all the same.
async fn assigned(world: &World, order: &str) -> Option<crate::order::Link> {
    let payment = Key { id: id("pay"), source: id("shop") };
    let by = By::new("a clerk", Role::Shell, Some("told by phone"), UnixMicros(1)).unwrap();
    let assignment = Assignment { payment, order: id(order) };
    let done = assign(&mut world.store.session(), &assignment, &by).await.unwrap();
    done.map(|(_, link)| link)
}

pub(super) async fn a_payment_belongs_where_a_person_said_last_until_that_is_undone(on: On) {
    let world = World::new(on).await;
    assert_eq!(assigned(&world, "nowhere").await, None, "no such payment");
    let captured = fact("e1", "pay", Kind::Captured, 1, Some(("wrong", 0)));
    let beside = fact("e2", "other", Kind::Captured, 1, Some(("wrong", 0)));
    deliver(&mut world.store.session(), &[&captured, &beside]).await;
    for (order, stands, standing) in [
        ("right", "right", Standing::Assigned),
        ("righter", "righter", Standing::Assigned),
        ("pay", "wrong", Standing::Known),
        ("right", "right", Standing::Assigned),
    ] {
        let link = assigned(&world, order).await.unwrap();
        assert_eq!((link.order.as_str(), link.standing), (stands, standing));
        assert_eq!(world.store.audit().await.unwrap().differences, []);
    }
    let late = fact("e3", "pay", Kind::Captured, 9, Some(("wrong", -3)));
    deliver(&mut world.store.session(), &[&late]).await;
    assert_eq!(world.texts("select order_id from payments where payment_id = 'pay'").await, ["right"]);
    let read = world.store.stored_events(&EventFilter::default()).await.unwrap().rows;
    assert_eq!(read.len(), 3, "what a person said is not read again by a definition");
}

pub(super) async fn money_that_no_event_names_an_order_for_is_counted(on: On) {
    let world = World::new(on).await;
    let claimed = fact("e1", "pay1", Kind::Captured, 1, Some(("order", 0)));
    let unclaimed = fact("e2", "pay", Kind::Captured, 1, None);
    let reserved = fact("e3", "pay3", Kind::Authorized, 1, None);
    deliver(&mut world.store.session(), &[&claimed, &unclaimed, &reserved]).await;
    let listed = OrderFilter { unclaimed: true, limit: 10, ..OrderFilter::default() };
    let orders = world.store.orders(&listed).await.unwrap().rows;
    assert_eq!(orders.iter().map(|row| row.order_id.as_str()).collect::<Vec<_>>(), ["pay"]);
    assert_eq!(world.store.unclaimed().await.unwrap(), [("shop".to_owned(), 1)]);
    let now = crate::http::received_now();
    let later = UnixMicros(now.0 + 20 * 60 * 1_000_000);
    assert_eq!(world.store.counts(now).await.unwrap().unclaimed, 0, "its order may still be named");
    assert_eq!(world.store.counts(later).await.unwrap().unclaimed, 1);
    assigned(&world, "order").await.unwrap();
    assert_eq!(world.store.counts(later).await.unwrap().unclaimed, 0);
}
