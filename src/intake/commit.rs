//! The commit of one batch: fold, save, answer; again from the load where somebody was faster.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{Instrument, debug_span};

use crate::backoff::Backoff;
use crate::order::{Changes, Event, Outcome, Receipt, Statement, decide};
use crate::store::StoreError;

use super::Refusal;
use super::event_lane::EventLane;
use super::load::Loaded;
use super::pending::{Pending, split};

/// After so many races a batch is split: a large one starves beside single events.
const RACES_BEFORE_SPLIT: u32 = 2;
/// Into so many parts.
const PARTS: usize = 4;
/// The waits of a part that cannot be split further, before it tries again.
const RACE_RETRY: Backoff = Backoff::new(Duration::from_millis(16), Duration::from_millis(16));
/// Tries of a part on a database that does not answer.
const DATABASE_TRIES_MAX: u32 = 3;
/// The waits between them.
const DATABASE_RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(400));

/// A part of a batch that is saved as one.
struct Part {
    events: Vec<Pending>,
    /// Of these events at least, for the first attempt.
    loaded: Option<Result<Loaded, StoreError>>,
    races: u32,
    tries: u32,
}

impl Part {
    fn of(events: Vec<Pending>) -> Self {
        Self { events, loaded: None, races: 0, tries: 0 }
    }
}

impl EventLane {
    /// Commits a batch, of which at least its events may be loaded already, and answers every event of it.
    pub(super) async fn commit(&mut self, batch: Vec<Pending>, loaded: Option<Result<Loaded, StoreError>>) {
        let mut parts = VecDeque::from([Part { loaded, ..Part::of(batch) }]);
        while let Some(mut part) = parts.pop_front() {
            part.events = refuse_late(part.events);
            if part.events.is_empty() {
                continue;
            }
            match self.attempt(&mut part).await {
                Ok(receipts) => self.answer(part.events, receipts),
                Err(StoreError::Stale(phase)) => raced(part, &phase, &mut parts).await,
                Err(StoreError::Refused { code, message }) => {
                    refused(part.events, &code, &message, &mut parts)
                }
                Err(error @ (StoreError::Unavailable(_) | StoreError::Misconfigured(_))) => {
                    unavailable(part, &error, &mut parts).await;
                }
            }
        }
    }

    /// The heart: what is known, what follows from it, what must be written. Remembers what it stored, unless its connection
    /// was lost on the way.
    async fn attempt(&mut self, part: &mut Part) -> Result<Vec<Receipt>, StoreError> {
        let loaded = match part.loaded.take() {
            Some(loaded) => loaded,
            None => self.load(&part.events).await,
        };
        let Loaded { snapshot, inserted_unloaded, epoch, generation } = loaded?;
        let snapshot = if part.tries == 0 { snapshot.saved_by_others() } else { snapshot };
        let events: Vec<&Event> = part.events.iter().map(|pending| &pending.event).collect();
        let (receipts, changes) = decide(snapshot, &events);
        if !changes.is_empty() {
            let save = debug_span!("save", events = changes.events.len(), orders = changes.orders.len());
            let saved = self.session.save(&changes).instrument(save).await;
            self.forget_unless(generation);
            let presumed = events.iter().filter(|event| inserted_unloaded.contains(event.key())).count();
            self.optimistic_insert.learn(&saved, presumed, epoch);
            match saved {
                // What is known must not become a dead event because its insert was refused before its key was asked.
                Err(StoreError::Refused { message, .. }) if presumed > 0 => {
                    return Err(StoreError::Stale(message));
                }
                other => other?,
            }
        }
        tell_anomalies(&changes);
        self.shared.cache.remember(epoch, &events, &receipts);
        Ok(receipts)
    }

    fn answer(&self, batch: Vec<Pending>, receipts: Vec<Receipt>) {
        for (pending, receipt) in batch.into_iter().zip(receipts) {
            tell_operator(&pending.event, &receipt);
            let duplicates = pending.repeats() + usize::from(receipt.outcome == Outcome::Duplicate);
            for _ in 0..duplicates {
                self.shared.tally.count(pending.event.key());
            }
            pending.answer(Ok(receipt));
        }
    }
}

