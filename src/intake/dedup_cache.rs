//! What this process committed lately: a duplicate storm then costs no I/O.
//!
//! A hint only. It is filled after a commit, holds a bounded number of ids for a bounded time, and is emptied whenever
//! a database connection is lost or reopened: the database behind the next one may have forgotten.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};
use tokio::time::Instant;

use crate::order::{Event, Fingerprint, Id, Key, Outcome, Receipt};

/// Ids in each of the two generations.
const GENERATION_IDS_MAX: usize = 50_000;
/// How long a generation is filled; an id is remembered for one to two of these.
const GENERATION_AGE_MAX: Duration = Duration::from_secs(300);

/// Events and links that were committed lately, and the webhooks that told them.
#[derive(Debug, Default)]
pub(super) struct DedupCache(Mutex<Remembered>);

/// Names a stretch of time in which no connection was lost.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

#[derive(Debug, Default)]
struct Remembered {
    epoch: u64,
    events: Recent<Key, Digests>,
    links: Recent<Key, Id>,
    orders: Recent<Key, ()>,
    webhooks: Recent<Fingerprint, Arc<[EventDigest]>>,
}

/// What a webhook said in one of its events, as far as its next delivery needs it.
#[derive(Debug, Clone)]
pub(super) struct EventDigest {
    event: Key,
    payment: Option<Id>,
    facts_sha256: [u8; 32],
}

impl EventDigest {
    pub(super) fn by(event: &Event) -> Self {
        Self {
            event: event.key().clone(),
            payment: event.payment().cloned(),
            facts_sha256: event.facts_sha256(),
        }
    }
}

#[derive(Debug)]
struct Digests {
    body_sha256: [u8; 32],
    facts_sha256: [u8; 32],
}

impl DedupCache {
    /// Whether `event` is a duplicate of one that is known to be durable.
    pub(super) fn knows(&self, event: &Event) -> bool {
        self.lock().events.get(event.key(), Instant::now()).is_some_and(|known| {
            known.body_sha256 == event.evidence().body_sha256 || known.facts_sha256 == event.facts_sha256()
        })
    }

    /// The receipt of a duplicate.
    pub(super) fn duplicate_of(&self, event: &Event) -> Receipt {
        self.lock().duplicate(&EventDigest::by(event), Instant::now())
    }

    /// The events of a webhook, with their receipts, if all that it said is known to be durable.
    pub(super) fn duplicates_of(&self, webhook: &Fingerprint) -> Option<Vec<(Key, Receipt)>> {
        let now = Instant::now();
        let mut remembered = self.lock();
        let told = Arc::clone(remembered.webhooks.get(webhook, now)?);
        let is_known = |told: &EventDigest| {
            remembered
                .events
                .get(&told.event, now)
                .is_some_and(|known| known.facts_sha256 == told.facts_sha256)
        };
        told.iter()
            .all(is_known)
            .then(|| told.iter().map(|told| (told.event.clone(), remembered.duplicate(told, now))).collect())
    }

    /// Remembers what a webhook said. Whether that is durable, its events' own entries tell.
    pub(super) fn remember_webhook(&self, webhook: Fingerprint, told: Arc<[EventDigest]>) {
        self.lock().webhooks.insert(webhook, told, Instant::now());
    }

    /// The order that a payment belonged to when this process last committed one of its events.
    pub(super) fn order_of(&self, payment: &Key) -> Option<Id> {
        self.lock().links.get(payment, Instant::now()).cloned()
    }

    /// What is leased for an event: its order as far as it tells or is remembered, else its payment. Two keys may turn out to
    /// be one order; its version catches that.
    pub(super) fn lock_key(&self, event: &Event) -> Option<Key> {
        let payment = event.payment_key()?;
        let claimed = event.claim().map(|claim| &claim.order).cloned();
        let order = claimed.or_else(|| self.order_of(&payment));
        Some(order.map_or_else(|| payment.clone(), |order| payment.sibling(&order)))
    }

