//! Reads a stored event again by today's definitions, to tell whether another delivery contradicts it. Intake knows no provider:
//! it is given a function that reads.

use std::fmt;
use std::sync::Arc;

use crate::order::Event;
use crate::store::{StoreError, StoredEvent};

use super::event_lane::EventLane;

type Read = dyn Fn(&StoredEvent) -> Option<Event> + Send + Sync;

/// Reads stored events by the definitions of today. Cheap to clone.
#[derive(Clone)]
pub struct Reader(Arc<Read>);

impl Reader {
    /// `read` answers what a stored event says today; `None` where its body is gone or its source is not configured.
    pub fn new(read: impl Fn(&StoredEvent) -> Option<Event> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Of whom no definitions are known: what is stored says what it said.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|_| None)
    }

    fn read(&self, stored: &StoredEvent) -> Option<Event> {
        (self.0)(stored)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl EventLane {
    /// Whether `event` contradicts the body that is stored under its id, and not only what an older definition has read from
    /// it: definitions change between two deliveries.
    pub(super) async fn contradicts(&mut self, event: &Event) -> Result<bool, StoreError> {
        let stored = self.session.stored(event.key()).await?;
        let today = stored.and_then(|stored| self.shared.reader.read(&stored));
        Ok(today
            .is_none_or(|today| today.key() != event.key() || today.facts_sha256() != event.facts_sha256()))
    }
}
