//! What a delivery needs (the database, the relay's settings, a clock), and why it ended.

use std::sync::Arc;
use std::time::Duration;

use crate::announce::RelaySettings;
use crate::order::UnixMicros;
use crate::store::{Ask, Page, Resync, Store, StoreError};

/// What a delivery works with.
#[derive(Debug, Clone)]
pub(in crate::announce) struct DeliveryContext {
    pub(in crate::announce) store: Store,
    /// This process.
    pub(in crate::announce) owner: Arc<str>,
    pub(in crate::announce) relay: Arc<RelaySettings>,
    /// This machine's clock.
    pub(in crate::announce) now: fn() -> UnixMicros,
}

/// Why an endpoint is not told by this process, or not any more.
#[derive(Debug)]
pub(in crate::announce) enum Ended {
    /// Another process owns it.
    Anothers,
    /// Another process took it over, or a person changed its row: it is asked for again.
    Lost,
    /// The process ends.
    Stopped,
    /// The database does not do it.
    Failed(StoreError),
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl DeliveryContext {
    /// What the owner of an endpoint, by its name and term, is to tell from `cursor` on; `None` if it owns it no longer.
    pub(super) async fn page(
        &self,
        (name, term): (&str, i64),
        cursor: i64,
        resync: Option<&Resync>,
    ) -> Result<Option<Page>, StoreError> {
        let entries_max = self.relay.page_orders;
        let others_max = entries_max.div_ceil(3);
        let ask = Ask { name, term, cursor, entries_max, others_max, resync, now: (self.now)() };
        self.store.page_to_tell(&ask).await
    }

    /// How often a process asks to own an endpoint, or renews that it does.
    pub(in crate::announce) fn asks_every(&self) -> Duration {
        self.relay.lease / 3
    }
}
