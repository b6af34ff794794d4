//! Duplicates, counted in memory and added to `events.duplicates` at most once a second and at shutdown.

use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::HashMap;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::order::Key;
use crate::store::Session;

/// How often counts are written.
const WRITE_EVERY: Duration = Duration::from_secs(1);
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
        let mut counts = self.lock();
        if let Some(count) = counts.get_mut(event) {
            *count = count.saturating_add(1);
        } else if counts.len() < IDS_MAX {
            counts.insert(event.clone(), 1);
        }
    }

    /// Writes what was counted. Counts that cannot be written wait for the next time.
    async fn write(&self, session: &mut Session) {
        let counts: Vec<(Key, i64)> = std::mem::take(&mut *self.lock()).into_iter().collect();
        for some in counts.chunks(WRITE_IDS_MAX) {
            if let Err(error) = session.count_duplicates(some).await {
                tracing::debug!(%error, "duplicates are counted later");
                self.put_back(some);
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

/// Writes the tally until all lanes have drained, and once more then. A lane that gives up takes this task with it.
pub(super) async fn keep(tally: &Tally, mut session: Session, mut lanes: JoinSet<()>) {
    let mut tick = interval(WRITE_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            ended = lanes.join_next() => match ended {
                None => break,
                Some(Ok(())) => {}
                Some(Err(failed)) => {
                    if let Ok(panic) = failed.try_into_panic() {
                        resume_unwind(panic);
                    }
                }
            },
            _ = tick.tick() => tally.write(&mut session).await,
        }
    }
    tally.write(&mut session).await;
}
