//! Why intake did not make events durable, so that their webhook is answered 503.

/// Why events were not made durable. Always worth sending again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// As much is waiting as may wait.
    #[error("the queue is full")]
    QueueFull,
    /// Another held the order's lock for the whole wait.
    #[error("the order is busy")]
    LockBusy,
    /// The database does not answer.
    #[error("the database is away")]
    DatabaseAway,
    /// The database answers and cannot be used as it is, or something in it that is not ours blocks the event.
    #[error("the database cannot be used as it is")]
    DatabaseUnfit,
    /// The deadline passed. The events may have been stored all the same.
    #[error("the deadline passed")]
    DeadlinePassed,
    /// The process is ending.
    #[error("shutting down")]
    ShuttingDown,
    /// The lane that had them panicked.
    #[error("the lane failed")]
    LaneFailed,
}
