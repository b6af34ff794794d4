//! A runtime of their own for the lanes and what they await.
//!
//! Between two steps of a commit a lane must not queue behind the webhooks that wait for that very commit. On a thread of
//! its own it is woken by the operating system as soon as the database or the lock service answers.

use std::io;

use tokio::runtime::{Builder, EnterGuard, Runtime};

/// Lanes wait more than they compute: one thread carries far more of them than a database does.
const THREADS: usize = 1;

/// Ends without waiting for what still runs on it, since it is dropped where nothing may block.
#[derive(Debug)]
pub(super) struct LaneRuntime(Option<Runtime>);

impl LaneRuntime {
    /// # Errors
    /// When the system has no thread for it.
    pub(super) fn start() -> io::Result<Self> {
        let threads =
            Builder::new_multi_thread().worker_threads(THREADS).thread_name("lanes").enable_all().build()?;
        Ok(Self(Some(threads)))
    }

    /// What is spawned while the guard lives runs here.
    pub(super) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }
}

impl Drop for LaneRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
