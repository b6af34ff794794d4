//! The signals that end the process.

use std::future::pending;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM, as a supervisor sends it, and SIGINT, as Ctrl-C does.
pub(super) struct Signals {
    terminate: io::Result<Signal>,
    interrupt: io::Result<Signal>,
}

impl Signals {
    pub(super) fn listen() -> Self {
        Self { terminate: signal(SignalKind::terminate()), interrupt: signal(SignalKind::interrupt()) }
    }

    /// The next one's name. A signal that cannot be listened for never comes.
    pub(super) async fn next(&mut self) -> &'static str {
        async fn next(signal: &mut io::Result<Signal>) {
            match signal {
                Ok(signal) => drop(signal.recv().await),
                Err(_) => pending().await,
            }
        }
        tokio::select! {
            () = next(&mut self.terminate) => "SIGTERM",
            () = next(&mut self.interrupt) => "SIGINT",
        }
    }
}
