//! One committed event a second: after a failover they tell from when on acknowledged events are missing.
//!
//! A database loses the end of its log and nothing before it, so the newest event that is still there parts what is kept from
//! what may be missing. The server alone does not tell: a restored backup has the same timeline.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::order::{Event, Key, UnixMicros};
use crate::store::{Session, StoreError, Wanted};

/// How many are kept: of the last ten minutes.
const MILESTONES_MAX: usize = 600;

/// When an event arrived, and which.
type Milestone = (UnixMicros, Key);

/// The events that this process committed, one of each second.
#[derive(Debug, Default)]
pub(super) struct Milestones {
    latest: Mutex<Option<Milestone>>,
}

/// What the task of each second keeps of them.
#[derive(Debug, Default)]
pub(super) struct Past(VecDeque<Milestone>);

impl Milestones {
    /// Notes a committed event.
    pub(super) fn note(&self, event: &Event) {
        let milestone = (event.evidence().received_at, event.key().clone());
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(milestone);
    }

    fn take(&self) -> Option<Milestone> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Past {
    /// Keeps the latest one.
    pub(super) fn keep(&mut self, milestones: &Milestones) {
        self.0.extend(milestones.take());
        if self.0.len() > MILESTONES_MAX {
            self.0.pop_front();
        }
    }

    /// Since when events are missing: the arrival of the newest that is stored, or of the oldest if none is; `None` when
    /// nothing is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) async fn missing_since(
        &self,
        session: &mut Session,
    ) -> Result<Option<UnixMicros>, StoreError> {
        let Some(((_, latest), (oldest, _))) = self.0.back().zip(self.0.front()) else { return Ok(None) };
        let mut events: Vec<Key> = self.0.iter().map(|(_, key)| key.clone()).collect();
        events.sort_unstable();
        events.dedup();
        let stored = session.load(&Wanted { events, ..Wanted::default() }).await?.known;
        if stored.contains_key(latest) {
            return Ok(None);
        }
        let newest = self.0.iter().rev().find(|(_, key)| stored.contains_key(key));
        Ok(Some(newest.map_or(*oldest, |(received_at, _)| *received_at)))
    }
}