/// Those whose deadline has passed are told so and left out; the rest is worth an attempt.
fn refuse_late(batch: Vec<Pending>) -> Vec<Pending> {
    let now = Instant::now();
    let (late, timely): (Vec<_>, Vec<_>) = batch.into_iter().partition(|pending| pending.deadline <= now);
    for pending in late {
        pending.answer(Err(Refusal::DeadlinePassed));
    }
    timely
}

/// Another save was faster, or what was presumed new is known, so it is worth trying again at once; a batch that keeps
/// losing is split.
async fn raced(mut part: Part, phase: &str, parts: &mut VecDeque<Part>) {
    metrics::counter!("paylatch_save_races_total").increment(1);
    tracing::debug!(phase, events = part.events.len(), races = part.races, "raced; loading again");
    part.races = part.races.saturating_add(1);
    if part.races < RACES_BEFORE_SPLIT {
        return parts.push_front(part);
    }
    let (races, tries) = (part.races, part.tries);
    let split = split(part.events, PARTS);
    if split.len() == 1 {
        sleep(RACE_RETRY.wait(0)).await;
    }
    for events in split {
        parts.push_back(Part { races: races.saturating_sub(1), tries, ..Part::of(events) });
    }
}

/// The database refuses the data of one event at least: find it by halving, so that it cannot fail its neighbours.
fn refused(mut events: Vec<Pending>, code: &str, message: &str, parts: &mut VecDeque<Part>) {
    if events.len() > 1 {
        let second = events.split_off(events.len() / 2);
        parts.push_front(Part::of(second));
        parts.push_front(Part::of(events));
        return;
    }
    for pending in events {
        if matches!(pending.event.statement(), Statement::Dead(_)) {
            tracing::error!(event = %pending.event.key(), code, message, "the database refuses a dead event");
            pending.answer(Err(Refusal::DatabaseAway));
        } else {
            let reason = format!("the database refuses its data ({code})");
            parts.push_front(Part::of(vec![pending.into_dead(reason)]));
        }
    }
}

/// A lost connection or an unknown COMMIT starts again from the load, a few times: the unique keys make that harmless.
async fn unavailable(mut part: Part, error: &StoreError, parts: &mut VecDeque<Part>) {
    metrics::counter!("paylatch_database_errors_total").increment(1);
    let failed_before = part.tries;
    part.tries = failed_before.saturating_add(1);
    if part.tries >= DATABASE_TRIES_MAX {
        tracing::warn!(%error, events = part.events.len(), "not stored; the senders are told to send again");
        for pending in part.events {
            pending.answer(Err(Refusal::DatabaseAway));
        }
        return;
    }
    tracing::debug!(%error, tries = part.tries, "trying the database again");
    sleep(DATABASE_RETRY.wait(failed_before)).await;
    parts.push_front(part);
}

/// A refund may be told before its capture, so an anomaly is news, and an alarm only when the gauge keeps showing it.
fn tell_anomalies(changes: &Changes<'_>) {
    for rewrite in &changes.orders {
        if let Some(anomaly) = rewrite.row.as_ref().and_then(|row| row.anomaly) {
            tracing::info!(source = %rewrite.order.source, order = %rewrite.order.id, "anomaly {anomaly}");
        }
    }
}

/// One line for each decision that needs a person.
fn tell_operator(event: &Event, receipt: &Receipt) {
    match receipt.outcome {
        Outcome::Parked | Outcome::Conflict | Outcome::Dead => tracing::warn!(
            source = %event.key().source,
            event = %event.key().id,
            r#type = event.type_name(),
            reason = receipt.reason.as_deref().unwrap_or_default(),
            "{}",
            receipt.outcome
        ),
        Outcome::Applied | Outcome::Restated | Outcome::Noted | Outcome::Duplicate => tracing::debug!(
            source = %event.key().source,
            event = %event.key().id,
            r#type = event.type_name(),
            "{}",
            receipt.outcome
        ),
    }
}
