//! Broadcasts each answer to a provider to those who watch: `paylatch dev`, and the streams of the admin
//! listener. While nobody watches, a webhook costs one look at a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::order::{Receipt, UnixMicros};

/// Answers that a watcher has not seen yet; beyond it the oldest are lost to it.
const UNSEEN_MAX: usize = 1_024;

/// One answer to a provider.
#[derive(Debug)]
pub struct ObservedAnswer {
    /// When it was given.
    pub at: UnixMicros,
    /// The source, or the word for none.
    pub source: String,
    /// The receipts, or why there are none.
    pub answer: Result<Vec<ObservedReceipt>, Refusal>,
    /// From the request's head to the answer.
    pub took: Duration,
}

/// What became of one event.
#[derive(Debug)]
pub struct ObservedReceipt {
    /// What the provider was told of it.
    pub receipt: Receipt,
    /// The provider's name for what happened.
    pub type_name: String,
}

/// An answer that is not 200.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable word, as in the log.
    pub reason: &'static str,
    /// What the caller is not told.
    pub detail: String,
}

/// Hands over what it sees. Cheap to clone: all clones see the same.
#[derive(Debug, Clone)]
pub struct AnswerObserver(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    answers: Sender<Arc<ObservedAnswer>>,
    /// The channel would tell it under a lock.
    watchers: AtomicUsize,
}

/// One who watches, until it is dropped.
#[derive(Debug)]
pub struct Watch {
    answers: Receiver<Arc<ObservedAnswer>>,
    observer: AnswerObserver,
}

/// What a watcher sees next.
#[derive(Debug, Clone)]
pub enum Seen {
    /// An answer.
    Answer(Arc<ObservedAnswer>),
    /// So many answers were lost: it was too slow for them.
    Missed(u64),
}

impl AnswerObserver {
    /// One whom nobody watches yet.
    #[must_use]
    pub fn new() -> Self {
        let (answers, _) = channel(UNSEEN_MAX);
        Self(Arc::new(Shared { answers, watchers: AtomicUsize::new(0) }))
    }

    /// Watches from now on.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.0.watchers.fetch_add(1, Ordering::Relaxed);
        Watch { answers: self.0.answers.subscribe(), observer: self.clone() }
    }

    /// Whether somebody watches.
    pub(super) fn is_watched(&self) -> bool {
        self.0.watchers.load(Ordering::Relaxed) > 0
    }

    /// Never waits: who reads too slowly misses something.
    pub(super) fn notify(&self, answer: ObservedAnswer) {
        let _nobody_watches_any_more = self.0.answers.send(Arc::new(answer));
    }
}

impl Default for AnswerObserver {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// The next answer, or how many were missed. `None` never comes while the watcher is there: it holds the observer.
    pub async fn next(&mut self) -> Option<Seen> {
        match self.answers.recv().await {
            Ok(answer) => Some(Seen::Answer(answer)),
            Err(RecvError::Lagged(count)) => Some(Seen::Missed(count)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.observer.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{AnswerObserver, Duration, ObservedAnswer, Refusal, Seen, UNSEEN_MAX, UnixMicros};

    fn answer(number: usize) -> ObservedAnswer {
        let refusal = Refusal { status: 401, reason: "signature_mismatch", detail: String::new() };
        let source = number.to_string();
        ObservedAnswer { at: UnixMicros(0), source, answer: Err(refusal), took: Duration::ZERO }
    }

    #[tokio::test]
    async fn a_slow_watcher_loses_the_oldest_answers_and_is_told_how_many() {
        let observer = AnswerObserver::new();
        let mut watch = observer.watch();
        (0..UNSEEN_MAX + 3).for_each(|number| observer.notify(answer(number)));
        assert!(matches!(watch.next().await, Some(Seen::Missed(3))));
        let Some(Seen::Answer(oldest)) = watch.next().await else { panic!("an answer") };
        assert_eq!(oldest.source, "3");
    }

    #[test]
    fn nobody_watches_once_every_watcher_is_gone() {
        let observer = AnswerObserver::new();
        assert!(!observer.is_watched());
        let (one, other) = (observer.watch(), observer.clone().watch());
        drop(one);
        assert!(observer.is_watched());
        drop(other);
        assert!(!observer.is_watched());
    }
}
