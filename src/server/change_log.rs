//! Maintains the log of changed orders in the background: makes its triggers where they are missing, and clears old entries.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::http::AnnounceSettings;
use crate::order::UnixMicros;
use crate::store::{Store, StoreError};

/// How often the triggers are looked for and the log is shortened.
const KEEP_EVERY: Duration = Duration::from_mins(1);

/// Makes the triggers if `announce.enabled` or anything is expected of an order, and clears what is older than `announce.keep_days`. Never returns.
///
/// A server whose role may not make triggers serves all the same: nothing is lost to who reads `orders`, and the log says which
/// command makes them.
pub(super) async fn keep(store: Store, settings: AnnounceSettings) {
    let mut ticks = interval(KEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_told = false;
    for tick in 0_u64.. {
        ticks.tick().await;
        if settings.enabled || store.expects().await.unwrap_or(false) {
            was_told = note(&store, was_told).await;
            if let Err(error) = store.place_epoch(false).await {
                tracing::debug!(%error, "cannot check the epoch of announcements now; trying again later");
            }
        }
        // Not at once: a server that has just started has better things to do with its connections.
        if tick == 0 {
            continue;
        }
        let keep = i64::try_from(settings.keep.as_micros()).unwrap_or(i64::MAX);
        let older_than = UnixMicros(Timestamp::now().as_microsecond().saturating_sub(keep).max(0));
        while store.clear_changes(older_than).await.is_ok_and(|cleared| cleared > 0) {}
    }
}

/// Makes the triggers where they are not; tells whether it was told that the role may not, so that it is told once.
pub(super) async fn note(store: &Store, was_told: bool) -> bool {
    match store.note_changes(true, None).await {
        Ok(true) => info!("changes of orders are noted from now on"),
        Ok(false) => {}
        Err(StoreError::Forbidden(problem) | StoreError::Misconfigured(problem)) if !was_told => {
            warn!(
                problem,
                "changes of orders are not noted; run `paylatch announce on` as the owner of the schema"
            );
            return true;
        }
        Err(error) => tracing::debug!(%error, "cannot check the log of changes now; trying again later"),
    }
    was_told
}
