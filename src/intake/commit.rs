//! The commit of one batch: fold, save, answer; again from the load where somebody was faster.

use std::collections::VecDeque;

use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use crate::order::{Changes, Event, Order, Outcome, Receipt, decide};
use crate::store::StoreError;

use super::Refusal;
use super::event_lane::EventLane;
use super::loaded::Loaded;
use super::pending::Pending;
use super::retry::{Part, after};

impl EventLane {
    /// Commits a batch, of which at least its events may be loaded already, and answers every event of it.
    pub(super) async fn commit_leased(
        &mut self,
        batch: Vec<Pending>,
        loaded: Option<Result<Loaded, StoreError>>,
    ) {
        let mut parts = VecDeque::from([Part::of(batch).loaded(loaded)]);
        while let Some(mut part) = parts.pop_front() {
            part.events = refuse_late(part.events);
            if part.events.is_empty() {
                continue;
            }
            match self.attempt(&mut part).await {
                Ok(receipts) => self.answer(part.events, receipts),
                Err(error) => after(error, part, &mut parts).await,
            }
        }
    }

    /// One attempt: loads unless that was done, decides, saves, and remembers in the cache what was stored.
    async fn attempt(&mut self, part: &mut Part) -> Result<Vec<Receipt>, StoreError> {
        let loaded = match part.loaded.take() {
            Some(loaded) => loaded,
            None => self.load(&part.events).await,
        };
        let Loaded { snapshot, inserted_unloaded, epoch } = loaded?;
        let snapshot = if part.may_be_saved { snapshot } else { snapshot.saved_by_others() };
        self.large_orders.park(&mut part.events, &snapshot, self.shared.settings.order_events_max);
        let events: Vec<&Event> = part.events.iter().map(|pending| &pending.event).collect();
        let (mut receipts, mut changes) = decide(snapshot, &events);
        for (event, receipt) in events.iter().zip(&mut receipts) {
            if receipt.outcome == Outcome::Conflict && !self.contradicts(event).await? {
                (receipt.outcome, receipt.reason) = (Outcome::Duplicate, None);
                changes.conflicts.retain(|conflict| conflict.key() != event.key());
            }
        }
        if !changes.is_empty() {
            let save = debug_span!("save", events = changes.events.len(), orders = changes.orders.len());
            let saved = self.session.save(&changes).instrument(save).await;
            let unloaded = events.iter().filter(|event| inserted_unloaded.contains(event.key())).count();
            self.optimistic_insert.learn(&saved, unloaded, epoch);
            part.may_be_saved |= matches!(saved, Err(StoreError::Unknown(_)));
            match saved {
                // The event may be stored already: it must not become dead because its data was refused before its key was compared.
                Err(StoreError::Refused { message, .. } | StoreError::Blocked(message)) if unloaded > 0 => {
                    return Err(StoreError::Stale(message));
                }
                other => other?,
            }
        }
        for event in &changes.purged {
            self.session.restore_body(event).await?;
        }
        if let Some(last) = changes.events.last() {
            self.shared.milestones.note(last.event);
        }
        tell_anomalies(&changes);
        let stored = part.events.iter().map(|pending| (&pending.event, &pending.hashes));
        self.shared.cache.remember(epoch, stored, &receipts);
        Ok(receipts)
    }

    fn answer(&self, batch: Vec<Pending>, receipts: Vec<Receipt>) {
        for (pending, receipt) in batch.into_iter().zip(receipts) {
            tell_operator(&pending.event, &receipt);
            self.shared.tally.count_many(pending.event.key(), duplicates(&pending, receipt.outcome));
            pending.answer(Ok(receipt));
        }
    }
}

/// How many deliveries of an answered event are duplicates of the stored one: repeats of a conflict are conflicts.
fn duplicates(pending: &Pending, outcome: Outcome) -> usize {
    match outcome {
        Outcome::Conflict => 0,
        Outcome::Duplicate => pending.repeats() + 1,
        Outcome::Applied | Outcome::Restated | Outcome::Noted | Outcome::Parked | Outcome::Dead => {
            pending.repeats()
        }
    }
}

/// Answers 503 to the events whose deadline has passed, and returns the others.
fn refuse_late(batch: Vec<Pending>) -> Vec<Pending> {
    let now = Instant::now();
    let (late, timely): (Vec<_>, Vec<_>) = batch.into_iter().partition(|pending| pending.deadline <= now);
    for pending in late {
        pending.answer(Err(Refusal::DeadlinePassed));
    }
    timely
}

/// Logs anomalies of changed orders, at `info`: one may pass, as when a refund arrives before its capture. The alarm is on the
/// gauge, when it keeps showing one.
fn tell_anomalies(changes: &Changes<'_>) {
    for rewrite in &changes.orders {
        if let Some(anomaly) = rewrite.row.as_ref().and_then(Order::anomaly) {
            tracing::info!(source = %rewrite.order.source, order = %rewrite.order.id, "anomaly {anomaly}");
        }
    }
}

/// Logs each decision: at `warn` where it needs a person, else at `debug`.
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
