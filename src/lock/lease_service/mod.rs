//! Takes leases, renews them while they live, and releases them whatever happens to their holders.
//!
//! Each call to the service is begun at once, in the order of the callers, and goes on in a task of its own, so that a
//! caller who goes away cannot leave a key taken by nobody: the task then owns the lease, and drops it.

mod lease;
mod release;
mod renewal;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::backends::Backend;
use super::breaker::Breaker;
use super::contract::{Failure, Hold, Verb};
use super::held_leases::HeldLeases;
use super::meter::{self, Acquired};
use super::token::{self, Token};
use super::{Attempt, LockSettings};
pub use lease::{Lease, NotHeld};
use release::{Origin, RELEASES_MAX};

/// One lock service, and all that is held in it by this process.
#[derive(Debug)]
pub(super) struct LeaseService {
    backend: Backend,
    breaker: Breaker,
    held_leases: HeldLeases,
    calls: TaskTracker,
    releases: Arc<Semaphore>,
    instance: String,
    ttl: Duration,
    call_timeout: Duration,
}

impl LeaseService {
    pub(super) fn new(backend: Backend, settings: &LockSettings) -> Self {
        let instance = token::instance();
        tracing::debug!(backend = backend.name(), instance, "the name of this process in its leases");
        Self {
            breaker: Breaker::new(backend.name(), settings.retry_after),
            backend,
            held_leases: HeldLeases::default(),
            calls: TaskTracker::new(),
            releases: Arc::new(Semaphore::new(RELEASES_MAX)),
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
                let (lease, busy) = self.unless_over(lease, busy);
                let acquired = if busy.is_empty() { Acquired::All } else { Acquired::Busy };
                (acquired, Attempt::Acquired { lease, busy })
            }
            Err(failure) => {
                self.breaker.failed(&failure);
                let acquired = match failure {
                    Failure::Unsent(_) | Failure::Refused(_) => Acquired::Unavailable,
                    Failure::Unanswered(_) => Acquired::Unknown,
                    Failure::NoQuorum(_) => Acquired::NoQuorum,
                };
                (acquired, Attempt::Unavailable)
            }
        };
        meter::acquire(self.backend.name(), acquired, asked_at.elapsed());
        attempt
    }

    /// A lease that was over before its holder could learn of it is none: its keys are as good as held by others.
    fn unless_over(self: &Arc<Self>, lease: Lease, mut busy: Vec<String>) -> (Lease, Vec<String>) {
        if !lease.is_lost() {
            return (lease, busy);
        }
        busy.extend(lease.keys().map(str::to_owned));
        (Lease::new(self, Vec::new(), Instant::now()), busy)
    }

    pub(super) async fn drain(&self) {
        self.calls.close();
        if timeout(self.ttl, self.calls.wait()).await.is_err() {
            tracing::warn!(
                backend = self.backend.name(),
                "leases that could not be released in time have lapsed"
            );
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
        let service = self.clone();
        let mut call = Box::pin(async move { service.take(holds, deadline).await });
        if let Some(answer) = call.as_mut().now_or_never() {
            return answer;
        }
        let (answer, answered) = oneshot::channel();
        // An answer that nobody waits for any more is a lease that is dropped, and so released.
        self.calls.spawn(async move { drop(answer.send(call.await)) });
        match timeout_at(deadline, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::Unanswered("the call was cut off".to_owned())),
            Err(_) => Err(Failure::Unanswered(late("no answer"))),
        }
    }

    /// Acquires what is free, and cleans up where it cannot know.
    async fn take(
        self: &Arc<Self>,
        holds: Vec<Hold>,
        deadline: Instant,
    ) -> Result<(Lease, Vec<String>), Failure> {
        let sent_at = Instant::now();
        match self.ask_again_if_unanswered(&holds, deadline).await {
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
                drop(self.release_in_background(holds, Instant::now() + self.ttl, Origin::Refused));
                Err(failure)
            }
            Err(failure @ (Failure::Unanswered(_) | Failure::NoQuorum(_))) => {
                drop(self.release_in_background(holds, Instant::now() + self.ttl, Origin::Unanswered));
                Err(failure)
            }
        }
    }

    /// A connection that breaks before the answer leaves time to ask once more, with the same token: what was granted
    /// in vain is granted again.
    async fn ask_again_if_unanswered(
        &self,
        holds: &[Hold],
        deadline: Instant,
    ) -> Result<Vec<Option<u64>>, Failure> {
        let first = self.backend.ask(Verb::Acquire, holds, self.ttl).await;
        if !matches!(first, Err(Failure::Unanswered(_))) || Instant::now() >= deadline {
            return first;
        }
        // Whatever is wrong with the second call, the first may have been obeyed.
        self.backend.ask(Verb::Acquire, holds, self.ttl).await.or(first)
    }
}

/// For probes.
impl LeaseService {
    /// Whether the service grants a lease, on a key that nobody else names. Apart from what is counted of acquisitions,
    /// but heard by the breaker: so an outage begins and ends in the log also when nobody needs a lease.
    pub(super) async fn is_available(&self) -> bool {
        if !self.breaker.lets_through() {
            return false;
        }
        let probe = self.holds(&[format!("probe of {}", self.instance)]);
        let asked = async {
            self.backend.ready().await?;
            self.backend.ask(Verb::Acquire, &probe, self.ttl).await
        };
        let late = || Failure::Unanswered(format!("no answer within {} ms", self.call_timeout.as_millis()));
        match timeout(self.call_timeout, asked).await.unwrap_or_else(|_| Err(late())) {
            Ok(_) => {
                self.breaker.answered();
                // What is not released lapses, and nobody waits for it.
                drop(timeout(self.call_timeout, self.backend.ask(Verb::Release, &probe, self.ttl)).await);
                true
            }
            Err(failure) => {
                self.breaker.failed(&failure);
                false
            }
        }
    }
}

/// What leases ask of it.
impl LeaseService {
    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    pub(super) fn ttl(&self) -> Duration {
        self.ttl
    }
}
