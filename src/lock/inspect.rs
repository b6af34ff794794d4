//! What operators ask about locks: whether the service is fit, and who holds which key.

use std::time::Duration;

use tokio::time::timeout;

use super::Locks;

/// Something about the lock service that `paylatch check` should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthProblem {
    /// It works, with a risk.
    Warning(String),
    /// It does not work.
    Failure(String),
}

impl HealthProblem {
    /// The same, of a part of the service.
    pub(super) fn of(self, part: &str) -> Self {
        match self {
            Self::Warning(text) => Self::Warning(format!("{part}: {text}")),
            Self::Failure(text) => Self::Failure(format!("{part}: {text}")),
        }
    }
}

/// A key that is held now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldKey {
    /// As its holder named it.
    pub key: String,
    /// The instance that holds it: `<process id>-<random>`, as its log says at start. Anything else is a stranger's.
    pub owner: String,
    /// How long it stays held if it is not renewed. Holders that live renew it, so this says when a dead one's is free.
    pub lapses_in: Duration,
}

impl Locks {
    /// What is wrong or risky about the lock service; empty when all is well. Asks every node, whatever the breaker says.
    pub async fn health(&self) -> Vec<HealthProblem> {
        let late =
            || vec![HealthProblem::Failure(format!("no answer within {} s", INSPECTION_TIMEOUT.as_secs()))];
        timeout(INSPECTION_TIMEOUT, self.service.backend().health()).await.unwrap_or_else(|_| late())
    }

    /// What is held now, by any process, sorted by key; at most [`HELD_MAX`] entries.
    ///
    /// # Errors
    /// Why the service did not answer.
    pub async fn held(&self) -> Result<Vec<HeldKey>, String> {
        let late = || Err(format!("no answer within {} s", INSPECTION_TIMEOUT.as_secs()));
        let held = async { self.service.backend().held().await.map_err(|failure| failure.to_string()) };
        let mut held = timeout(INSPECTION_TIMEOUT, held).await.unwrap_or_else(|_| late())?;
        held.sort_unstable();
        held.truncate(HELD_MAX);
        Ok(held)
    }
}

/// The most entries that [`Locks::held`] answers.
pub const HELD_MAX: usize = 10_000;
/// People wait for this.
pub(super) const INSPECTION_TIMEOUT: Duration = Duration::from_secs(5);
