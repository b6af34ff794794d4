//! A count that pages and the API show, made when somebody looks. What takes longer than a page may take nobody waits for: the count
//! before is shown, and the new one goes on behind it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::timeout;

use super::attention_count::AWAITED_FOR;

/// What was counted last. Cheap to clone.
#[derive(Debug)]
pub(super) struct LastCount<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    last: Mutex<Option<T>>,
    counting: tokio::sync::Mutex<()>,
}

impl<T: Clone + Send + 'static> LastCount<T> {
    /// What `count` comes to, or came to before where it takes long now.
    pub(super) async fn shown<E: Send + 'static>(
        &self,
        count: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        let Some(last) = self.last().clone() else { return self.count(count).await };
        let counts = self.clone();
        match timeout(AWAITED_FOR, tokio::spawn(async move { counts.count(count).await })).await {
            Ok(Ok(counted)) => counted,
            Ok(Err(_)) | Err(_) => Ok(last),
        }
    }

    /// Counts, one at a time: who comes while that is being done takes what it comes to.
    async fn count<E>(&self, count: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let is_being_counted = self.0.counting.try_lock().is_err();
        let _one_at_a_time = self.0.counting.lock().await;
        if let (true, Some(last)) = (is_being_counted, self.last().clone()) {
            return Ok(last);
        }
        let counted = count.await?;
        *self.last() = Some(counted.clone());
        Ok(counted)
    }

    fn last(&self) -> MutexGuard<'_, Option<T>> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for LastCount<T> {
    fn default() -> Self {
        Self(Arc::new(Shared { last: Mutex::new(None), counting: tokio::sync::Mutex::new(()) }))
    }
}

impl<T> Clone for LastCount<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_count_that_takes_long_is_awaited_by_nobody_who_can_be_shown_the_one_before() {
        let count = LastCount::default();
        assert_eq!(count.shown(ready(Ok::<_, ()>(1))).await, Ok(1));
        assert_eq!(count.shown(ready(Ok::<_, ()>(2))).await, Ok(2), "as it is now");
        assert_eq!(count.shown(ready(Err::<i32, _>("away"))).await, Err("away"));

        assert_eq!(count.shown(pending::<Result<i32, ()>>()).await, Ok(2), "it goes on behind");
        assert_eq!(count.shown(ready(Ok::<_, ()>(3))).await, Ok(2), "and no other is made beside it");
    }
}
