//! Group commit: the one mechanism that carries the load.

use std::time::Duration;

use tokio::time::Instant;

use crate::lock::Locks;
use crate::order::{Event, Receipt};
use crate::store::Store;

/// The limits of intake.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many batches are in work at once.
    pub lanes: usize,
    /// Events in a batch.
    pub batch_events_max: usize,
    /// Events waiting.
    pub queue_events_max: usize,
    /// Bytes of bodies waiting.
    pub queue_bytes_max: usize,
    /// From a webhook's last body byte to its answer.
    pub deadline: Duration,
    /// How long a busy order is waited for.
    pub lock_wait: Duration,
}

/// Takes events and answers receipts. Cheap to clone; when the last clone is dropped, the lanes drain.
#[derive(Debug, Clone)]
pub struct Intake {}

/// Why events were not made durable. Always worth sending again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The queue holds as much as it may.
    #[error("the queue is full")]
    QueueFull,
    /// The order's lock was held by another for the whole wait.
    #[error("the order is busy")]
    LockBusy,
    /// The database does not answer.
    #[error("the database is away")]
    DatabaseAway,
    /// The deadline passed.
    #[error("the deadline passed")]
    DeadlinePassed,
    /// The process is ending.
    #[error("shutting down")]
    ShuttingDown,
    /// The lane that had them panicked.
    #[error("the lane failed")]
    LaneFailed,
}

impl Intake {
    /// Starts the lanes. The handle that is returned ends when all clones of the intake are dropped and drained.
    #[must_use]
    pub fn start(settings: &Settings, locks: Locks, store: Store) -> (Self, tokio::task::JoinHandle<()>) {
        let _ = (settings, locks, store);
        todo!()
    }
    /// Makes the events of one webhook durable and tells what became of each, in their order.
    ///
    /// Dropping the future does not stop the work.
    ///
    /// # Errors
    /// [`Refusal`] when not all of them are durable.
    pub async fn process(&self, events: Vec<Event>, last_byte_at: Instant) -> Result<Vec<Receipt>, Refusal> {
        let _ = (events, last_byte_at);
        todo!()
    }
}
