//! Any order, same end: shuffled, late or repeated delivery of a set of events ends in the same rows.

use futures_util::future::join_all;
use serde_json::Value;

use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn every_order_of_a_lifecycle_ends_in_the_same_rows_over_two_replicas() {
    let world = Plan::postgres().replicas(2).start().await;

    deliver_in_every_order(&world).await;

    all_rows_are_alike(&world).await;
    world.audit_is_clean().await;
}

#[tokio::test]
async fn every_order_of_a_lifecycle_ends_in_the_same_rows_over_sqlite() {
    let world = Plan::sqlite().start().await;

    deliver_in_every_order(&world).await;

    all_rows_are_alike(&world).await;
}

#[tokio::test]
async fn what_names_only_the_payment_ends_in_the_order_that_a_later_event_names() {
    for world in World::on_each_database().await {
        let nameless = payment("pi_1");
        let dispute = nameless.disputed("dp_1", 1_000);
        let refund = nameless.refunded("re_1", 400);
        let captured = payment("pi_1").of_order("order-1").succeeded();

        let early = world.outcomes(&[&dispute, &refund]).await;
        assert_eq!(early, ["applied", "applied"]);
        assert!(world.order("pi_1").await.is_some(), "until then the payment's id names the order");
        world.send(&captured).await;

        assert_eq!(world.money("order-1").await, ("disputed".to_owned(), [0, 1_000, 400, 1_000]));
        assert_eq!(world.count("orders").await, 1, "no provisional order is left");
        assert_eq!(world.database.rows("select link from payments").await[0]["link"], "known");
    }
}

#[tokio::test]
async fn an_order_may_have_several_payments() {
    for world in World::on_each_database().await {
        let first = payment("pi_1").of_order("order-1").amount(600);
        let second = payment("pi_2").of_order("order-1").amount(400);

        world.outcomes(&[&first.succeeded(), &second.succeeded(), &second.refunded("re_1", 400)]).await;

        assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [0, 1_000, 400, 0]));
    }
}

#[tokio::test]
async fn an_attempt_that_failed_does_not_lower_what_was_captured() {
    for world in World::on_each_database().await {
        let [first, second] = [payment("pi_1").of_order("order-1"), payment("pi_2").of_order("order-2")];

        world.outcomes(&[&first.succeeded(), &first.failed(), &second.failed(), &second.succeeded()]).await;

        for order in ["order-1", "order-2"] {
            assert_eq!(world.money(order).await, ("paid".to_owned(), [0, 1_000, 0, 0]));
        }
    }
}

#[tokio::test]
async fn a_payment_that_is_canceled_ends_its_order() {
    for world in World::on_each_database().await {
        let payment = payment("pi_1").of_order("order-1");

        world.outcomes(&[&payment.canceled(), &payment.authorized()]).await;

        assert_eq!(world.money("order-1").await.0, "canceled");
    }
}

#[tokio::test]
async fn a_dispute_that_is_won_gives_the_money_back() {
    for world in World::on_each_database().await {
        let payment = payment("pi_1").of_order("order-1");
        let (disputed, won) = (payment.disputed("dp_1", 1_000), payment.dispute_won("dp_1", 1_000));

        world.outcomes(&[&won, &payment.succeeded(), &disputed]).await;

        assert_eq!(world.money("order-1").await, ("paid".to_owned(), [0, 1_000, 0, 0]));
    }
}

/// A payment that is authorized, captured, partly refunded, disputed and lost; its cart is named on the way.
fn lifecycle(number: usize) -> Vec<Webhook> {
    let named = payment(&format!("pi_{number}")).of_order(&format!("order-{number}"));
    let nameless = payment(&format!("pi_{number}"));
    let webhooks = [
        named.succeeded(),
        nameless.checkout_completed(&format!("cart-{number}")),
        nameless.refunded(&format!("re_{number}"), 400),
        nameless.disputed(&format!("dp_{number}"), 600),
        nameless.dispute_lost(&format!("dp_{number}"), 600),
    ];
    (1_700_000_000..).zip(webhooks).map(|(time, webhook)| webhook.at(time)).collect()
}

/// Each permutation on an order of its own, each event twice, to any replica; permutations go on at the same time.
async fn deliver_in_every_order(world: &World) {
    let permutations = permutations(lifecycle(0).len());
    join_all(permutations.into_iter().enumerate().map(async |(number, permutation)| {
        let webhooks = lifecycle(number);
        for &position in &permutation {
            world.deliver(&webhooks[position]).await;
        }
        for &position in permutation.iter().rev() {
            assert_eq!(world.deliver(&webhooks[position]).await.outcome(), "duplicate");
        }
    }))
    .await;
}

async fn all_rows_are_alike(world: &World) {
    let count = permutations(lifecycle(0).len()).len();
    let mut orders = world.database.rows("select * from orders order by order_id").await;
    let mut payments = world.database.rows("select * from payments order by payment_id").await;
    assert_eq!((orders.len(), payments.len()), (count, count));

    for row in orders.iter_mut().chain(&mut payments) {
        let id = row["order_id"].as_str().unwrap();
        assert!(id.starts_with("order-"), "the metadata outranks the cart: {id}");
        let row = row.as_object_mut().unwrap();
        row.retain(|column, _| {
            !["order_id", "payment_id", "version", "updated_at"].contains(&column.as_str())
        });
    }
    assert_eq!(orders[0]["status"], "charged_back");
    assert_eq!([&orders[0]["captured"], &orders[0]["refunded"], &orders[0]["disputed"]], [1_000, 400, 600]);
    same(&orders);
    same(&payments);
}

fn same(rows: &[Value]) {
    for row in rows {
        assert_eq!(row, &rows[0]);
    }
}

fn permutations(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(length - 1);
    let insert = |permutation: &Vec<usize>, at: usize| {
        let mut longer = permutation.clone();
        longer.insert(at, length - 1);
        longer
    };
    shorter.iter().flat_map(|permutation| (0..length).map(move |at| insert(permutation, at))).collect()
}
