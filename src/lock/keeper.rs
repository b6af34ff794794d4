//! Takes leases, renews them while they live, and gives them back whatever happens to their holders.
//!
//! Each call to the service is begun at once, in the order of the callers, and goes on in a task of its own, so that a
//! caller who goes away cannot leave a key taken by nobody: the task then owns the lease, and drops it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::backend::{Backend, Failure, Hold, Verb};
use super::breaker::Breaker;
use super::live::{Live, Term};
use super::meter::{self, Acquired, Released};
use super::token::{self, Token};
use super::{Attempt, Lease, Settings};

/// One lock service, and all that is held in it by this process.
#[derive(Debug)]
pub(super) struct Keeper {
    backend: Backend,
    breaker: Breaker,
    live: Live,
    calls: TaskTracker,
    hand_backs: Arc<Semaphore>,
    instance: String,
    ttl: Duration,
    call_timeout: Duration,
}

impl Keeper {
    pub(super) fn new(backend: Backend, settings: &Settings) -> Self {
        let instance = token::instance();
        tracing::debug!(backend = backend.name(), instance, "leases of this process bear its instance");
        Self {
            breaker: Breaker::new(backend.name(), settings.retry_after),
            backend,
            live: Live::default(),
            calls: TaskTracker::new(),
            hand_backs: Arc::new(Semaphore::new(HAND_BACKS_MAX)),
            instance,
            ttl: settings.ttl,
            call_timeout: settings.call_timeout,
        }
    }

    pub(super) async fn acquire_each(self: &Arc<Self>, keys: &[String]) -> Attempt {
        let asked_at = Instant::now();
        if !self.breaker.lets_through() {
            meter::acquire(self.backend.name(), Acquired::Unavailable, asked_at.elapsed());
            return Attempt::Unavailable;
        }
        let answer = self.ask_for(self.holds(keys), asked_at + self.call_timeout).await;
        let (acquired, attempt) = match answer {
            Ok((lease, busy)) => {
                self.breaker.answered();
                let acquired = if busy.is_empty() { Acquired::All } else { Acquired::Busy };
                (acquired, Attempt::Acquired { lease, busy })
            }
            Err(failure) => {
                self.breaker.failed(&failure);
                let acquired = match failure {
                    Failure::Unsent(_) | Failure::Refused(_) => Acquired::Unavailable,
                    Failure::Unanswered(_) => Acquired::Unknown,
                };
                (acquired, Attempt::Unavailable)
            }
        };
        meter::acquire(self.backend.name(), acquired, asked_at.elapsed());
        attempt
    }

    pub(super) async fn drain(&self) {
        self.calls.close();
        if timeout(self.ttl, self.calls.wait()).await.is_err() {
            tracing::warn!(backend = self.backend.name(), "leases not given back have lapsed");
        }
    }

    /// A fresh token over each key, once.
    fn holds(&self, keys: &[String]) -> Vec<Hold> {
        let token = Token::draw(&self.instance);
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(|key| Hold { key, token: token.clone(), fence: 0 }).collect()
    }

    async fn ask_for(
        self: &Arc<Self>,
        holds: Vec<Hold>,
        deadline: Instant,
    ) -> Result<(Lease, Vec<String>), Failure> {
        if holds.is_empty() {
            return Ok((Lease::new(self, holds, Instant::now()), Vec::new()));
        }
        let late = |what: &str| format!("{what} within {} ms", self.call_timeout.as_millis());
        match timeout_at(deadline, self.backend.ready()).await {
            Ok(ready) => ready?,
            Err(_) => return Err(Failure::Unsent(late("no connection"))),
        }
        let keeper = self.clone();
        let mut call = Box::pin(async move { keeper.take(holds).await });
        if let Some(answer) = call.as_mut().now_or_never() {
            return answer;
        }
        let (answer, answered) = oneshot::channel();
        // An answer that nobody waits for any more is a lease that is dropped, and so given back.
        self.calls.spawn(async move { drop(answer.send(call.await)) });
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::Unanswered("the call was cut off".to_owned())),
            Err(_) => Err(Failure::Unanswered(late("no answer"))),
        }
    }

    /// Acquires what is free, and cleans up where it cannot know.
    async fn take(self: &Arc<Self>, holds: Vec<Hold>) -> Result<(Lease, Vec<String>), Failure> {
        let sent_at = Instant::now();
        match self.backend.ask(Verb::Acquire, &holds, self.ttl).await {
            Ok(taken) => {
                let (mut ours, mut busy) = (Vec::with_capacity(holds.len()), Vec::new());
                for (hold, taken) in holds.into_iter().zip(taken) {
                    match taken {
                        Some(fence) => ours.push(Hold { fence, ..hold }),
                        None => busy.push(hold.key),
                    }
                }
                Ok((Lease::new(self, ours, sent_at), busy))
            }
            Err(failure @ Failure::Unsent(_)) => Err(failure),
            Err(failure @ Failure::Refused(_)) => {
                drop(self.hand_back(holds, Instant::now() + self.ttl, Origin::Refused));
                Err(failure)
            }
            Err(failure @ Failure::Unanswered(_)) => {
                drop(self.hand_back(holds, Instant::now() + self.ttl, Origin::Unanswered));
                Err(failure)
            }
        }
    }
}

