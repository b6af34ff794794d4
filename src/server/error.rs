//! Why the server did not start, or ended.

use std::io;
use std::net::SocketAddr;

use super::SHUTDOWN_MAX;

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A setting that only its module can judge.
    #[error("{setting}: {problem}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The database answers, but must not be used.
    #[error("{0}")]
    Unfit(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// The setting that names it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Metrics cannot be kept.
    #[error("cannot record metrics: {0}")]
    Metrics(String),
    /// The system has no thread for the lanes.
    #[error("cannot start a thread: {0}")]
    Threads(io::Error),
    /// A part ended by itself, which none should.
    #[error("the {0} ended unexpectedly")]
    Ended(&'static str),
    /// The end took longer than `SHUTDOWN_MAX`.
    #[error("work in flight did not end within {} s", SHUTDOWN_MAX.as_secs())]
    Overdue,
    /// A second signal came.
    #[error("ended by a second signal, with work in flight")]
    Cut,
}
