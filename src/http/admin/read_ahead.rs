//! The page of announcements behind one that was just answered, read while the application deals with that one.
//!
//! Who catches up asks for page after page. One after the other, the database waits while a page is written down, sent and dealt with,
//! and the application waits while the next one is read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn};
use tokio::time::Instant;

use crate::store::{Announcements, Store, StoreError};

/// A smaller page is read when it is asked for: who asks for so few is not catching up.
const LIMIT_MIN: u32 = 500;
/// What was read longer ago is read anew: by then more orders may have changed again.
const AGE_MAX: Duration = Duration::from_secs(1);
/// So many applications at once; each page is up to a megabyte.
const PAGES_MAX: usize = 4;

/// Pages that were read, or are being read, before they are asked for. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct ReadAhead {
    store: Store,
    pages: Arc<Mutex<Vec<Ahead>>>,
}

#[derive(Debug)]
struct Ahead {
    /// What it answers: the position that is asked after, and how many at most.
    asked: (i64, u32),
    begun_at: Instant,
    page: JoinHandle<Result<Announcements, StoreError>>,
}

impl ReadAhead {
    pub(super) fn new(store: Store) -> Self {
        Self { store, pages: Arc::default() }
    }

    /// At most `limit` announcements after `position`, from a page that was read ahead if there is one.
    pub(super) async fn page(&self, position: i64, limit: u32) -> Result<Announcements, StoreError> {
        if let Some(ahead) = self.take((position, limit))
            && let Ok(Ok(page)) = ahead.page.await
        {
            return Ok(page);
        }
        self.store.announcements(position, limit).await
    }

    /// Begins to read what comes after `position`, unless as many others are ahead as there may be.
    pub(super) fn begin(&self, position: i64, limit: u32) {
        let mut pages = self.fresh_pages();
        if limit >= LIMIT_MIN && pages.len() < PAGES_MAX {
            let store = self.store.clone();
            let page = spawn(async move { store.announcements(position, limit).await });
            pages.push(Ahead { asked: (position, limit), begun_at: Instant::now(), page });
        }
    }

    fn take(&self, asked: (i64, u32)) -> Option<Ahead> {
        let mut pages = self.fresh_pages();
        let place = pages.iter().position(|ahead| ahead.asked == asked)?;
        Some(pages.swap_remove(place))
    }

    fn fresh_pages(&self) -> MutexGuard<'_, Vec<Ahead>> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|ahead| ahead.begun_at.elapsed() < AGE_MAX);
        pages
    }
}
