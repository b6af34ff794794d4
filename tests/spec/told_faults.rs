//! Told by webhooks, whatever goes wrong: with one order, one endpoint, the log, the process or the database.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::load::{nothing_acknowledged_is_lost, under_load};
use crate::receiver::{Receiver, Reply, SECRET};
use crate::servers::eventually;
use crate::told_endpoints::{endpoint, paid, telling, waits};
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// Changes while an endpoint is away, of how many orders, which are a page, and how much memory they may make a difference of.
const CHANGES_WHILE_AWAY: i64 = 1_000_000;
const ORDERS_CHANGED: i64 = 1_000;
const MEMORY_WHILE_AWAY: u64 = 1 << 20;
/// How many pages are looked at when it is back, and what they may take: two at once, of some 4 MB each, and not all.
const PAGES_READ: i64 = 40;
const MEMORY_OF_PAGES: u64 = 32 << 20;
/// What a cursor moves on by a page: its orders are in four rows of the log, of 256 places each.
const ENTRIES_OF_A_PAGE: i64 = 4 * 256;
/// Orders as a save writes them, and a change of each.
const ORDERS: &str = "
    insert into orders (order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost,
                        version, first_event_at, last_event_at)
    select 'o' || n, 'stripe', 'paid', 'USD', 0, 0, 1000, 0, 0, 0, nextval('order_version'), now(), now()
      from generate_series(1, {last}) n";
const ALL_CHANGE: &str = "update orders set version = nextval('order_version')";

/// Waits until the endpoint's cursor has come to the last change.
async fn all_is_noted(world: &World) {
    let last = world.database.number("select max(change) from order_changes").await;
    is_noted_up_to(world, last * 256).await;
}

