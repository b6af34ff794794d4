//! Duplicates, counted in memory and added to `events.duplicates` at most once a second and at shutdown.

use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;

use crate::order::Key;
use crate::store::{Session, StoreError};

/// Ids counted between two writes; duplicates of further ids are seen in the metrics only.
const IDS_MAX: usize = 20_000;
/// Ids written by one statement.
const WRITE_IDS_MAX: usize = 1_000;

/// Counts of duplicates that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<HashMap<Key, i64>>);

impl Tally {
    /// Counts one duplicate.
    pub(super) fn count(&self, event: &Key) {
        self.count_many(event, 1);
    }

    /// Counts so many duplicates.
    pub(super) fn count_many(&self, event: &Key, duplicates: usize) {
        let duplicates = i64::try_from(duplicates).unwrap_or(i64::MAX);
        if duplicates == 0 {
            return;
        }
        let mut counts = self.lock();
        if let Some(count) = counts.get_mut(event) {
            *count = count.saturating_add(duplicates);
        } else if counts.len() < IDS_MAX {
            counts.insert(event.clone(), duplicates);
        }
    }

    /// Writes what was counted. Counts that are known not to be written wait for the next time; those of a write whose reply
    /// was lost may be written, and are not counted twice.
    pub(super) async fn write(&self, session: &mut Session) {
        let counts: Vec<(Key, i64)> = std::mem::take(&mut *self.lock()).into_iter().collect();
        for some in counts.chunks(WRITE_IDS_MAX) {
            if let Err(error) = session.count_duplicates(some).await {
                if matches!(error, StoreError::Unknown(_)) {
                    tracing::debug!(%error, "the count of duplicates may be written or lost: no answer from the database");
                } else {
                    tracing::debug!(%error, "cannot write the count of duplicates; trying again later");
                    self.put_back(some);
                }
            }
        }
    }

    fn put_back(&self, unwritten: &[(Key, i64)]) {
        let mut counts = self.lock();
        for (event, count) in unwritten {
            if counts.len() < IDS_MAX {
                let sum = counts.entry(event.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
