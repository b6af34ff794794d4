//! A holder that is frozen past the end of its lease, and woken: the version of the order refuses its save.

use crate::webhooks::payment;
use crate::world::{Plan, World};

#[tokio::test]
async fn a_holder_that_wakes_after_its_lease_has_its_save_refused_and_tries_again() {
    let world = two_replicas_with_short_leases().await;

    freeze_a_holder_while_another_commits(&world, async || {}).await;

    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [1_000, 1_000, 400, 0]));
    assert!(world.replicas[0].metric("paylatch_save_races_total", &[]).await >= 1.0);
    world.audit_is_clean().await;
}

/// The control: without the checks of versions and counts the same interleaving loses the refund, so the test above
/// would see it.
#[tokio::test]
async fn without_the_checks_of_the_save_the_woken_holder_does_damage() {
    let world = two_replicas_with_short_leases().await;

    freeze_a_holder_while_another_commits(&world, async || remove_the_checks_of_the_save(&world).await).await;

    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
    let audit = world.cli(&["audit"]).await;
    assert_eq!(audit.status.code(), Some(1), "the audit sees it");
}

async fn two_replicas_with_short_leases() -> World {
    let world = Plan::postgres().replicas(2).set("lock.ttl_ms", "300").start().await;
    world.send(&payment("pi_1").of_order("order-1").authorized()).await;
    world
}

/// The first replica loads, and freezes before it saves. Its lease ends, the second replica commits a refund, and the
/// first wakes up with what it loaded.
async fn freeze_a_holder_while_another_commits(world: &World, before_it_wakes: impl AsyncFnOnce()) {
    let payment = payment("pi_1").of_order("order-1");
    let (captured, refunded) = (payment.succeeded(), payment.refunded("re_1", 400));

    let reply = world.proxies[0].hold_reply_to(&captured.id);
    let others = async {
        reply.is_there().await;
        world.replicas[0].freeze();
        reply.release();
        let answer = world.replicas[1].send(&refunded).await;
        before_it_wakes().await;
        world.replicas[0].thaw();
        answer
    };
    let (woken, other) = tokio::join!(world.replicas[0].send(&captured), others);

    assert_eq!((woken.outcome(), other.outcome()), ("applied".to_owned(), "applied".to_owned()));
}

/// Replaces the save in the database by one that writes whatever the caller has decided.
async fn remove_the_checks_of_the_save(world: &World) {
    let save = "select pg_get_functiondef(oid) as text from pg_proc where proname = 'save_batch'";
    let save = world.database.rows(save).await;
    let save = save[0]["text"].as_str().unwrap();
    let unchecked = without_checks(save);
    assert!(!unchecked.contains("40001") && !unchecked.contains("t.version ="), "{unchecked}");
    world.database.execute(&unchecked).await;
}

fn without_checks(function: &str) -> String {
    let lines = function.lines().map(|line| match line.find("raise exception") {
        Some(at) => {
            let after = line[at..].split_once(';').map_or("", |(_, after)| after);
            format!("{}null;{after}", &line[..at])
        }
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n").replace("and t.version = o.read", "")
}
