//! What this process committed lately: a duplicate storm then costs no I/O.
//!
//! A hint only. It is filled after a commit, holds a bounded number of ids for a bounded time, and belongs to one epoch of the
//! database: when that ends, all of it is forgotten, because the next server may have forgotten too. Duplicates are answered
//! only while the epoch is trusted.

use std::hash::RandomState;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::order::{Event, Fingerprint, Id, Key, Outcome, Receipt};
use crate::store::{Epoch, Epochs};

use super::generations::{Digest, Entry, EventDigest, Generations, Hash, Hashes};

/// Events and links that were committed lately, and the webhooks that told them.
#[derive(Debug)]
pub(super) struct DedupCache {
    /// Each half of a hash has a key of its own, drawn by this process: nobody can choose ids that meet.
    halves: [RandomState; 2],
    epochs: Epochs,
    generations: Mutex<Generations>,
}

/// What one look at the cache tells of an event.
#[derive(Debug)]
pub(super) enum Found {
    /// It is known to be durable.
    Duplicate(Receipt),
    /// It goes to a lane.
    New {
        /// What is leased for it: its order as far as it tells or is remembered, else its payment. Two keys may turn out to be
        /// one order; its version catches that. `None` when it is about no payment.
        lock_key: Option<Key>,
    },
}

impl DedupCache {
    pub(super) fn new(epochs: Epochs) -> Self {
        Self { halves: [RandomState::new(), RandomState::new()], epochs, generations: Mutex::default() }
    }

    /// What stands for `event` here, computed once on its way.
    pub(super) fn hashes(&self, event: &Event) -> Hashes {
        Hashes {
            event: Hash::of_event(&self.halves, event.key()),
            payment: event.payment_key().map(|payment| Hash::of_payment(&self.halves, &payment)),
            order: event.order_key().map(|order| Hash::of_order(&self.halves, &order)),
            digest: Digest::of(event),
        }
    }

    /// Looks up the events of a webhook.
    pub(super) fn look_up(&self, events: &[Event], hashes: &[Hashes]) -> Vec<Found> {
        let is_trusted = self.epochs.trusted().is_some();
        self.within(|generations| {
            let find = |(event, hashes): (&Event, &Hashes)| {
                let order = hashes.payment.and_then(|payment| generations.order_of(payment)).cloned();
                let is_known =
                    || generations.digest_of(hashes.event).is_some_and(|known| known.is_of(&hashes.digest));
                if is_trusted && is_known() {
                    return Found::Duplicate(duplicate(event.key(), order));
                }
                let claimed = event.claim().map(|claim| &claim.order).cloned();
                let lock_key = event.payment_key().map(|payment| match claimed.or(order) {
                    Some(order) => payment.sibling(&order),
                    None => payment,
                });
                Found::New { lock_key }
            };
            events.iter().zip(hashes).map(find).collect()
        })
    }

    /// The events of a webhook, with their receipts, if all that it said is known to be durable.
    pub(super) fn find_duplicate(&self, webhook: &Fingerprint) -> Option<Vec<(Key, Receipt)>> {
        self.epochs.trusted()?;
        let webhook = Hash::of_webhook(&self.halves, webhook);
        self.within(|generations| {
            let told = generations.events_of(webhook)?;
            let receipt = |told: &EventDigest| {
                generations.digest_of(told.hash)?.says(&told.digest).then(|| {
                    let order = told.payment.and_then(|payment| generations.order_of(payment));
                    (told.event.clone(), duplicate(&told.event, order.cloned()))
                })
            };
            told.iter().map(receipt).collect()
        })
    }

    /// Whether nothing of each event is remembered: not itself, its payment or its order.
    pub(super) fn look_new<'e>(&self, events: impl Iterator<Item = &'e Hashes>) -> Vec<bool> {
        self.within(|generations| events.map(|hashes| generations.is_new(hashes)).collect())
    }

    /// Remembers committed events, unless `epoch`, taken before they were loaded, has ended.
    pub(super) fn remember<'e>(
        &self,
        epoch: Epoch,
        events: impl Iterator<Item = (&'e Event, &'e Hashes)>,
        receipts: &[Receipt],
    ) {
        let entries = events.zip(receipts).flat_map(|(event, receipt)| self.entries(event, receipt));
        let entries: Vec<(Hash, Entry)> = entries.collect();
        self.within(|generations| generations.insert(epoch, entries));
    }

    /// Remembers what a webhook said. Whether that is durable, its events' own entries tell.
    pub(super) fn remember_webhook(&self, webhook: &Fingerprint, told: Box<[EventDigest]>) {
        let (webhook, epoch) = (Hash::of_webhook(&self.halves, webhook), self.epochs.now());
        self.within(|generations| generations.insert(epoch, vec![(webhook, Entry::Webhook(told))]));
    }

    fn entries(
        &self,
        (event, hashes): (&Event, &Hashes),
        receipt: &Receipt,
    ) -> impl Iterator<Item = (Hash, Entry)> {
        // A body that contradicts the stored event is no digest to compare further deliveries with.
        let own =
            (receipt.outcome != Outcome::Conflict).then_some((hashes.event, Entry::Event(hashes.digest)));
        let order = hashes.payment.zip(receipt.order.as_ref());
        let link = order.map(|(payment, order)| (payment, Entry::Payment(order.clone())));
        let order = order.map(|(_, order)| {
            let is_told = event.order_key().is_some_and(|told| told.id == *order);
            let hash = hashes.order.filter(|_| is_told);
            (hash.unwrap_or_else(|| Hash::of_order(&self.halves, &event.key().sibling(order))), Entry::Order)
        });
        own.into_iter().chain(link).chain(order)
    }

    /// Works under the lock, and leaves what was forgotten to be freed outside of it: that takes as long as many look-ups.
    fn within<T>(&self, work: impl FnOnce(&mut Generations) -> T) -> T {
        let (epoch, now) = (self.epochs.now(), Instant::now());
        let mut generations = self.lock();
        generations.renew(epoch, now);
        let answer = work(&mut generations);
        let forgotten = generations.take_forgotten();
        drop(generations);
        if let (false, Ok(runtime)) = (forgotten.is_empty(), Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(forgotten)));
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn duplicate(event: &Key, order: Option<Id>) -> Receipt {
    Receipt { event: event.id.clone(), order, outcome: Outcome::Duplicate, reason: None }
}
