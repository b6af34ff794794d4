//! A holder that is frozen past the end of its lease, and woken, over every lock service that processes can share: the
//! version of the order refuses its save.

#[cfg(feature = "zookeeper")]
use crate::lock_servers::ZooKeeper;
use crate::lock_servers::{Cluster, Etcd, LockService, Nodes, Postgres, Redis, Sentinel};
use crate::servers::eventually;
use crate::webhooks::payment;
use crate::world::{Plan, World};

async fn a_holder_that_wakes_after_its_lease_has_its_save_refused_and_tries_again(service: impl LockService) {
    let world = two_replicas_with_short_leases(&service).await;

    freeze_a_holder_while_another_commits(&world, async || {}).await;

    assert_eq!(world.money("order-1").await, ("partially_refunded".to_owned(), [1_000, 1_000, 400, 0]));
    assert!(world.replicas[0].metric("paylatch_save_races_total", &[]).await >= 1.0, "refused by version");
    world.audit_is_clean().await;
}

/// The control: without the checks of versions and counts the same interleaving loses the refund, so the test above
/// would see it.
async fn without_the_checks_of_the_save_the_woken_holder_does_damage(service: impl LockService) {
    let world = two_replicas_with_short_leases(&service).await;

    freeze_a_holder_while_another_commits(&world, async || remove_the_checks_of_the_save(&world).await).await;

    assert_eq!(world.money("order-1").await, ("paid".to_owned(), [1_000, 1_000, 0, 0]));
    let audit = world.cli(&["audit"]).await;
    assert_eq!(audit.status.code(), Some(1), "the audit sees it");
}

macro_rules! over {
    ($name:ident, $(#[$ignore:meta])? $service:ident) => {
        mod $name {
            #[tokio::test]
            $(#[$ignore])?
            async fn a_holder_that_wakes_after_its_lease_has_its_save_refused_and_tries_again() {
                super::a_holder_that_wakes_after_its_lease_has_its_save_refused_and_tries_again(
                    super::$service::start(),
                )
                .await;
            }

            #[tokio::test]
            $(#[$ignore])?
            async fn without_the_checks_of_the_save_the_woken_holder_does_damage() {
                super::without_the_checks_of_the_save_the_woken_holder_does_damage(super::$service::start()).await;
            }
        }
    };
}

over!(redis, Redis);
over!(redlock, Nodes);
over!(postgres, Postgres);
over!(
    cluster,
    #[ignore = "run by scripts/test --all"]
    Cluster
);
over!(
    sentinel,
    #[ignore = "run by scripts/test --all"]
    Sentinel
);
over!(
    etcd,
    #[ignore = "run by scripts/test --all"]
    Etcd
);
#[cfg(feature = "zookeeper")]
over!(
    zookeeper,
    #[ignore = "run by scripts/test --all"]
    ZooKeeper
);

/// A service that is slow to answer would be gone without; here it is waited for, at the start too.
async fn two_replicas_with_short_leases(service: &impl LockService) -> World {
    let plan = Plan::postgres().replicas(2).locked_by(service);
    let plan = plan.set("lock.ttl_ms", "1500").set("lock.call_timeout_ms", "750");
    // The load is answered while the holder is frozen: it must not be over time when the holder wakes.
    let plan = plan.set("database_call_timeout_ms", "20000").set("intake.deadline_ms", "20000");
    let world = plan.start().await;
    world.send(&payment("pi_1").of_order("order-1").authorized()).await;
    for replica in &world.replicas {
        eventually("the lock service answers", async || {
            let ready = replica.request(http::Method::GET, "/readyz").await.ok()?;
            (ready.json()["ready"] == "yes").then_some(())
        })
        .await;
    }
    world
}

/// The first replica loads, and freezes before it saves. The second is held off until the lease has ended, commits a
/// refund, and the first wakes up with what it loaded.
async fn freeze_a_holder_while_another_commits(world: &World, before_it_wakes: impl AsyncFnOnce()) {
    let payment = payment("pi_1").of_order("order-1");
    // Both name the order, so both need its lease.
    let (captured, refunded) = (payment.succeeded(), payment.charge_refunded(400));
    let [holder, next] = &world.replicas[..] else { panic!("two replicas") };
    let leases_before = leases(holder, "acquired").await;

    let reply = world.proxies[0].hold_reply_to(&captured.id);
    let others = async {
        reply.is_there().await;
        eventually("it has the lease", async || {
            (leases(holder, "acquired").await > leases_before).then_some(())
        })
        .await;
        holder.freeze();
        reply.release();
        // Some services take longer than an event is waited for until a holder that vanished is forgotten.
        let answer = eventually("the lease ends", async || {
            let answer = next.send(&refunded).await;
            (answer.status != 503).then_some(answer)
        })
        .await;
        assert!(leases(next, "busy").await >= 1.0, "until then it was held off");
        before_it_wakes().await;
        holder.thaw();
        answer
    };
    let (woken, other) = tokio::join!(holder.send(&captured), others);

    assert_eq!((woken.outcome(), other.outcome()), ("applied".to_owned(), "applied".to_owned()));
}

/// How often the lock service has said so to this replica.
async fn leases(replica: &crate::replica::Replica, result: &str) -> f64 {
    replica.metric("paylatch_lock_acquire_total", &[&format!("result=\"{result}\"")]).await
}

/// Replaces the save in the database by one that writes whatever the caller has decided.
async fn remove_the_checks_of_the_save(world: &World) {
    let save = "select pg_get_functiondef(oid) as text from pg_proc where proname = 'save_decided'";
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
