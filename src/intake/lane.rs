//! The group commit itself: a task that commits all that has gathered in its queue, again and again. What a batch is, and what its
//! commit does, says each [`Lane`].

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Refusal;

/// A lane that panics twice within this is broken, not unlucky.
const PANIC_APART_MIN: Duration = Duration::from_secs(60);

/// What commits the requests of one queue in groups, over a database session of its own.
pub(super) trait Lane: Send + 'static {
    /// What is asked for, with those who wait for the answer.
    type Request: Send;

    /// Requests that are committed together.
    fn batch_max(&self) -> usize;

    /// Commits a batch and answers its requests; what cannot be committed yet goes back into the queue until later.
    fn commit(
        &mut self,
        batch: Vec<Self::Request>,
        queue: &mut Queue<Self::Request>,
    ) -> impl Future<Output = ()> + Send;

    /// Replaces what a panic may have left half done.
    fn reopen(&mut self);
}

/// Requests that wait for a lane.
pub(super) struct Queue<R> {
    requests: mpsc::Receiver<R>,
    is_open: bool,
    /// Requests that wait until they are due again.
    deferred: Vec<(Instant, R)>,
}

/// Starts a lane among `tasks`, which ends when what is returned is dropped and its queue is drained.
pub(super) fn start<L: Lane>(tasks: &mut JoinSet<()>, queue_max: usize, lane: L) -> mpsc::Sender<L::Request> {
    let (sender, requests) = mpsc::channel(queue_max);
    tasks.spawn(supervised(lane, Queue { requests, is_open: true, deferred: Vec::new() }));
    sender
}

/// Runs a lane to its end. A panic costs the waiters of one batch a 503; a second one soon after ends the lane, and with
/// it the process.
async fn supervised<L: Lane>(mut lane: L, mut queue: Queue<L::Request>) {
    let mut panicked_at: Option<Instant> = None;
    while let Err(panic) = AssertUnwindSafe(run(&mut lane, &mut queue)).catch_unwind().await {
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

async fn run<L: Lane>(lane: &mut L, queue: &mut Queue<L::Request>) {
    while let Some(batch) = queue.gather(lane.batch_max()).await {
        lane.commit(batch, queue).await;
    }
}

impl<R> Queue<R> {
    /// Keeps a request until it is due again.
    pub(super) fn defer(&mut self, request: R, until: Instant) {
        self.deferred.push((until, request));
    }

    /// Everything that has gathered: what is due again of the deferred requests, then what waits in the queue. `None` when there
    /// will be no more.
    async fn gather(&mut self, batch_max: usize) -> Option<Vec<R>> {
        let mut gathered = self.take_due(batch_max);
        while gathered.is_empty() {
            let next_due = self.deferred.iter().map(|(due_at, _)| *due_at).min();
            if !self.is_open && next_due.is_none() {
                return None;
            }
            tokio::select! {
                biased;
                taken = self.requests.recv_many(&mut gathered, batch_max), if self.is_open => {
                    self.is_open = taken > 0;
                }
                () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => {
                    gathered = self.take_due(batch_max);
                }
            }
        }
        while gathered.len() < batch_max
            && let Ok(request) = self.requests.try_recv()
        {
            gathered.push(request);
        }
        Some(gathered)
    }

    fn take_due(&mut self, batch_max: usize) -> Vec<R> {
        let now = Instant::now();
        let due = self.deferred.extract_if(.., |(due_at, _)| *due_at <= now).take(batch_max);
        due.map(|(_, request)| request).collect()
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
