//! An order that grows without end is held at a limit: what comes after is parked and told, and the others do not feel it.

use std::time::{Duration, Instant};

use crate::webhooks::payment;
use crate::world::{Plan, World};

#[tokio::test]
async fn an_order_at_its_limit_parks_further_events_and_its_neighbours_keep_their_latency() {
    let world = Plan::postgres().set("intake.lanes", "1").start().await;
    world.send(&payment("pi_huge").of_order("order-huge").succeeded()).await;
    let alone = neighbours(&world, "alone", 60, false).await;
    grow(&world, 20_000).await;

    let beside = neighbours(&world, "beside", 60, true).await;

    let reason = world
        .database
        .rows("select reason, outcome from events where event_id like 'evt_%' and outcome = 'parked'")
        .await;
    assert!(!reason.is_empty());
    assert!(reason[0]["reason"].as_str().unwrap().contains("intake.order_events_max"), "{reason:?}");
    assert!(beside < alone * 4 + Duration::from_millis(40), "{beside:?} beside it, {alone:?} alone");
}

#[tokio::test]
async fn an_order_at_its_limit_takes_no_event_of_its_own_payments_and_knows_its_duplicates() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let world = plan.set("intake.order_events_max", "3").start().await;
        let payment = payment("pi_1").of_order("order-1");
        let stored = [payment.authorized(), payment.succeeded(), payment.refunded("re_1", 100)];
        for webhook in &stored {
            assert_eq!(world.send(webhook).await.outcome(), "applied");
        }
        // Stripe's refunds name no order: only their payment leads to it.
        let beyond = payment.refunded("re_2", 100);
        assert_eq!(world.send(&beyond).await.outcome(), "parked");
        assert_eq!(world.send(&beyond).await.outcome(), "duplicate");
        world.replicas[0].kill();
        world.replicas[0].start_again().await;
        for webhook in stored.iter().chain([&beyond]) {
            assert_eq!(world.send(webhook).await.outcome(), "duplicate");
        }
        assert_eq!(world.money("order-1").await.1, [1_000, 1_000, 100, 0]);
        assert_eq!(world.count("conflicts").await, 0);
        world.audit_is_clean().await;
    }
}

/// The usual latency of so many webhooks of other orders.
async fn neighbours(world: &World, name: &str, count: usize, beside_the_huge_one: bool) -> Duration {
    let mut took = Vec::new();
    for n in 0..count {
        let own = payment(&format!("pi_{name}_{n}")).of_order(&format!("order-{name}-{n}")).succeeded();
        let huge = payment(&format!("pi_huge_{name}_{n}")).of_order("order-huge").succeeded();
        let started = Instant::now();
        if beside_the_huge_one {
            let (answer, parked) = tokio::join!(world.send(&own), world.send(&huge));
            assert_eq!((answer.outcome(), parked.outcome()), ("applied".to_owned(), "parked".to_owned()));
        } else {
            assert_eq!(world.send(&own).await.outcome(), "applied");
        }
        took.push(started.elapsed());
    }
    took.sort();
    took[count / 2]
}

/// Writes so many payments of the huge order, as copies of its first.
async fn grow(world: &World, payments: usize) {
    for (table, changed) in [
        ("payments", "'payment_id', 'pi_copy_' || n"),
        ("events", "'payment_id', 'pi_copy_' || n, 'event_id', 'copy_' || n, 'reference', 'pi_copy_' || n"),
    ] {
        world
            .database
            .execute(&format!(
                "insert into {table} select (jsonb_populate_record(t, jsonb_build_object({changed}))).*
                   from {table} t, generate_series(1, {payments}) n where t.payment_id = 'pi_huge'"
            ))
            .await;
    }
}
