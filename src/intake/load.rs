//! What the database knows of a batch: all of it is loaded, but for events that go without a load.

use foldhash::HashSet;
use tracing::{Instrument, debug_span};

use crate::order::{Event, Key, Snapshot};
use crate::store::{StoreError, Wanted};

use super::dedup_cache::Epoch;
use super::event_lane::EventLane;
use super::optimistic_insert::{can_be_first_event, is_new_to};
use super::pending::Pending;

/// What the database knew of a batch, and what must hold for remembering what is decided from it.
pub(super) struct Loaded {
    pub(super) snapshot: Snapshot,
    /// Events that were not looked up.
    pub(super) inserted_unloaded: HashSet<Key>,
    pub(super) epoch: Epoch,
    /// Of the connection.
    pub(super) generation: u64,
}

impl EventLane {
    /// All that the batch touches and that is not presumed to be new.
    pub(super) async fn load(&mut self, batch: &[Pending]) -> Result<Loaded, StoreError> {
        let (epoch, generation) = (self.shared.cache.epoch(), self.session.generation());
        let looks_new = |pending: &&Pending| {
            let event = &pending.event;
            pending.lock_wait.is_none() && can_be_first_event(event) && self.shared.cache.is_new(event)
        };
        let (new, others): (Vec<&Pending>, Vec<&Pending>) = batch.iter().partition(looks_new);
        if self.optimistic_insert.allows(new.len(), epoch) {
            let snapshot = self.look_up(others, generation).await?;
            let inserted_unloaded = new.into_iter().map(|pending| pending.event.key().clone()).collect();
            return Ok(Loaded { snapshot, inserted_unloaded, epoch, generation });
        }
        let snapshot = self.look_up(batch, generation).await?;
        let all_are_new = new.iter().all(|pending| is_new_to(&snapshot, &pending.event));
        self.optimistic_insert.note(all_are_new, new.len(), epoch);
        Ok(Loaded { snapshot, inserted_unloaded: HashSet::default(), epoch, generation })
    }

    async fn look_up<'b>(
        &mut self,
        batch: impl IntoIterator<Item = &'b Pending>,
        generation: u64,
    ) -> Result<Snapshot, StoreError> {
        let events: Vec<&Event> = batch.into_iter().map(|pending| &pending.event).collect();
        if events.is_empty() {
            return Ok(Snapshot::default());
        }
        let span = debug_span!("load", events = events.len());
        let loaded = self.session.load(&Wanted::of(&events)).instrument(span).await;
        self.forget_unless(generation);
        loaded
    }

    /// The database behind another connection may have forgotten.
    pub(super) fn forget_unless(&self, generation: u64) {
        if self.session.generation() != generation {
            self.shared.cache.forget();
        }
    }
}