async fn is_noted_up_to(world: &World, position: i64) {
    eventually("its cursor is there", async || {
        (endpoint(world).await["cursor"].as_i64()? >= position).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_order_is_told_again_as_soon_as_its_answer_has_come_and_then_as_it_is() {
    const ANSWERS_AFTER: Duration = Duration::from_secs(3);
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        receiver.answers(|told| {
            let is_slow = told["data"]["order"] == "slow";
            Reply::status(200).after(if is_slow { ANSWERS_AFTER } else { Duration::ZERO })
        });
        // Far longer than anything is awaited here.
        let world = telling(plan, &receiver).set("endpoints.shop.timeout_ms", "60000").start().await;
        world.send(&paid("slow")).await;
        receiver.hears_of("slow", 1).await;
        world.send(&payment("pi_of_slow").of_order("slow").refunded("re_1", 300)).await;
        // Others go on meanwhile, behind it in the log.
        for number in 0..5 {
            world.send(&paid(&format!("order-{number}"))).await;
            receiver.hears_of(&format!("order-{number}"), 1).await;
        }
        receiver.hears_of("slow", 2).await;

        let heard = receiver.heard();
        let of_slow: Vec<_> =
            heard.iter().filter(|heard| heard.announcements()[0]["data"]["order"] == "slow").collect();
        assert!(
            of_slow[1].at - of_slow[0].at >= ANSWERS_AFTER,
            "two at once: {:?}",
            of_slow[1].at - of_slow[0].at
        );
        assert_eq!(of_slow[1].announcements()[0]["data"]["refunded"], 300);
        eventually("nothing waits", async || waits(&world).await.is_empty().then_some(())).await;
        receiver.believes_what_is_true(&world).await;
    }
}

/// What was not answered in time is a failure of its order, whatever version: the schedule goes on from there.
#[tokio::test]
async fn an_order_whose_answer_did_not_come_in_time_is_told_again_by_the_schedule_and_as_it_is() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let receiver = Receiver::start().await;
    receiver.answers(|told| {
        let is_slow = told["type"] == "order.paid" && told["data"]["order"] == "slow";
        Reply::status(200).after(if is_slow { Duration::from_secs(600) } else { Duration::ZERO })
    });
    let plan = telling(Plan::postgres(), &receiver).set("endpoints.shop.retry_s", "[1]");
    let world = plan.set("endpoints.shop.timeout_ms", &TIMEOUT.as_millis().to_string()).start().await;
    world.send(&paid("slow")).await;
    receiver.hears_of("slow", 1).await;
    world.send(&payment("pi_of_slow").of_order("slow").refunded("re_1", 300)).await;
    world.send(&paid("order-1")).await;
    receiver.hears_of("slow", 2).await;

    let heard = receiver.heard();
    let of_slow: Vec<_> =
        heard.iter().filter(|heard| heard.announcements()[0]["data"]["order"] == "slow").collect();
    let between = of_slow[1].at - of_slow[0].at;
    assert!((TIMEOUT..2 * TIMEOUT).contains(&between), "{between:?}");
    receiver.believes_what_is_true(&world).await;
    eventually("nothing waits", async || waits(&world).await.is_empty().then_some(())).await;
}

/// The page after it is read while its answer is awaited, and has it, too.
#[tokio::test]
async fn an_order_that_is_refused_is_not_told_again_by_a_page_that_was_read_before() {
    let receiver = Receiver::start().await;
    receiver.answers(|told| match told["data"]["order"] == "order-9" {
        true => Reply::status(500).after(Duration::from_millis(200)),
        false => Reply::status(200),
    });
    let plan = telling(Plan::postgres(), &receiver).set("announce.page_orders", "10");
    let world = plan.set("endpoints.shop.retry_s", "[3600]").start().await;
    world.send(&paid("first")).await;
    receiver.hears_of("first", 1).await;
    all_is_noted(&world).await;
    // Whatever is on its way when an endpoint is resumed may be told again, so it is paused with nothing on its way.
    world.pause("shop").await;
    world.pay(0..10).await;
    world.send(&payment("pi_of_order-9").of_order("order-9").refunded("re_1", 300)).await;
    world.pay(10..30).await;
    world.resume("shop").await;
    receiver.hears_of("order-29", 1).await;
    all_is_noted(&world).await;
    assert_eq!(receiver.times("order-9"), 1);
    assert_eq!(waits(&world).await.len(), 1);
}

#[tokio::test]
async fn what_failed_is_told_again_as_it_is_then_and_not_as_it_was() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        receiver.answers(|_| Reply::status(503));
        let world = telling(plan, &receiver).start().await;
        world.send(&paid("order-1")).await;
        receiver.hears_of("order-1", 2).await;
        world.send(&payment("pi_of_order-1").of_order("order-1").refunded("re_1", 300)).await;
        receiver.answers(|_| Reply::status(200));

        receiver.believes_what_is_true(&world).await;
        let taken: Vec<Value> = receiver
            .heard()
            .iter()
            .filter(|heard| heard.status == 200)
            .map(|heard| heard.announcements()[0]["data"]["refunded"].clone())
            .collect();
        assert_eq!(taken, [300], "once, with the refund");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_away_holds_up_no_other() {
    let (receiver, away) = (Receiver::start().await, Receiver::away());
    let plan = telling(Plan::postgres(), &receiver)
        .set("endpoints.other.url", &format!("'{}'", away.url()))
        .set("endpoints.other.secrets", &format!("['{SECRET}']"));
    let world = plan.start().await;
    for number in 0..30 {
        world.send(&paid(&format!("order-{number}"))).await;
        receiver.hears_of(&format!("order-{number}"), 1).await;
    }
    let states = "select name, state, failures from endpoints order by name";
    eventually("the other one is left alone", async || {
        let rows = world.database.rows(states).await;
        (rows[0]["name"] == "other" && rows[0]["state"] == "open").then_some(())
    })
    .await;
    let rows = world.database.rows(states).await;
    assert_eq!((&rows[1]["state"], &rows[1]["failures"]), (&"closed".into(), &0.into()));
    receiver.believes_what_is_true(&world).await;
}

/// Whatever changes meanwhile, an endpoint that is away is a cursor and a page that is tried in vain.
#[tokio::test]
async fn an_endpoint_that_is_away_while_a_million_changes_come_costs_no_row_and_no_memory() {
    let receiver = Receiver::start().await;
    let plan = telling(Plan::postgres(), &receiver).set("announce.page_orders", &ORDERS_CHANGED.to_string());
    let plan = plan.set("endpoints.shop.batch_max", "100");
    // What is given back to the allocator is given back to the machine at once, so that what is left is in use.
    let world = plan.environment("MIMALLOC_PURGE_DELAY", "0").start().await;
    world.database.execute(&ORDERS.replace("{last}", &ORDERS_CHANGED.to_string())).await;
    receiver.believes_what_is_true(&world).await;
    // Of a batch whose answer is cut off while others are taken each order has a row, as it should.
    let last = "select max(change * 256 + cardinality(order_ids) - 1) from order_changes";
    is_noted_up_to(&world, world.database.number(last).await).await;
    // It was told, and is tried in vain: whatever a page takes was taken by now.
    receiver.goes_away();
    world.database.execute(ALL_CHANGE).await;
    is_tried_in_vain(&world).await;

    // What the process makes once for itself is not of the changes, and does not come again with the next million.
    let mut grown = u64::MAX;
    let (mut before, mut turns) = (0, 0);
    while grown >= MEMORY_WHILE_AWAY && turns < 3 {
        before = world.replicas[0].own_bytes();
        for _ in 0..CHANGES_WHILE_AWAY / ORDERS_CHANGED {
            world.database.execute(ALL_CHANGE).await;
        }
        is_tried_in_vain(&world).await;
        grown = world.replicas[0].own_bytes().saturating_sub(before);
        turns += 1;
    }
    assert!(grown < MEMORY_WHILE_AWAY, "{grown} bytes more, each time");
    assert_eq!(waits(&world).await, Vec::<Value>::new());
    let logged = world.database.number("select sum(cardinality(order_ids))::int8 from order_changes").await;
    assert!(logged >= CHANGES_WHILE_AWAY, "{logged}");

    // The first page tells each order as it is now. The pages behind it tell nothing, and are read one at a time.
    receiver.comes_back().await;
    world.resume("shop").await;
    receiver.believes_what_is_true(&world).await;
    let (first, told) = (endpoint(&world).await["cursor"].as_i64().unwrap(), receiver.heard().len());
    let mut most = 0;
    eventually("pages are read", async || {
        most = world.replicas[0].own_bytes().max(most);
        (endpoint(&world).await["cursor"].as_i64()? > first + PAGES_READ * ENTRIES_OF_A_PAGE).then_some(())
    })
    .await;
    assert!(most < before + MEMORY_OF_PAGES, "{before} bytes before, {most} when it is told again");
    assert_eq!(receiver.heard().len(), told);
    assert_eq!(waits(&world).await, Vec::<Value>::new());
}

/// Three times, until it is left alone again.
async fn is_tried_in_vain(world: &World) {
    for _ in 0..3 {
        world.resume("shop").await;
        eventually("it is left alone", async || (endpoint(world).await["state"] == "open").then_some(()))
            .await;
    }
}

#[tokio::test]
async fn an_endpoint_whose_changes_were_cleared_away_is_told_of_all_orders() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let receiver = Receiver::start().await;
        let world = telling(plan, &receiver).set("announce.page_orders", "10").start().await;
        world.pay(0..25).await;
        receiver.believes_what_is_true(&world).await;
        all_is_noted(&world).await;
        world.pause("shop").await;
        for number in 0..3 {
            let order = format!("order-{number}");
            let refund =
                payment(&format!("pi_of_{order}")).of_order(&order).refunded(&format!("re_{number}"), 100);
            assert_eq!(world.send(&refund).await.outcome(), "applied");
        }
        world.database.execute("delete from order_changes").await;
        world.send(&paid("last")).await;

        world.resume("shop").await;
        receiver.believes_what_is_true(&world).await;
    }
}

