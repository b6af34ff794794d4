//! Leases inside one process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::contract::{Hold, Verb};
use super::super::inspect::HeldKey;
use super::super::token::Token;

/// Keys with their owners and deadlines. What has lapsed counts as free, and is swept as the table grows.
#[derive(Debug, Default)]
pub(in crate::lock) struct Local {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    owners: HashMap<String, (Token, Instant)>,
    sweep_at: usize,
}

impl Local {
    pub(super) fn ask(&self, verb: Verb, holds: &[Hold], ttl: Duration) -> Vec<Option<u64>> {
        let now = Instant::now();
        let mut table = self.table();
        if verb == Verb::Acquire {
            table.sweep(now);
        }
        holds.iter().map(|hold| table.apply(verb, hold, now, ttl).then_some(0)).collect()
    }

    pub(super) fn held(&self) -> Vec<HeldKey> {
        let now = Instant::now();
        let held = |(key, (token, until)): (&String, &(Token, Instant))| HeldKey {
            key: key.clone(),
            owner: Token::owner(token.as_str()),
            lapses_in: until.saturating_duration_since(now),
        };
        self.table().owners.iter().map(held).filter(|held| !held.lapses_in.is_zero()).collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn apply(&mut self, verb: Verb, hold: &Hold, now: Instant, ttl: Duration) -> bool {
        let owner = self.owners.get(&hold.key).filter(|(_, until)| *until > now).map(|(token, _)| token);
        let ours = owner == Some(&hold.token);
        match verb {
            Verb::Acquire if ours || owner.is_none() => {
                self.owners.insert(hold.key.clone(), (hold.token.clone(), now + ttl));
                true
            }
            Verb::Extend if ours => {
                self.owners.insert(hold.key.clone(), (hold.token.clone(), now + ttl));
                true
            }
            Verb::Release if ours => self.owners.remove(&hold.key).is_some(),
            Verb::Acquire | Verb::Extend | Verb::Release => false,
        }
    }

    /// Forgets what has lapsed whenever the table has doubled: a constant cost per key.
    fn sweep(&mut self, now: Instant) {
        if self.owners.len() >= self.sweep_at {
            self.owners.retain(|_, (_, until)| *until > now);
            self.sweep_at = SWEEP_MIN.max(self.owners.len() * 2);
        }
    }
}

/// Keys below which sweeping is not worth it.
const SWEEP_MIN: usize = 1024;
