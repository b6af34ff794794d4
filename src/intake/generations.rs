//! The entries of the dedup cache: of one size, in two generations that are bounded in number and age.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};
use tokio::time::Instant;

use crate::order::{Event, Fingerprint, Id, Key};
use crate::store::Epoch;

/// Ids in each of the two generations: of events, payments and orders, and of the events that webhooks told.
const GENERATION_IDS_MAX: usize = 200_000;
/// How long a generation is filled; an id is remembered for one to two of these.
const GENERATION_AGE_MAX: Duration = Duration::from_secs(300);

/// What stands for a key: 16 bytes that depend on a secret of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Hash([u64; 2]);

/// What stands for an event and what it touches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hashes {
    pub(super) event: Hash,
    pub(super) payment: Option<Hash>,
    /// The order that it claims, else the payment's provisional one.
    pub(super) order: Option<Hash>,
    pub(super) digest: Digest,
}

/// What an event said: the first 16 bytes of the digests of its body and of its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest {
    body: [u8; 16],
    facts: [u8; 16],
}

/// What a webhook said in one of its events, as far as its next delivery needs it.
#[derive(Debug)]
pub(super) struct EventDigest {
    pub(super) event: Key,
    pub(super) hash: Hash,
    pub(super) payment: Option<Hash>,
    pub(super) digest: Digest,
}

/// What is remembered under a hash.
#[derive(Debug)]
pub(super) enum Entry {
    /// A stored event.
    Event(Digest),
    /// The order that a payment belonged to when this process last committed one of its events.
    Payment(Id),
    /// An order that has a row.
    Order,
    /// What a webhook told.
    Webhook(Box<[EventDigest]>),
}

impl Hash {
    pub(super) fn of_event(halves: &[RandomState; 2], key: &Key) -> Self {
        Self::of(halves, ("event", &key.source, &key.id))
    }

    pub(super) fn of_payment(halves: &[RandomState; 2], key: &Key) -> Self {
        Self::of(halves, ("payment", &key.source, &key.id))
    }

    pub(super) fn of_order(halves: &[RandomState; 2], key: &Key) -> Self {
        Self::of(halves, ("order", &key.source, &key.id))
    }

    pub(super) fn of_webhook(halves: &[RandomState; 2], webhook: &Fingerprint) -> Self {
        Self::of(halves, ("webhook", webhook))
    }

    fn of(halves: &[RandomState; 2], named: impl std::hash::Hash) -> Self {
        Self(halves.each_ref().map(|half| half.hash_one(&named)))
    }
}

impl Digest {
    pub(super) fn of(event: &Event) -> Self {
        Self { body: first_16(event.evidence().body_sha256), facts: first_16(event.facts_sha256()) }
    }

    /// Whether it is another delivery of the same event: the same bytes, or the same facts in others.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.body == other.body || self.facts == other.facts
    }

    /// Whether both state the same facts.
    pub(super) fn says(&self, other: &Self) -> bool {
        self.facts == other.facts
    }
}

fn first_16(sha256: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|place| sha256.get(place).copied().unwrap_or_default())
}

impl EventDigest {
    pub(super) fn of(event: &Event, hashes: &Hashes) -> Self {
        Self {
            event: event.key().clone(),
            hash: hashes.event,
            payment: hashes.payment,
            digest: hashes.digest,
        }
    }
}

type Table = HashMap<Hash, Entry>;

/// At most two generations of one epoch.
#[derive(Debug, Default)]
pub(super) struct Generations {
    epoch: Epoch,
    young: Table,
    old: Table,
    /// Ids in the young one.
    young_ids: usize,
    /// When the young one began.
    since: Option<Instant>,
    /// To be freed outside of the lock.
    forgotten: Vec<Table>,
}

impl Generations {
    /// Forgets what is of an earlier epoch, or too old.
    pub(super) fn renew(&mut self, epoch: Epoch, now: Instant) {
        let age = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if epoch > self.epoch {
            self.epoch = epoch;
            self.turn();
            self.turn();
            self.since = None;
        } else if age >= GENERATION_AGE_MAX.saturating_mul(2) {
            self.turn();
            self.turn();
            self.since = None;
        } else if age >= GENERATION_AGE_MAX {
            self.turn();
            self.since = self.since.map(|since| since + GENERATION_AGE_MAX);
        }
    }

    /// Adds what was committed in `epoch`, unless that has ended.
    pub(super) fn insert(&mut self, epoch: Epoch, entries: Vec<(Hash, Entry)>) {
        if epoch != self.epoch {
            return;
        }
        for (hash, entry) in entries {
            let ids = entry.ids();
            if self.young_ids.saturating_add(ids) > GENERATION_IDS_MAX && self.young_ids > 0 {
                self.turn();
                self.since = Some(Instant::now());
            }
            if self.young.capacity() == 0 {
                // All the room at once: a table that grows hashes everything again while all wait for it.
                self.young.reserve(GENERATION_IDS_MAX);
            }
            self.since.get_or_insert_with(Instant::now);
            self.young_ids = self.young_ids.saturating_add(ids);
            self.young.insert(hash, entry);
        }
    }

