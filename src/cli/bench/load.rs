//! The run: connections that send what is due until the time is over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, sleep_until};

use super::connection::{Connection, Unanswered};
use super::cpu::CpuTime;
use super::plan::Plan;
use super::tally::Tally;

/// How often progress is shown.
const SHOW_EVERY: Duration = Duration::from_millis(250);
/// The shortest sleep of an open loop's clock; the runtime's own timers are too coarse for it.
const TICK_MIN: Duration = Duration::from_micros(100);
/// A connection that broke is opened again after this.
const REOPEN_AFTER: Duration = Duration::from_millis(50);
/// Failures in a row after which a connection gives up.
const FAILURES_MAX: u32 = 100;

/// What a run ended with.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) tally: Tally,
    /// How long was measured.
    pub(super) measured: Duration,
    /// Webhooks of an open loop that were due and not sent, for want of a free connection.
    pub(super) unsent: usize,
    /// Seconds of one core that this process used for each second measured, where the system tells.
    pub(super) cpu: Option<f64>,
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unstarted {
    /// Nothing listens at the target.
    #[error(transparent)]
    Unreachable(#[from] Unanswered),
    /// The histogram cannot be made.
    #[error(transparent)]
    Histogram(#[from] hdrhistogram::CreationError),
}

/// A run in progress, shared by its connections.
struct Load {
    plan: Arc<Plan>,
    started_at: Instant,
    measured_from: Instant,
    ends_at: Instant,
    turn: AtomicU64,
    /// A permit for each webhook of an open loop that is due and not sent yet.
    due: Semaphore,
    tally: Mutex<Tally>,
}

/// Sends until the time is over or every webhook was sent. `show` is told the counts and the share of the time that is
/// over, a few times a second.
///
/// # Errors
/// [`Unstarted`].
pub(super) async fn run(plan: Arc<Plan>, show: impl Fn(&Tally, f64)) -> Result<Ended, Unstarted> {
    drop(Connection::open(&plan.target).await?);
    let load = Arc::new(Load::starting_now(plan)?);
    let mut senders = JoinSet::new();
    for _ in 0..load.plan.connections {
        senders.spawn(Arc::clone(&load).send());
    }
    if let Some(rate) = load.plan.rate {
        let load = Arc::clone(&load);
        tokio::task::spawn_blocking(move || load.keep_time(rate));
    }
    let measured_from = load.measured_from;
    let cpu_before = tokio::spawn(async move {
        sleep_until(measured_from).await;
        CpuTime::now()
    });

    let mut tick = interval(SHOW_EVERY);
    loop {
        tokio::select! {
            ended = senders.join_next() => if ended.is_none() { break },
            _ = tick.tick() => show(&load.tally(), load.elapsed()),
        }
    }
    Ok(load.ended(cpu_before.await.ok().flatten()))
}

impl Load {
    fn starting_now(plan: Arc<Plan>) -> Result<Self, Unstarted> {
        let started_at = Instant::now();
        let measured_from = started_at + plan.warmup;
        let ends_at = measured_from + plan.duration;
        let tally = Mutex::new(Tally::new(measured_from, ends_at)?);
        let (turn, due) = (AtomicU64::new(0), Semaphore::new(0));
        Ok(Self { plan, started_at, measured_from, ends_at, turn, due, tally })
    }

    /// One connection: sends what is due, one webhook at a time.
    async fn send(self: Arc<Self>) {
        let mut connection = None;
        let mut request = Vec::new();
        let mut failures = 0;
        while failures < FAILURES_MAX
            && let Some((turn, due)) = self.next().await
            && self.plan.deck.deal(turn, &mut request)
        {
            match self.exchange(&mut connection, &request, due).await {
                Ok(()) => failures = 0,
                Err(why) => {
                    self.tally().unanswered(due, &why);
                    connection = None;
                    failures += 1;
                    sleep(REOPEN_AFTER).await;
                }
            }
        }
    }

    async fn exchange(
        &self,
        connection: &mut Option<Connection>,
        request: &[u8],
        due: Instant,
    ) -> Result<(), Unanswered> {
        let open = match connection.take() {
            Some(open) => open,
            None => Connection::open(&self.plan.target).await?,
        };
        let open = connection.insert(open);
        let answer = open.exchange(request).await?;
        let is_last = answer.is_last;
        self.tally().answered(due, &answer);
        if is_last {
            *connection = None;
        }
        Ok(())
    }

    /// The next turn and when it is due; `None` when the time is over. In a closed loop that is now. In an open loop it
    /// is a point on the clock, whether or not a connection was free then: so a slow answer counts against all that
    /// waited behind it (no coordinated omission).
    async fn next(&self) -> Option<(u64, Instant)> {
        let Some(rate) = self.plan.rate else {
            let now = Instant::now();
            return (now < self.ends_at).then(|| (self.turn.fetch_add(1, Ordering::Relaxed), now));
        };
        self.due.acquire().await.ok()?.forget();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Some((turn, self.started_at + Duration::from_secs_f64(turn as f64 / rate)))
    }

    /// The clock of an open loop: hands out a permit for each webhook when it is due.
    fn keep_time(&self, rate: f64) {
        let tick = Duration::from_secs_f64(1.0 / rate).max(TICK_MIN);
        let mut handed_out = 0;
        while Instant::now() < self.ends_at {
            let due = (self.started_at.elapsed().as_secs_f64() * rate) as usize + 1;
            self.due.add_permits(due - handed_out);
            handed_out = due;
            std::thread::sleep(tick);
        }
        self.due.close();
    }

    fn ended(&self, cpu_before: Option<CpuTime>) -> Ended {
        let measured = Instant::now().min(self.ends_at).saturating_duration_since(self.measured_from);
        let cpu = cpu_before.and_then(|before| {
            Some(CpuTime::now()?.since(before).div_duration_f64(self.measured_from.elapsed()))
        });
        Ended { tally: self.tally().clone(), measured, unsent: self.due.available_permits(), cpu }
    }

    fn elapsed(&self) -> f64 {
        self.started_at.elapsed().div_duration_f64(self.ends_at - self.started_at).min(1.0)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
