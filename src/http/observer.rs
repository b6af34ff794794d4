//! Sees what is answered, as it happens: for `paylatch dev`, which shows it.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::order::Receipt;

/// What is not shown yet; beyond it answers go unseen.
const UNSEEN_MAX: usize = 1_024;

/// One answer to a provider.
#[derive(Debug)]
pub struct ObservedAnswer {
    /// The source, or the word for none.
    pub source: String,
    /// The receipts, or why there are none.
    pub answer: Result<Vec<Receipt>, Refusal>,
    /// From the request's head to the answer.
    pub took: Duration,
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

/// Hands over what it sees. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AnswerObserver(Sender<ObservedAnswer>);

impl AnswerObserver {
    /// An observer, and where it tells.
    #[must_use]
    pub fn new() -> (Self, Receiver<ObservedAnswer>) {
        let (sender, receiver) = channel(UNSEEN_MAX);
        (Self(sender), receiver)
    }

    /// Never waits: who reads too slowly misses something.
    pub(super) fn notify(&self, answer: ObservedAnswer) {
        let _missed = self.0.try_send(answer);
    }
}