/// What was told after the backup is told again under the same numbers, with other content.
#[tokio::test]
async fn after_a_restore_a_new_epoch_tells_what_receivers_drop_without_it() {
    let receiver = Receiver::start().await;
    let mut world = telling(Plan::postgres().owning_servers(), &receiver).start().await;
    let orders = ["order-1", "order-2", "order-3"];
    for order in orders {
        world.deliver(&paid(order)).await;
    }
    receiver.believes_what_is_true(&world).await;
    let backup = backup(&mut world).await;
    let refund = |order: &str, amount| {
        let id = format!("re_{order}_{amount}");
        payment(&format!("pi_of_{order}")).of_order(order).refunded(&id, amount)
    };
    for order in ["order-2", "order-3", "order-1"] {
        world.deliver(&refund(order, 500)).await;
    }
    receiver.believes_what_is_true(&world).await;

    restore(&mut world, backup).await;
    // The first to draw a number again: one that is below what the receiver has of this order.
    world.deliver(&refund("order-1", 200)).await;
    let version = world.order("order-1").await.unwrap()["version"].clone();
    eventually("it is told of it", async || {
        let of_it = |told: &Value| told["data"]["order"] == "order-1" && told["data"]["version"] == version;
        receiver.announcements().iter().any(of_it).then_some(())
    })
    .await;
    let believed = receiver.table()[&("order-1".to_owned(), "stripe".to_owned())].clone();
    assert_eq!(believed["refunded"], 500, "dropped: not newer than what it was told before the restore");

    assert!(world.cli(&["announce", "new-epoch"]).await.status.success());
    receiver.believes_what_is_true(&world).await;
    assert!(receiver.table().values().all(|data| data["epoch"] == 2));
}

