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
const AWAITED_FOR: Duration = Duration::from_millis(25);

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
    counts: Option<Counts>,
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
        let counts = store.counts(received_now()).await?;
        let mut counted = self.lock();
        if !counted.is_fresh() {
            counted.counts = Some(counts);
        }
        Ok(counts)
    }

    /// How much it is, as it was lately; `None` if it was not counted yet. A count that takes long goes on behind the page.
    pub(super) async fn shown(&self, store: &Store) -> Option<Counts> {
        let last = *self.lock();
        if last.is_fresh() {
            return last.counts;
        }
        let (count, store) = (self.clone(), store.clone());
        let _ = timeout(AWAITED_FOR, tokio::spawn(async move { count.count(&store).await })).await;
        self.lock().counts
    }

    /// Counts, unless that is being done.
    async fn count(&self, store: &Store) {
        let Ok(_one_at_a_time) = self.0.counting.try_lock() else { return };
        let (changes, at) = (self.lock().changes, Instant::now());
        let Ok(counts) = store.counts(received_now()).await else { return };
        let mut counted = self.lock();
        counted.counts = Some(counts);
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
