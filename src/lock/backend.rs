//! What every backend does, and the choice between them.

use std::time::Duration;

use super::Settings;
use super::local::Local;
use super::redis::Redis;
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
}

/// A lock service.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a process has one")]
pub(super) enum Backend {
    Local(Local),
    Redis(Redis),
}

impl Backend {
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        match settings.backend.as_str() {
            "local" => Ok(Self::Local(Local::default())),
            "redis" => Redis::new(&settings.urls, settings.call_timeout).map(Self::Redis),
            other => Err(format!("lock.backend is \"{other}\", expected one of: {}", NAMES.join(", "))),
        }
    }

    /// As in settings and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::Redis(_) => "redis",
        }
    }

    /// Returns when a call can be sent. What was begun goes on when the caller stops waiting.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        match self {
            Self::Local(_) => Ok(()),
            Self::Redis(redis) => redis.ready().await,
        }
    }

    /// Does `verb` to all of `holds` in one round trip and says for each whether it was done.
    pub(super) async fn ask(&self, verb: Verb, holds: &[Hold], ttl: Duration) -> Result<Vec<bool>, Failure> {
        match self {
            Self::Local(local) => Ok(local.ask(verb, holds, ttl)),
            Self::Redis(redis) => redis.ask(verb, holds, ttl).await,
        }
    }
}

const NAMES: [&str; 2] = ["local", "redis"];
