//! Decides what becomes of a part of a batch that could not be saved: it is tried again, split, stored as dead, or answered 503.
//!
//! A part that fails is split until the event that makes it fail is alone, so no event costs its neighbours more than a few
//! attempts.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::sleep;

use crate::backoff::Backoff;
use crate::order::Statement;
use crate::store::StoreError;

use super::Refusal;
use super::loaded::Loaded;
use super::pending::{Pending, split};

/// After so many failures a batch is split: a large one starves beside single events.
const FAILURES_BEFORE_SPLIT: u32 = 2;
/// Into so many parts.
const PARTS: usize = 4;
/// The waits of a part that cannot be split further, before it races again.
const RACE_RETRY: Backoff = Backoff::new(Duration::from_millis(16), Duration::from_millis(16));
/// Tries of a part on a database that does not answer.
const DATABASE_TRIES_MAX: u32 = 3;
/// The waits between them.
const DATABASE_RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(400));

/// A part of a batch that is saved as one.
pub(super) struct Part {
    pub(super) events: Vec<Pending>,
    /// Of these events at least, for the first attempt.
    pub(super) loaded: Option<Result<Loaded, StoreError>>,
    /// The reply to one of its saves was lost: what is stored now may be its own.
    pub(super) may_be_saved: bool,
    races: u32,
    tries: u32,
}

impl Part {
    pub(super) fn of(events: Vec<Pending>) -> Self {
        Self { events, loaded: None, may_be_saved: false, races: 0, tries: 0 }
    }

    /// With what is loaded of its events already.
    pub(super) fn loaded(self, loaded: Option<Result<Loaded, StoreError>>) -> Self {
        Self { loaded, ..self }
    }

    /// The same history for other events.
    fn with(&self, events: Vec<Pending>) -> Self {
        Self { may_be_saved: self.may_be_saved, races: self.races, tries: self.tries, ..Self::of(events) }
    }

    /// In quarters; the events of one payment stay together. Each may fail once before it is split again.
    fn quarters(mut self) -> Vec<Self> {
        let events = std::mem::take(&mut self.events);
        self.races = self.races.min(FAILURES_BEFORE_SPLIT - 1);
        split(events, PARTS).into_iter().map(|events| self.with(events)).collect()
    }

    /// In halves, to find what is refused.
    fn halves(mut self) -> [Self; 2] {
        let second = self.events.split_off(self.events.len() / 2);
        let first = std::mem::take(&mut self.events);
        [self.with(first), self.with(second)]
    }
}

/// Puts what is worth another attempt before or behind the parts that wait, and answers the rest.
pub(super) async fn after(error: StoreError, part: Part, parts: &mut VecDeque<Part>) {
    match error {
        StoreError::Stale(what) => stale(part, &what, parts).await,
        StoreError::Refused { .. } | StoreError::Blocked(_) if part.events.len() > 1 => {
            let [first, second] = part.halves();
            parts.push_front(second);
            parts.push_front(first);
        }
        StoreError::Refused { code, message } => refused(part, &code, &message, parts),
        StoreError::Blocked(why) => {
            for pending in part.events {
                tracing::error!(event = %pending.event.key(), why, "a trigger or constraint in the database that is not Paylatch's blocks the event; it is answered 503");
                pending.answer(Err(Refusal::DatabaseUnfit));
            }
        }
        error @ (StoreError::Unavailable(_)
        | StoreError::Unknown(_)
        | StoreError::Busy(_)
        | StoreError::Forbidden(_)
        | StoreError::Misconfigured(_)) => {
            failed(part, &error, parts).await;
        }
    }
}

/// Another save was faster, or what was inserted without a load is known, so it is worth trying again at once; a batch that
/// keeps losing is split.
async fn stale(mut part: Part, what: &str, parts: &mut VecDeque<Part>) {
    metrics::counter!("paylatch_save_races_total").increment(1);
    tracing::debug!(
        what,
        events = part.events.len(),
        races = part.races,
        "another save was faster; loading again"
    );
    part.races = part.races.saturating_add(1);
    if part.races < FAILURES_BEFORE_SPLIT {
        return parts.push_front(part);
    }
    let quarters = part.quarters();
    if quarters.len() == 1 {
        sleep(RACE_RETRY.wait(0)).await;
    }
    parts.extend(quarters);
}

/// The one event whose data the database refuses is stored as dead; a dead one holds nothing that a database could refuse.
fn refused(part: Part, code: &str, message: &str, parts: &mut VecDeque<Part>) {
    for pending in part.events {
        if matches!(pending.event.statement(), Statement::Dead(_)) {
            tracing::error!(event = %pending.event.key(), code, message, "the database refuses a dead event");
            pending.answer(Err(Refusal::DatabaseUnfit));
        } else {
            let reason = format!("the database refuses its data ({code})");
            parts.push_front(Part::of(vec![pending.into_dead(reason)]));
        }
    }
}

/// The database is away, or nobody knows what became of the save: it starts again from the load, a few times; the unique keys
/// make that harmless. An answer that does not come may be the fault of one event's order, so the batch is split.
async fn failed(mut part: Part, error: &StoreError, parts: &mut VecDeque<Part>) {
    metrics::counter!("paylatch_database_errors_total").increment(1);
    let failed_before = part.tries;
    part.tries = failed_before.saturating_add(1);
    let may_be_an_order = matches!(error, StoreError::Unknown(_)) && part.tries >= FAILURES_BEFORE_SPLIT;
    if may_be_an_order && part.events.len() > 1 {
        part.tries = failed_before;
        return parts.extend(part.quarters());
    }
    if part.tries >= DATABASE_TRIES_MAX {
        tracing::warn!(%error, events = part.events.len(), "not stored; the senders are told to send again");
        for pending in part.events {
            pending.answer(Err(error.into()));
        }
        return;
    }
    tracing::debug!(%error, tries = part.tries, "trying the database again");
    sleep(DATABASE_RETRY.wait(failed_before)).await;
    parts.push_front(part);
}

impl From<&StoreError> for Refusal {
    /// What a sender is told where trying again did not help.
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Misconfigured(_)
            | StoreError::Forbidden(_)
            | StoreError::Blocked(_)
            | StoreError::Refused { .. } => Self::DatabaseUnfit,
            StoreError::Unavailable(_)
            | StoreError::Unknown(_)
            | StoreError::Busy(_)
            | StoreError::Stale(_) => Self::DatabaseAway,
        }
    }
}