/// Renewal.
impl Keeper {
    pub(super) fn enter(self: &Arc<Self>, holds: &[Hold], since: Instant) -> watch::Receiver<Term> {
        let renewal = || tokio::spawn(self.clone().renew());
        self.live.enter(holds, since, Term::from_call(since, self.ttl), renewal)
    }

    pub(super) fn leave(&self, token: &Token) {
        self.live.leave(token);
    }

    /// Runs while any lease lives. A lease has two chances to be renewed before it lapses.
    async fn renew(self: Arc<Self>) {
        loop {
            sleep(self.ttl / 3).await;
            let Some(holds) = self.live.due(HOLD_MAX) else { return };
            if !holds.is_empty() {
                self.extend(&holds).await;
            }
        }
    }

    async fn extend(&self, holds: &[Hold]) {
        let sent_at = Instant::now();
        let backend = self.backend.name();
        let call = timeout(self.call_timeout, self.backend.ask(Verb::Extend, holds, self.ttl));
        let Ok(Ok(extended)) = call.await else {
            meter::extend(backend, "unknown", holds.len());
            return;
        };
        let kept = extended.iter().flatten().count();
        meter::extend(backend, "extended", kept);
        meter::extend(backend, "gone", holds.len() - kept);
        let lost = self.live.renewed(holds, &extended, Term::from_call(sent_at, self.ttl));
        if lost > 0 {
            meter::lost(backend, lost);
            tracing::warn!(backend, leases = lost, "leases lost: the lock service no longer has them");
        }
    }
}

/// Where keys that are handed back come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A lease that was released or dropped.
    Lease,
    /// An acquisition that the service refused, perhaps after doing a part of it.
    Refused,
    /// An acquisition without an answer: it may even reach the service after its release does.
    Unanswered,
}

/// Giving back.
impl Keeper {
    /// Releases `holds` in the background, again and again until answered or `until`, when they have lapsed. `None` when
    /// that is done already, or left to their lapse.
    pub(super) fn hand_back(
        self: &Arc<Self>,
        holds: Vec<Hold>,
        until: Instant,
        origin: Origin,
    ) -> Option<JoinHandle<()>> {
        let (Ok(runtime), Ok(place)) = (Handle::try_current(), self.hand_backs.clone().try_acquire_owned())
        else {
            self.count(origin, Released::Unknown);
            return None;
        };
        let keeper = self.clone();
        let mut work = Box::pin(async move {
            keeper.count(origin, keeper.release(&holds, until, origin).await);
            drop(place);
        });
        let is_done = work.as_mut().now_or_never().is_some();
        (!is_done).then(|| self.calls.spawn_on(work, &runtime))
    }

    pub(super) async fn wait_for(&self, returned: JoinHandle<()>) {
        // Late or cut off: the keys lapse, and the counter has it.
        drop(timeout(self.call_timeout, returned).await);
    }

    async fn release(&self, holds: &[Hold], until: Instant, origin: Origin) -> Released {
        loop {
            let released = match self.backend.ask(Verb::Release, holds, self.ttl).await {
                Ok(freed) if freed.iter().all(Option::is_some) => Released::All,
                // Of an acquisition, only what was free at the time.
                Ok(freed) if origin != Origin::Lease && freed.iter().any(Option::is_some) => Released::All,
                Ok(_) => Released::NotHeld,
                Err(_) => Released::Unknown,
            };
            let settled = match released {
                Released::All => true,
                Released::NotHeld => origin != Origin::Unanswered,
                Released::Unknown => false,
            };
            let again_at = Instant::now() + self.ttl / HAND_BACK_TRIES;
            if settled || again_at >= until {
                return released;
            }
            sleep_until(again_at).await;
        }
    }

    fn count(&self, origin: Origin, released: Released) {
        match origin {
            Origin::Lease => meter::release(self.backend.name(), released),
            Origin::Refused | Origin::Unanswered => meter::clean_up(self.backend.name(), released),
        }
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    pub(super) fn ttl(&self) -> Duration {
        self.ttl
    }
}

/// The longest that a lease is renewed for: a holder that hangs must not keep an order for ever.
const HOLD_MAX: Duration = Duration::from_secs(60);
/// Hand-overs in work at once. Beyond it keys are left to lapse.
const HAND_BACKS_MAX: usize = 1024;
/// How often at most a release is sent within a TTL.
const HAND_BACK_TRIES: u32 = 8;
