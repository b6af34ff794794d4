//! The leases that are held now, for the task that renews them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::contract::Hold;
use super::token::Token;

/// How far a lease reaches, as both its holder and its renewal see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term {
    /// Counted from before the call was sent, less the drift: by our clock alone, and never later than the service's.
    pub(super) until: Instant,
    /// The service has said that a key is no longer ours.
    pub(super) gone: bool,
}

impl Term {
    /// A call that was sent at `sent` gives this much. The drift is Redlock's: a hundredth for clock rates, 2 ms for
    /// the server's resolution.
    pub(super) fn from_call(sent: Instant, ttl: Duration) -> Self {
        Self { until: sent + ttl.saturating_sub(ttl / 100 + Duration::from_millis(2)), gone: false }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.gone || Instant::now() >= self.until
    }
}

/// Leases by token. Bounded by what callers hold: a lease leaves before it is released or dropped.
#[derive(Debug, Default)]
pub(super) struct HeldLeases {
    leases: Mutex<Leases>,
}

#[derive(Debug, Default)]
struct Leases {
    by_token: HashMap<Token, Entry>,
    renewal: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Entry {
    holds: Vec<Hold>,
    since: Instant,
    term: watch::Sender<Term>,
}

impl HeldLeases {
    /// Enters a lease, before its holder has it. `renew` starts the renewal where none runs.
    pub(super) fn enter(
        &self,
        holds: &[Hold],
        since: Instant,
        term: Term,
        renew: impl FnOnce() -> JoinHandle<()>,
    ) -> watch::Receiver<Term> {
        let (sender, receiver) = watch::channel(term);
        let Some(first) = holds.first() else { return receiver };
        let mut leases = self.leases();
        leases.by_token.insert(first.token.clone(), Entry { holds: holds.to_vec(), since, term: sender });
        // A handle that is finished although leases live: it panicked, or its runtime ended.
        if leases.renewal.as_ref().is_none_or(JoinHandle::is_finished) {
            leases.renewal = Some(renew());
        }
        receiver
    }

    /// Ends the renewal of a lease, at once: nothing is sent for it afterwards.
    pub(super) fn leave(&self, token: &Token) {
        self.leases().by_token.remove(token);
    }

    /// What to renew now: live, not lost, and held for less than `hold_max`. `None` ends the renewal.
    pub(super) fn due(&self, hold_max: Duration) -> Option<Vec<Hold>> {
        let mut leases = self.leases();
        if leases.by_token.is_empty() {
            leases.renewal = None;
            return None;
        }
        let due = |entry: &&Entry| !entry.term.borrow().is_lost() && entry.since.elapsed() < hold_max;
        Some(leases.by_token.values().filter(due).flat_map(|entry| entry.holds.clone()).collect())
    }

    /// Tells the holders what a renewal brought; answers how many leases it found lost.
    pub(super) fn renewed(&self, holds: &[Hold], extended: &[Option<u64>], term: Term) -> usize {
        let mut verdicts: HashMap<&Token, bool> = HashMap::new();
        for (hold, extended) in holds.iter().zip(extended) {
            *verdicts.entry(&hold.token).or_insert(true) &= extended.is_some();
        }
        let leases = self.leases();
        let mut lost = 0;
        for (token, whole) in verdicts {
            let Some(entry) = leases.by_token.get(token) else { continue };
            if whole {
                entry.term.send_replace(term);
            } else {
                entry.term.send_modify(|term| term.gone = true);
                lost += 1;
            }
        }
        lost
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