    pub(super) fn digest_of(&self, event: Hash) -> Option<&Digest> {
        match self.get(event)? {
            Entry::Event(digest) => Some(digest),
            Entry::Payment(_) | Entry::Order | Entry::Webhook(_) => None,
        }
    }

    pub(super) fn order_of(&self, payment: Hash) -> Option<&Id> {
        match self.get(payment)? {
            Entry::Payment(order) => Some(order),
            Entry::Event(_) | Entry::Order | Entry::Webhook(_) => None,
        }
    }

    pub(super) fn events_of(&self, webhook: Hash) -> Option<&[EventDigest]> {
        match self.get(webhook)? {
            Entry::Webhook(told) => Some(told),
            Entry::Event(_) | Entry::Payment(_) | Entry::Order => None,
        }
    }

    pub(super) fn is_new(&self, hashes: &Hashes) -> bool {
        [Some(hashes.event), hashes.payment, hashes.order]
            .into_iter()
            .flatten()
            .all(|hash| self.get(hash).is_none())
    }

    pub(super) fn take_forgotten(&mut self) -> Vec<Table> {
        std::mem::take(&mut self.forgotten)
    }

    fn get(&self, hash: Hash) -> Option<&Entry> {
        self.young.get(&hash).or_else(|| self.old.get(&hash))
    }

    /// The young generation becomes the old one.
    fn turn(&mut self) {
        let young = std::mem::replace(&mut self.young, Table::new());
        let old = std::mem::replace(&mut self.old, young);
        self.young_ids = 0;
        if old.capacity() > 0 {
            self.forgotten.push(old);
        }
    }
}

impl Entry {
    /// How many ids it holds.
    fn ids(&self) -> usize {
        match self {
            Self::Event(_) | Self::Payment(_) | Self::Order => 1,
            Self::Webhook(told) => told.len().max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(id: usize) -> Hash {
        Hash([id as u64, 0])
    }

    fn insert(generations: &mut Generations, ids: std::ops::Range<usize>) {
        let epoch = generations.epoch;
        generations.insert(epoch, ids.map(|id| (hash(id), Entry::Order)).collect());
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_forgotten_after_ten_minutes_at_most() {
        let (start, mut generations) = (Instant::now(), Generations::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        insert(&mut generations, 0..1);
        generations.renew(Epoch::default(), at(299));
        assert!(generations.get(hash(0)).is_some());
        generations.renew(Epoch::default(), at(550));
        assert!(generations.get(hash(0)).is_some(), "in the old generation");
        insert(&mut generations, 1..2);
        generations.renew(Epoch::default(), at(600));
        assert!(generations.get(hash(0)).is_none() && generations.get(hash(1)).is_some());
        generations.renew(Epoch::default(), at(1_500));
        assert!(generations.get(hash(1)).is_none());
    }

    #[test]
    fn there_are_never_more_than_two_generations_and_a_large_webhook_counts_each_of_its_events() {
        let mut generations = Generations::default();
        insert(&mut generations, 0..GENERATION_IDS_MAX * 3);
        assert_eq!(
            (generations.young.len(), generations.old.len()),
            (GENERATION_IDS_MAX, GENERATION_IDS_MAX)
        );
        assert!(
            generations.get(hash(0)).is_none() && generations.get(hash(GENERATION_IDS_MAX * 3 - 1)).is_some()
        );

        let key = Key { id: Id::new("evt").unwrap(), source: Id::new("shop").unwrap() };
        let digest = Digest { body: [0; 16], facts: [0; 16] };
        let told =
            || (0..1_000).map(|id| EventDigest { event: key.clone(), hash: hash(id), payment: None, digest });
        let webhooks = (0..1_000).map(|id| (hash(id), Entry::Webhook(told().collect())));
        generations.insert(Epoch::default(), webhooks.collect());
        let webhooks =
            |table: &Table| table.values().filter(|entry| matches!(entry, Entry::Webhook(_))).count();
        assert_eq!((webhooks(&generations.young), webhooks(&generations.old)), (200, 200));
    }

    #[test]
    fn a_table_never_grows_under_the_lock() {
        let mut generations = Generations::default();
        insert(&mut generations, 0..1);
        let room = generations.young.capacity();
        insert(&mut generations, 1..GENERATION_IDS_MAX);
        assert_eq!(generations.young.capacity(), room);
    }

    #[test]
    fn what_an_ended_epoch_remembered_is_forgotten_and_nothing_of_it_is_remembered_any_more() {
        let epochs = crate::store::Epochs::default();
        let (before, mut generations) = (epochs.now(), Generations::default());
        insert(&mut generations, 0..1);
        epochs.end();
        generations.renew(epochs.now(), Instant::now());
        assert!(generations.get(hash(0)).is_none());
        generations.insert(before, vec![(hash(1), Entry::Order)]);
        assert!(generations.get(hash(1)).is_none());
        generations.renew(before, Instant::now());
        assert_eq!(generations.epoch, epochs.now(), "an epoch never comes back");
    }
}
