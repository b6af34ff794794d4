//! Told in pages: who catches up asks for page after page, the next of which is read while one is dealt with, and ends with what is
//! true.

use std::time::Duration;

use sqlx::Executor;
use tokio::time::sleep;

use crate::told::{Application, connection};
use crate::world::{Plan, World};

/// As many as are read ahead at least.
const LIMIT: usize = 500;

#[tokio::test]
async fn who_asks_page_after_page_while_orders_change_ends_with_what_is_true() {
    let world = with_orders(4 * LIMIT).await;
    let mut application = Application::default();

    // What is changed between two pages is of the page behind, which may have been read by then, and of one that was told.
    for page in 0..3 {
        assert!(application.ask(&world, LIMIT).await, "there is more");
        for number in [page * LIMIT + 1, (page + 1) * LIMIT + 7] {
            world.database.execute(&capture(number)).await;
        }
    }
    application.ask_until_the_end(&world, LIMIT).await;

    application.believes_what_is_true(&world).await;
    assert!(application.told >= 4 * LIMIT, "{} were told", application.told);
    assert!(application.told <= 4 * LIMIT + 6, "{} were told", application.told);
}

#[tokio::test]
async fn a_page_that_was_read_more_than_a_second_before_it_is_asked_for_is_read_again() {
    let world = with_orders(2 * LIMIT).await;
    let (mut application, changed) = (Application::default(), LIMIT + 7);
    let mut connection = connection(&world).await;
    // Not yet visible while the page behind is read, and not noted: nobody waits for it, and it is told at its place alone.
    connection.execute("begin; set local session_replication_role = replica").await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(capture(changed))).await.unwrap();
    application.ask(&world, LIMIT).await;

    // The time itself is what is promised.
    sleep(Duration::from_millis(1_100)).await;
    connection.execute("commit").await.unwrap();
    application.ask(&world, LIMIT).await;

    let (_, _, told) = &application.orders[&(name(changed), "stripe".to_owned())];
    assert_eq!(told["captured"], 1);
}

fn name(number: usize) -> String {
    format!("order-{number:06}")
}

/// A server that notes changes, and so many orders that changed.
async fn with_orders(count: usize) -> World {
    let world = Plan::postgres().set("announce.enabled", "true").start().await;
    let insert = format!(
        "insert into orders (order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost, version,
                             first_event_at, last_event_at)
         select 'order-' || lpad(n::text, 6, '0'), 'stripe', 'pending', 'USD', 0, 0, 0, 0, 0, 0, nextval('order_version'), now(), now()
           from generate_series(1, {count}) n"
    );
    world.database.execute(&insert).await;
    world
}

fn capture(number: usize) -> String {
    let order = name(number);
    format!(
        "update orders set captured = captured + 1, version = nextval('order_version') where order_id = '{order}'"
    )
}
