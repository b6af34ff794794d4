//! Keeps leases alive: one task for all of them, which ends with the last.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::super::contract::{Hold, Verb};
use super::super::held_leases::Term;
use super::super::meter::{self, Lost};
use super::super::token::Token;
use super::LeaseService;

impl LeaseService {
    pub(super) fn enter(self: &Arc<Self>, holds: &[Hold], since: Instant) -> watch::Receiver<Term> {
        let renewal = || tokio::spawn(self.clone().renew());
        self.held_leases.enter(holds, since, Term::from_call(since, self.ttl), renewal)
    }

    pub(super) fn leave(&self, token: &Token) {
        self.held_leases.leave(token);
    }

    /// Runs while any lease lives. A lease has two chances to be renewed before it lapses.
    async fn renew(self: Arc<Self>) {
        let third = self.ttl / 3;
        let mut ticks = interval_at(Instant::now() + third, third);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(holds) = self.held_leases.due(HOLD_MAX) else { return };
            if !holds.is_empty() {
                self.extend(&holds).await;
            }
        }
    }

    async fn extend(&self, holds: &[Hold]) {
        let sent_at = Instant::now();
        let backend = self.backend.name();
        // The call ends by its own timeout, and closes its connection then; this is for one that must be opened first.
        let call = timeout(self.ttl / 3, self.backend.ask(Verb::Extend, holds, self.ttl));
        let Ok(Ok(extended)) = call.await else {
            meter::extend(backend, "unknown", holds.len());
            return;
        };
        let kept = extended.iter().flatten().count();
        meter::extend(backend, "extended", kept);
        meter::extend(backend, "gone", holds.len() - kept);
        let lost = self.held_leases.renewed(holds, &extended, Term::from_call(sent_at, self.ttl));
        if lost > 0 {
            meter::lost(backend, Lost::Gone, lost);
            tracing::warn!(backend, leases = lost, "leases lost: the lock service no longer has them");
        }
    }
}

/// The longest that a lease is renewed for: a holder that hangs must not keep an order for ever.
pub(super) const HOLD_MAX: Duration = Duration::from_secs(60);
