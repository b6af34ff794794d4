//! A rolling deploy: a migration is applied while the version before serves, and replicas are replaced one by one.

use sha2::{Digest, Sha256};

use crate::load::{Delivery, deliver_all, under_load};
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// What the next version brings: a column, an index, a table. Existing rows and statements are not touched.
const NEXT: &str = "
    alter table events add column settled_at timestamptz;
    create index events_settled on events (settled_at, event_id, source);
    create table payouts (payout_id text primary key, amount bigint not null);";

/// Applies it as the next version's `migrate` does, in one transaction with the note that it was applied.
async fn migrate_to_the_next_version(world: &World) {
    let checksum = hex::encode(Sha256::digest(NEXT));
    let note = format!(
        "insert into paylatch_migrations (version, name, sha256) values (9000, 'the next version', '\\x{checksum}');"
    );
    world.database.execute(&format!("begin; set local lock_timeout = '10s'; {NEXT} {note} commit")).await;
}

async fn nothing_is_lost(world: &World, deliveries: &[Delivery]) {
    for delivery in deliveries.iter().filter(|delivery| delivery.is_acknowledged()) {
        assert!(world.event(&delivery.webhook.id).await.is_some(), "{} is lost", delivery.webhook.id);
    }
    deliver_all(world, deliveries.iter()).await;
    assert_eq!(world.count("events").await as usize, deliveries.len());
    assert_eq!(
        world.database.number("select sum(captured)::int8 from orders").await,
        1_000 * deliveries.len() as i64,
        "each of them counts once"
    );
    world.audit_is_clean().await;
}

#[tokio::test]
async fn no_webhook_is_lost_while_a_migration_is_applied_and_replicas_are_replaced_one_by_one() {
    let world = Plan::postgres().replicas(2).start().await;

    let deliveries = under_load(&world.replicas, async |traffic| {
        traffic.goes_on_for(100).await;
        migrate_to_the_next_version(&world).await;
        traffic.goes_on_for(100).await;
        for replica in &world.replicas {
            replica.terminate();
            let status = replica.ended().await;
            assert!(status.success(), "{status}");
            traffic.goes_on_for(50).await;
            replica.start_again().await;
            traffic.goes_on_for(50).await;
        }
    })
    .await;

    let refused = deliveries.iter().filter_map(|delivery| delivery.answer.as_ref().ok());
    for answer in refused.filter(|answer| !answer.status.is_success()) {
        assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
    }
    nothing_is_lost(&world, &deliveries).await;
}

#[tokio::test]
async fn replicas_serve_on_while_a_migration_waits_behind_a_long_reader() {
    let world = Plan::postgres().replicas(2).start().await;

    let deliveries = under_load(&world.replicas, async |traffic| {
        traffic.goes_on_for(50).await;
        let reader = world.database.execute("begin; select count(*) from events; select pg_sleep(1); commit");
        let migration = async {
            traffic.goes_on_for(10).await;
            migrate_to_the_next_version(&world).await;
        };
        tokio::join!(reader, migration);
        traffic.goes_on_for(50).await;
    })
    .await;

    nothing_is_lost(&world, &deliveries).await;
}

#[tokio::test]
async fn the_version_before_starts_on_a_newer_schema_and_says_so() {
    let world = Plan::postgres().start().await;
    migrate_to_the_next_version(&world).await;
    let replica = &world.replicas[0];
    replica.terminate();
    assert!(replica.ended().await.success());

    replica.start_again().await;

    replica.says("newer").await;
    assert_eq!(replica.send(&payment("pi_1").succeeded()).await.outcome(), "applied");
    let checked = world.cli(&["check"]).await;
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let migrated = world.cli(&["migrate"]).await;
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
}
