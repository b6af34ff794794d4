//! Reads the next page while the last answers of the present one are awaited: the database works while the endpoint does.
//!
//! What was read ahead is told only if everything of the page before it was taken. What was refused, held back or is late may be
//! in the next page, too, and whoever read that earlier did not know that it waits.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::send::LAGS_AFTER;
use super::{Delivery, Ended};
use crate::store::{Page, Resync, StoreError};

/// A page that is being read, or was.
#[derive(Debug)]
pub(super) struct Ahead {
    /// The cursor from which on it is.
    from: i64,
    began_at: Instant,
    page: JoinHandle<Result<Option<Page>, StoreError>>,
}

impl Delivery<'_> {
    /// From where on to read ahead once the present page, of which this is said before it is told, is on its way.
    pub(super) fn next_from(page: &Page) -> Option<i64> {
        let is_plain = !page.at_end && page.to_tell.iter().all(|one| one.waiting.is_none());
        is_plain.then_some(page.cursor)
    }

    /// Begins to, once, while nothing of the page is known to be an exception.
    pub(super) fn read_ahead(&mut self) {
        let has_exceptions = self.progress.has_news() || self.progress.is_in_doubt();
        let is_told = !self.owned.is_paused && self.breaker.is_closed() && self.owned.resync.is_none();
        if has_exceptions || !is_told {
            return;
        }
        let Some(from) = self.next_from.take() else { return };
        let (context, settings, term) = (self.context.clone(), Arc::clone(&self.settings), self.owned.term);
        let page = tokio::spawn(async move { context.page((&settings.name, term), from, None).await });
        self.ahead = Some(Ahead { from, began_at: Instant::now(), page });
    }

    /// The page is over; what was read meanwhile stands only if there was no exception. What does not is left to end by itself.
    pub(super) fn judge_ahead(&mut self, is_whole: bool, resync: Option<&Resync>) {
        let is_plain = is_whole && self.in_flight.len() == 0 && !self.progress.has_news() && resync.is_none();
        if !is_plain {
            self.ahead = None;
        }
    }

    /// The next page, if it was read ahead and lately.
    pub(super) async fn read_before(&mut self) -> Result<Option<Page>, Ended> {
        let is_next =
            |ahead: &Ahead| ahead.from == self.owned.cursor && ahead.began_at.elapsed() < LAGS_AFTER;
        let Some(ahead) = self.ahead.take().filter(is_next) else { return Ok(None) };
        match ahead.page.await {
            Ok(page) => page?.ok_or(Ended::Lost).map(Some),
            // It panicked: whoever reads it now tells why.
            Err(_) => Ok(None),
        }
    }
}
