//! SIGHUP: secrets rotate while webhooks come in, and a file with a mistake changes nothing.

use nix::sys::signal::Signal;

use crate::load::under_load;
use crate::servers::CANARY;
use crate::webhooks::{SECRET, now, payment};
use crate::world::Plan;

#[tokio::test]
async fn a_new_secret_is_taken_and_an_old_one_refused_after_their_reloads() {
    let world = Plan::sqlite().start().await;
    let replica = &world.replicas[0];
    let new_secret = format!("whsec_{CANARY}_rotated_0123456789");
    let send = async |secret: &str, payment_id: &str| {
        let webhook = payment(payment_id).succeeded();
        let headers = webhook.signed_with(secret, now());
        replica.post("/webhooks/stripe", &headers, webhook.body).await.unwrap().status.as_u16()
    };
    assert_eq!((send(SECRET, "pi_1").await, send(&new_secret, "pi_2").await), (200, 401));

    let both = format!("['{SECRET}', '{new_secret}']");
    replica.rewrite(|settings| drop(settings.insert("sources.stripe.secrets".into(), both)));
    replica.signal(Signal::SIGHUP);
    replica.says("the settings were read again\"").await;
    assert_eq!((send(SECRET, "pi_3").await, send(&new_secret, "pi_4").await), (200, 200));

    let revoked = format!("['{new_secret}']");
    replica.rewrite(|settings| drop(settings.insert("sources.stripe.secrets".into(), revoked)));
    let before = replica.output().matches("the settings were read again\"").count();
    replica.signal(Signal::SIGHUP);
    crate::servers::eventually("the settings are read once more", async || {
        (replica.output().matches("the settings were read again\"").count() > before).then_some(())
    })
    .await;
    assert_eq!((send(SECRET, "pi_5").await, send(&new_secret, "pi_6").await), (401, 200));
}

#[tokio::test]
async fn a_file_with_a_mistake_keeps_the_old_settings_and_says_what_is_wrong() {
    let world = Plan::sqlite().start().await;
    let replica = &world.replicas[0];

    replica.rewrite(|settings| {
        settings.insert("sources.stripe.secrets".into(), "[]".into());
        settings.insert("lock.tll_ms".into(), "1".into());
    });
    replica.signal(Signal::SIGHUP);
    replica.says("everything stays as it was").await;

    let told = replica.output();
    assert!(told.contains("sources.stripe.secrets") && told.contains("lock.tll_ms"), "{told}");
    assert_eq!(replica.send(&payment("pi_1").succeeded()).await.outcome(), "applied");
}

#[tokio::test]
async fn no_webhook_notices_that_the_settings_are_read_again() {
    let world = Plan::sqlite().start().await;
    let deliveries = under_load(&world.replicas, async |traffic| {
        for _ in 0..5 {
            traffic.goes_on_for(20).await;
            world.replicas[0].signal(Signal::SIGHUP);
        }
        traffic.goes_on_for(20).await;
    })
    .await;
    let refused = deliveries.iter().filter(|delivery| !delivery.is_acknowledged()).count();
    assert_eq!(refused, 0, "of {}", deliveries.len());
}