    /// Whether nothing of `event` is remembered: not itself, its payment or its order.
    pub(super) fn is_new(&self, event: &Event) -> bool {
        let now = Instant::now();
        let mut remembered = self.lock();
        remembered.events.get(event.key(), now).is_none()
            && event.payment_key().is_none_or(|payment| remembered.links.get(&payment, now).is_none())
            && event.order_key().is_none_or(|order| remembered.orders.get(&order, now).is_none())
    }

    /// To be taken before a batch is loaded.
    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.lock().epoch)
    }

    /// Remembers committed events, unless a connection was lost since `epoch`.
    pub(super) fn remember(&self, epoch: Epoch, events: &[&Event], receipts: &[Receipt]) {
        let now = Instant::now();
        let mut remembered = self.lock();
        if remembered.epoch == epoch.0 {
            for (event, receipt) in events.iter().zip(receipts) {
                remembered.add(event, receipt, now);
            }
        }
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        let mut remembered = self.lock();
        *remembered = Remembered { epoch: remembered.epoch.wrapping_add(1), ..Remembered::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn add(&mut self, event: &Event, receipt: &Receipt, now: Instant) {
        if receipt.outcome != Outcome::Conflict {
            let evidence = event.evidence();
            let digests = Digests { body_sha256: evidence.body_sha256, facts_sha256: event.facts_sha256() };
            self.events.insert(event.key().clone(), digests, now);
        }
        if let (Some(payment), Some(order)) = (event.payment_key(), &receipt.order) {
            self.orders.insert(payment.sibling(order), (), now);
            self.links.insert(payment, order.clone(), now);
        }
    }

    fn duplicate(&mut self, EventDigest { event, payment, .. }: &EventDigest, now: Instant) -> Receipt {
        let payment = payment.as_ref().map(|payment| event.sibling(payment));
        let order = payment.and_then(|payment| self.links.get(&payment, now).cloned());
        Receipt { event: event.id.clone(), order, outcome: Outcome::Duplicate, reason: None }
    }
}

/// A map that forgets by generations: at most two, each bounded in count and age.
#[derive(Debug)]
struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// When the young generation began.
    since: Option<Instant>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), since: None }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    fn get(&mut self, key: &K, now: Instant) -> Option<&V> {
        self.age(now);
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn insert(&mut self, key: K, value: V, now: Instant) {
        self.age(now);
        if self.young.len() >= GENERATION_IDS_MAX {
            self.turn(now);
        }
        self.since.get_or_insert(now);
        self.young.insert(key, value);
    }

    fn age(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        let age = now.saturating_duration_since(since);
        if age >= GENERATION_AGE_MAX.saturating_mul(2) {
            *self = Self::default();
        } else if age >= GENERATION_AGE_MAX {
            self.turn(since + GENERATION_AGE_MAX);
        }
    }

    fn turn(&mut self, since: Instant) {
        self.old = std::mem::take(&mut self.young);
        self.since = Some(since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_forgotten_after_ten_minutes_at_most() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut recent = Recent::default();
        recent.insert("evt_1", (), start);
        recent.insert("evt_2", (), at(299));
        assert_eq!(recent.get(&"evt_1", at(550)), Some(&()));
        recent.insert("evt_3", (), at(551));
        assert_eq!(recent.get(&"evt_2", at(600)), None);
        assert_eq!(recent.get(&"evt_3", at(600)), Some(&()));
        assert_eq!(recent.get(&"evt_3", at(1151)), None);
    }

    #[test]
    fn a_map_never_holds_more_than_two_generations() {
        let now = Instant::now();
        let mut recent = Recent::default();
        for id in 0..GENERATION_IDS_MAX * 3 {
            recent.insert(id, (), now);
        }
        assert_eq!((recent.young.len(), recent.old.len()), (GENERATION_IDS_MAX, GENERATION_IDS_MAX));
        assert!(recent.get(&0, now).is_none() && recent.get(&(GENERATION_IDS_MAX * 3 - 1), now).is_some());
    }
}
