//! Steady traffic, while a test breaks things.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::client::Answer;
use crate::replica::Replica;
use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::World;

/// Webhooks on their way at once.
const SENDERS: usize = 16;

/// A replica that is gone refuses at once; without a pause most of the traffic would be refusals.
const PAUSE_AFTER_NO_ANSWER: Duration = Duration::from_millis(20);

/// A webhook, and what its sender was told.
pub struct Delivery {
    pub webhook: Webhook,
    pub answer: Result<Answer, String>,
}

impl Delivery {
    pub fn is_acknowledged(&self) -> bool {
        self.answer.as_ref().is_ok_and(|answer| answer.status.is_success())
    }
}

/// How far the traffic is.
pub struct Traffic {
    answered: watch::Sender<usize>,
    is_over: AtomicBool,
}

impl Traffic {
    /// Waits until so many more webhooks have been answered, or have lost their connection.
    pub async fn goes_on_for(&self, deliveries: usize) {
        let goal = *self.answered.borrow() + deliveries;
        eventually("the traffic goes on", async || (*self.answered.borrow() >= goal).then_some(())).await;
    }
}

/// Sends webhooks of new payments to all replicas while `events` happen.
pub async fn under_load(replicas: &[Replica], events: impl AsyncFnOnce(&Traffic)) -> Vec<Delivery> {
    let traffic = Traffic { answered: watch::Sender::new(0), is_over: AtomicBool::new(false) };
    let senders = join_all((0..SENDERS).map(|sender| send(sender, replicas, &traffic)));
    let events = async {
        events(&traffic).await;
        traffic.is_over.store(true, Ordering::Relaxed);
    };
    let (deliveries, ()) = tokio::join!(senders, events);
    deliveries.into_iter().flatten().collect()
}

/// What was acknowledged is stored, before anything is sent again: that would heal the loss. Then the others are delivered.
pub async fn nothing_acknowledged_is_lost(world: &World, deliveries: &[Delivery]) {
    for delivery in deliveries.iter().filter(|delivery| delivery.is_acknowledged()) {
        assert!(world.event(&delivery.webhook.id).await.is_some(), "{} is lost", delivery.webhook.id);
    }
    deliver_all(world, deliveries.iter().filter(|delivery| !delivery.is_acknowledged())).await;
    assert_eq!(world.count("events").await, deliveries.len() as i64);
}

/// Delivers webhooks as a provider does in the end: each until it is accepted, some at once.
pub async fn deliver_all<'a>(world: &World, deliveries: impl Iterator<Item = &'a Delivery>) {
    let deliver = async |delivery: &Delivery| drop(world.deliver(&delivery.webhook).await);
    stream::iter(deliveries).for_each_concurrent(SENDERS, deliver).await;
}

async fn send(sender: usize, replicas: &[Replica], traffic: &Traffic) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while !traffic.is_over.load(Ordering::Relaxed) {
        let number = deliveries.len();
        // Four payments share an order, so that replicas meet there.
        let order = format!("order-{}-{}", sender / 4, number);
        let webhook = payment(&format!("pi_{sender}_{number}")).of_order(&order).succeeded();
        let answer = replicas[(sender + number) % replicas.len()].try_send(&webhook).await;
        if answer.is_err() {
            sleep(PAUSE_AFTER_NO_ANSWER).await;
        }
        deliveries.push(Delivery { webhook, answer });
        traffic.answered.send_modify(|answered| *answered += 1);
    }
    deliveries
}
