//! An event on its way through a lane, with those who wait for its receipt; folding repeats, and splitting a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::{Span, debug_span};

use crate::order::{Event, Evidence, Key, Outcome, Receipt};

use super::Refusal;
use super::generations::Hashes;
use super::lane::answered;

/// The room that a webhook takes in the queue until the last of its events is answered.
#[derive(Debug)]
pub(super) struct Room {
    events: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
    queued: Gauge,
}

impl Room {
    pub(super) fn new(events: OwnedSemaphorePermit, bytes: OwnedSemaphorePermit, queued: &Gauge) -> Self {
        queued.increment(events.num_permits() as f64);
        Self { events, _bytes: bytes, queued: queued.clone() }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.queued.decrement(self.events.num_permits() as f64);
    }
}

/// An event that waits for its commit.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) event: Event,
    /// What stands for it in the cache.
    pub(super) hashes: Hashes,
    /// What is leased for it.
    pub(super) lock_key: Option<Key>,
    /// When its sender is told 503, whatever happens.
    pub(super) deadline: Instant,
    /// Its order was held by another: since when, and how often it was tried.
    pub(super) lock_wait: Option<LockWait>,
    /// The same event again, delivered while this one waited.
    repeats: Vec<Pending>,
    reply: oneshot::Sender<Result<Receipt, Refusal>>,
    /// Of the webhook that brought it.
    span: Span,
    _room: Arc<Room>,
}

/// A wait for a busy order.
#[derive(Debug, Clone, Copy)]
pub(super) struct LockWait {
    pub(super) since: Instant,
    pub(super) tries: u32,
}

/// What a handler awaits.
pub(super) enum Answer {
    /// Answered from memory.
    Known(Receipt),
    /// In a lane.
    Awaited(oneshot::Receiver<Result<Receipt, Refusal>>),
}

impl Answer {
    /// The receipt, at the deadline at the latest.
    pub(super) async fn receipt(self, deadline: Instant) -> Result<Receipt, Refusal> {
        match self {
            Self::Known(receipt) => Ok(receipt),
            Self::Awaited(reply) => answered(reply, deadline).await,
        }
    }
}

impl Pending {
    pub(super) fn new(
        (event, hashes): (Event, Hashes),
        lock_key: Option<Key>,
        deadline: Instant,
        room: Arc<Room>,
    ) -> (Self, Answer) {
        let (reply, answer) = oneshot::channel();
        let span = Span::current();
        let pending = Self {
            event,
            hashes,
            lock_key,
            deadline,
            lock_wait: None,
            repeats: Vec::new(),
            reply,
            span,
            _room: room,
        };
        (pending, Answer::Awaited(answer))
    }

    /// Tells the sender, and those of its repeats that they were duplicates, or conflicts as it was one. A sender that hung up is told by its
    /// provider's next delivery.
    pub(super) fn answer(self, answer: Result<Receipt, Refusal>) {
        for repeat in self.repeats {
            let repeated = answer.clone();
            repeat.answer(repeated.map(of_repeat));
        }
        drop(self.reply.send(answer));
    }

    /// How many times the event was repeated while it waited.
    pub(super) fn repeats(&self) -> usize {
        self.repeats.len()
    }

    /// Takes a later delivery of the event along, with those that it has taken along itself.
    fn repeat(&mut self, mut again: Self) {
        self.repeats.append(&mut again.repeats);
        self.repeats.push(again);
    }

    /// Replaces the event by what can be stored of it.
    pub(super) fn into_dead(mut self, reason: String) -> Self {
        let (key, evidence) = (self.event.key(), self.event.evidence());
        let evidence = Evidence { headers: without_nul(&evidence.headers), ..evidence.clone() };
        self.event = Event::dead(key.source.clone(), Some(key.id.clone()), reason, evidence);
        self
    }

    fn repeats_event(&self, first: &Event) -> bool {
        self.event.evidence().body_sha256 == first.evidence().body_sha256
            || self.event.facts_sha256() == first.facts_sha256()
    }
}

/// The receipt of one more delivery of what was just answered.
fn of_repeat(first: Receipt) -> Receipt {
    match first.outcome {
        Outcome::Conflict => first,
        _ => Receipt { outcome: Outcome::Duplicate, reason: None, ..first },
    }
}

/// Kept headers that every database can hold: Postgres' jsonb has no NUL, although JSON has.
fn without_nul(headers: &str) -> String {
    let mut kept: BTreeMap<String, String> = serde_json::from_str(headers).unwrap_or_default();
    for value in kept.values_mut() {
        value.retain(|char| char != '\0');
    }
    kept.retain(|name, _| !name.contains('\0'));
    serde_json::to_string(&kept).unwrap_or_else(|_| "{}".to_owned())
}

/// The span of a batch. It belongs to the trace of its first webhook, and names those of the others.
pub(super) fn span_of(batch: &[Pending]) -> Span {
    let Some((first, rest)) = batch.split_first() else { return Span::none() };
    let span = debug_span!(parent: &first.span, "batch", events = batch.len());
    if !span.is_disabled() {
        for pending in rest {
            span.follows_from(&pending.span);
        }
    }
    span
}

/// Folds repeats: one id twice is one event. An id that comes with other facts is returned apart: it must meet the
/// first one in the database.
pub(super) fn fold_repeats(gathered: Vec<Pending>) -> (Vec<Pending>, Vec<Pending>) {
    let mut batch: Vec<Pending> = Vec::with_capacity(gathered.len());
    let mut place: HashMap<Key, usize> = HashMap::with_capacity(gathered.len());
    let mut contradicting = Vec::new();
    for pending in gathered {
        match place.get(pending.event.key()).and_then(|index| batch.get_mut(*index)) {
            None => {
                place.insert(pending.event.key().clone(), batch.len());
                batch.push(pending);
            }
            Some(first) if pending.repeats_event(&first.event) => first.repeat(pending),
            Some(_) => contradicting.push(pending),
        }
    }
    (batch, contradicting)
}

/// Splits a batch into at most `parts` of about equal size; the events of one payment stay together.
pub(super) fn split(batch: Vec<Pending>, parts: usize) -> Vec<Vec<Pending>> {
    let mut payments: BTreeMap<Key, Vec<Pending>> = BTreeMap::new();
    for pending in batch {
        let key = pending.event.payment_key().unwrap_or_else(|| pending.event.key().clone());
        payments.entry(key).or_default().push(pending);
    }
    let mut split: Vec<Vec<Pending>> = Vec::new();
    split.resize_with(parts.min(payments.len()), Vec::new);
    for events in payments.into_values() {
        if let Some(smallest) = split.iter_mut().min_by_key(|part| part.len()) {
            smallest.extend(events);
        }
    }
    split
}
