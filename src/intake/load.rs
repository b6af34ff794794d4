//! What the database knows of a batch: all of it is loaded, but for events that go without a load.

use foldhash::HashSet;
use tracing::{Instrument, debug_span};

use crate::order::{Event, Key, Snapshot};
use crate::store::{StoreError, Wanted};

use super::event_lane::EventLane;
use super::loaded::Loaded;
use super::optimistic_insert::{can_be_first_event, is_new_to};
use super::pending::Pending;

impl EventLane {
    /// Loads all that the batch touches, but for events that are inserted without a load.
    pub(super) async fn load(&mut self, batch: &[Pending]) -> Result<Loaded, StoreError> {
        // Opening a connection begins an epoch; what is loaded by it belongs to that one.
        self.session.connect().await?;
        let epoch = self.database.epochs().now();
        let is_unknown = self.shared.cache.look_new(batch.iter().map(|pending| &pending.hashes));
        let (mut new, mut others, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for (pending, is_unknown) in batch.iter().zip(is_unknown) {
            let event = &pending.event;
            if self.large_orders.concern(pending) {
                alone.push(event.key().clone());
                continue;
            }
            let looks_new = is_unknown && pending.lock_wait.is_none() && can_be_first_event(event);
            if looks_new { new.push(event) } else { others.push(event) }
        }
        if self.optimistic_insert.allows(new.len(), epoch) {
            let snapshot = self.look_up(&others, alone).await?;
            let inserted_unloaded = new.into_iter().map(|event| event.key().clone()).collect();
            return Ok(Loaded { snapshot, inserted_unloaded, epoch });
        }
        others.extend(&new);
        let snapshot = self.look_up(&others, alone).await?;
        let all_are_new = new.iter().all(|event| is_new_to(&snapshot, event));
        self.optimistic_insert.note(all_are_new, new.len(), epoch);
        Ok(Loaded { snapshot, inserted_unloaded: HashSet::default(), epoch })
    }

    /// Everything that `events` touch, and of those `alone` whether they are stored.
    async fn look_up(&mut self, events: &[&Event], alone: Vec<Key>) -> Result<Snapshot, StoreError> {
        if events.is_empty() && alone.is_empty() {
            return Ok(Snapshot::default());
        }
        let mut wanted = Wanted::of(events);
        wanted.events.extend(alone);
        wanted.events.sort_unstable();
        wanted.order_events_max = Some(self.shared.settings.order_events_max);
        let span = debug_span!("load", events = wanted.events.len());
        let snapshot = self.session.load(&wanted).instrument(span).await?;
        self.large_orders.learn(&snapshot);
        Ok(snapshot)
    }
}
