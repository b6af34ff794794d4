//! The contract between the lease service and its backends: three calls, and the errors of a call.

use super::token::Token;

/// The three single calls. None waits for a holder, none retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Takes a key that is free, or that this very token has already: a call that is sent twice answers the same.
    Acquire,
    /// Gives a key that is ours another TTL. Never takes a key that is gone.
    Extend,
    /// Frees a key that is ours.
    Release,
}

/// A key under the token of one acquisition.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    pub(super) key: String,
    pub(super) token: Token,
    /// Set when it is acquired; 0 where the backend has none.
    pub(super) fence: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Failure {
    /// Nothing reached the service.
    #[error("{0}")]
    Unsent(String),
    /// The service answered with an error; it may have done a part.
    #[error("{0}")]
    Refused(String),
    /// It was sent, and nobody knows whether it was done.
    #[error("{0}")]
    Unanswered(String),
    /// Some of several nodes did it, or may have; too few to count.
    #[error("{0}")]
    NoQuorum(String),
}