async fn backup(world: &mut World) -> PathBuf {
    let postgres = world.postgres.as_mut().unwrap();
    postgres.crash();
    let copy = postgres.copy_data();
    postgres.start_again().await;
    copy
}

/// While no server runs: one that does may remember how far it told.
async fn restore(world: &mut World, backup: PathBuf) {
    world.replicas[0].kill();
    let postgres = world.postgres.as_mut().unwrap();
    postgres.crash();
    postgres.replace_data(&backup);
    postgres.start_again().await;
    world.replicas[0].start_again().await;
}

#[tokio::test]
async fn changes_are_noted_or_not_from_one_moment_to_the_next_while_others_write() {
    let receiver = Receiver::start().await;
    let world = telling(Plan::postgres().replicas(2), &receiver).start().await;
    let deliveries = under_load(&world.replicas, async |traffic| {
        for switch in ["off", "on", "off", "on"] {
            traffic.goes_on_for(60).await;
            let switched = world.cli(&["announce", switch]).await;
            assert!(switched.status.success(), "{}", String::from_utf8_lossy(&switched.stderr));
        }
        traffic.goes_on_for(60).await;
    })
    .await;
    let refused = deliveries.iter().filter(|delivery| !delivery.is_acknowledged()).count();
    assert_eq!(refused, 0, "of {}", deliveries.len());
    nothing_acknowledged_is_lost(&world, &deliveries).await;
    // What changed while nothing was noted is told when all are.
    let all = ["announcements", "resend", "--all", "--endpoint", "shop"];
    let resent = world.cli(&all).await;
    assert!(resent.status.success(), "{}", String::from_utf8_lossy(&resent.stderr));
    receiver.believes_what_is_true(&world).await;
}

#[tokio::test]
async fn a_page_that_was_told_is_told_again_only_where_its_note_was_not_kept() {
    const PAGES: usize = 20;
    let receiver = Receiver::start().await;
    receiver.answers(|_| Reply::status(200).after(Duration::from_millis(20)));
    let world = telling(Plan::postgres(), &receiver).set("announce.page_orders", "10").start().await;
    world.send(&paid("first")).await;
    receiver.hears_of("first", 1).await;
    all_is_noted(&world).await;
    world.pause("shop").await;
    world.pay(0..PAGES * 10).await;
    let before = receiver.heard().len();
    world.resume("shop").await;
    eventually("half of it is told", async || (receiver.heard().len() >= before + PAGES * 5).then_some(()))
        .await;
    world.replicas[0].kill();
    let told_before = receiver.heard().len();
    world.replicas[0].start_again().await;

    receiver.believes_what_is_true(&world).await;
    all_is_noted(&world).await;
    let twice = receiver.heard().len() - before - PAGES * 10;
    assert!(twice <= 8 + 10, "{twice} were told twice, {told_before} were told before the crash");
}
