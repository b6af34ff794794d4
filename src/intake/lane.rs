//! What every lane is: a task that commits all that has gathered in its queue, again and again.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::Refusal;

/// A lane that panics twice within this is broken, not unlucky.
const PANIC_APART_MIN: Duration = Duration::from_secs(60);

/// A queue whose requests are committed in groups, over a database session of its own.
pub(super) trait Lane: Send {
    /// Commits what has gathered until the queue is closed and drained.
    fn run(&mut self) -> impl Future<Output = ()> + Send;

    /// Replaces what a panic may have left half done.
    fn reopen(&mut self);
}

/// Runs a lane to its end. A panic costs the waiters of one batch a 503; a second one soon after ends the lane, and with
/// it the process.
pub(super) async fn supervised(mut lane: impl Lane) {
    let mut panicked_at: Option<Instant> = None;
    while let Err(panic) = AssertUnwindSafe(lane.run()).catch_unwind().await {
        metrics::counter!("paylatch_lane_panics_total").increment(1);
        if panicked_at.is_some_and(|at| at.elapsed() < PANIC_APART_MIN) {
            tracing::error!("a lane panicked again; the process must end");
            resume_unwind(panic);
        }
        tracing::error!("a lane panicked; its waiters are told to send again, and it goes on");
        panicked_at = Some(Instant::now());
        lane.reopen();
    }
}

/// Hands a request to a lane. A full queue refuses at once; a closed one is that of a lane that gave up.
pub(super) fn hand_over<T>(lane: &mpsc::Sender<T>, request: T) -> Result<(), Refusal> {
    lane.try_send(request).map_err(|refused| match refused {
        mpsc::error::TrySendError::Full(_) => Refusal::QueueFull,
        mpsc::error::TrySendError::Closed(_) => Refusal::LaneFailed,
    })
}

/// A lane's answer, at the deadline at the latest. A lane that fails drops its waiters.
pub(super) async fn answered<T>(
    reply: oneshot::Receiver<Result<T, Refusal>>,
    deadline: Instant,
) -> Result<T, Refusal> {
    match timeout_at(deadline, reply).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Refusal::LaneFailed),
        Err(_) => Err(Refusal::DeadlinePassed),
    }
}
