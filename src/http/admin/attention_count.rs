//! How much needs a person, as pages show it: counted when somebody looks, and by the server in any case. No page waits for a count
//! of many: it shows the one before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::http::received_now;
use crate::store::{Counts, Store, StoreError};

/// How long a count is shown before it is counted again.
const COUNTED_FOR: Duration = Duration::from_secs(30);
/// How long a page waits for a count before it shows the one before.
pub(super) const AWAITED_FOR: Duration = Duration::from_millis(25);

/// How much of what needs a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    /// Events, anomalies and money without an order.
    pub(super) counts: Counts,
    /// Anomalies of settlements: orders that are not paid as the merchant expects.
    pub(super) settlements: i64,
    /// Movements in which the provider's own record and ours disagree.
    pub(super) findings: i64,
}

impl Needs {
    /// All of them together.
    pub(super) fn sum(self) -> i64 {
        self.counts.sum() + self.settlements + self.findings
    }
}

/// How much needs a person. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct AttentionCount(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    counted: Mutex<Counted>,
    counting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    /// As it was counted last.
    needs: Option<Needs>,
    /// When somebody who looked had it counted; `None` when it is to be counted again.
    at: Option<Instant>,
    /// How often something was settled.
    changes: u64,
}

impl Counted {
    fn is_fresh(&self) -> bool {
        self.at.is_some_and(|at| at.elapsed() < COUNTED_FOR)
    }
}

impl AttentionCount {
    /// Counts, for the gauges: so a count is there before anybody looks. Whoever looks has it counted all the same, but never beside
    /// this one: of the questions that are asked at once, one is left to the page.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_anyway(&self, store: &Store) -> Result<Counts, StoreError> {
        let _one_at_a_time = self.0.counting.lock().await;
        let needs = read(store).await?;
        let mut counted = self.lock();
        if !counted.is_fresh() {
            counted.needs = Some(needs);
        }
        Ok(needs.counts)
    }

    /// How much it is, as it was lately; `None` if it was not counted yet. A count that takes long goes on behind the page.
    pub(super) async fn shown(&self, store: &Store) -> Option<Needs> {
        let last = *self.lock();
        if last.is_fresh() {
            return last.needs;
        }
        let (count, store) = (self.clone(), store.clone());
        let _ = timeout(AWAITED_FOR, tokio::spawn(async move { count.count(&store).await })).await;
        self.lock().needs
    }

    /// Counts, unless that is being done.
    async fn count(&self, store: &Store) {
        let Ok(_one_at_a_time) = self.0.counting.try_lock() else { return };
        let (changes, at) = (self.lock().changes, Instant::now());
        let Ok(needs) = read(store).await else { return };
        let mut counted = self.lock();
        counted.needs = Some(needs);
        // What was settled meanwhile may not be in it.
        counted.at = (counted.changes == changes).then_some(at);
    }

    /// Something was settled: the next one who looks is to see it.
    pub(super) fn count_again(&self) {
        let mut counted = self.lock();
        counted.at = None;
        counted.changes += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(store: &Store) -> Result<Needs, StoreError> {
    let counts = store.counts(received_now()).await?;
    let settlements = store.settlement_anomalies().await?.iter().map(|own| own.count).sum();
    let findings = store.finding_counts().await?.iter().map(|(.., count)| count).sum();
    Ok(Needs { counts, settlements, findings })
}
