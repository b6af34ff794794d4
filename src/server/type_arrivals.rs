//! Records in the background when each type of event last arrived, a moment behind the webhooks.

use std::time::Duration;

use tokio::time::sleep;
use tracing::debug;

use crate::http::{Sources, received_now};
use crate::order::Id;
use crate::store::Store;

/// How often it is looked for what arrived.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// Between two steps through what was there before, so that others have their turn.
const STEP_EVERY: Duration = Duration::from_millis(50);

/// Notes what arrived. Never returns. What fails is tried again: until then the lists are further behind.
pub(super) async fn keep(store: Store, sources: Sources) {
    loop {
        for source in sources.all() {
            while note(&store, source.name()).await {
                sleep(STEP_EVERY).await;
            }
        }
        sleep(NOTE_EVERY).await;
    }
}

async fn note(store: &Store, source: &Id) -> bool {
    store.note_arrivals(source, received_now()).await.unwrap_or_else(|error| {
        debug!(%error, "cannot record the types that arrived; trying again later");
        false
    })
}
