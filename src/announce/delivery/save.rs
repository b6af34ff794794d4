//! Saves how far an endpoint was told, in one statement after the answers.

use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::{Delivery, Ended};
use crate::announce::progress::later;
use crate::store::{Note, Resync};

impl Delivery<'_> {
    /// Keeps what late answers brought, if they did.
    pub(super) async fn note_what_came(&mut self) -> Result<(), Ended> {
        if self.progress.has_news() {
            self.note(self.owned.resync.clone(), true).await?;
        }
        Ok(())
    }

    /// Keeps how far it came, if anything is new. `is_whole`: all of the page is settled.
    pub(super) async fn note(&mut self, resync: Option<Resync>, is_whole: bool) -> Result<(), Ended> {
        let kept = self.progress.take();
        for wait in kept.waits.iter().filter(|wait| wait.given_up_at.is_some()) {
            self.count("given_up", 1);
            let error = wait.error.as_deref().unwrap_or_default();
            warn!(endpoint = self.settings.name, of = %wait.subject, error, "the endpoint refused this too often and is not told of it any more; `paylatch announcements --given-up` lists what was given up");
        }
        let clock = (self.context.now)();
        let probe_in = self.breaker.opens_at().map(|at| at.saturating_duration_since(Instant::now()));
        let state = if self.owned.is_paused { "paused" } else { self.breaker.word() };
        let note = Note {
            cursor: self.progress.cursor(),
            epoch: self.owned.epoch,
            state,
            failures: self.breaker.failures(),
            probe_at: probe_in.map(|wait| later(clock, wait)),
            error: self.error.take(),
            told_at: self.told_at.take(),
            resync: if is_whole { resync } else { self.owned.resync.clone() },
            told: kept.told,
            raised: kept.raised,
            waits: kept.waits,
        };
        if self.is_new(&note)
            && !self.context.store.note_told(&self.settings.name, self.owned.term, &note, clock).await?
        {
            return Err(Ended::Lost);
        }
        self.must_note = false;
        (self.owned.cursor, self.owned.resync) = (note.cursor, note.resync);
        self.owned.failures = note.failures;
        Ok(())
    }

    fn is_new(&self, note: &Note) -> bool {
        let has_rows = !(note.told.is_empty() && note.raised.is_empty() && note.waits.is_empty());
        let has_moved = note.cursor != self.owned.cursor || note.resync != self.owned.resync;
        let has_failed = note.failures != self.owned.failures || note.error.is_some();
        has_rows
            || has_moved
            || has_failed
            || note.told_at.is_some()
            || self.owned.is_paused
            || self.must_note
    }

    /// Awaits what is in flight until `until`, keeps what was told, and lets another process own the endpoint.
    pub(in crate::announce) async fn leave(&mut self, until: Instant) {
        while self.in_flight.len() > 0 {
            tokio::select! {
                (messages, answer) = self.in_flight.next() => self.settle(messages, answer),
                () = sleep_until(until) => break,
            }
        }
        if self.note(self.owned.resync.clone(), false).await.is_ok() {
            let _ = self.context.store.disown_endpoint(&self.settings.name, self.owned.term).await;
        }
    }
}
