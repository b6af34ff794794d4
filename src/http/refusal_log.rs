//! Limits the log lines about refused requests: anybody can be refused, and must not fill a disk by it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;
use tracing::warn;

use super::peers::Peer;
use super::rate_limit::RateLimit;

/// Lines for each client, and for all of them together, in so long a time.
const LINES_OF_CLIENT: u32 = 10;
const LINES_OF_ALL: u32 = 100;
const SPAN: Duration = Duration::from_secs(10);

/// Which refusals are logged, and how many were not.
#[derive(Debug)]
pub(super) struct RefusalLog {
    lines: RateLimit,
    unlogged: AtomicU64,
}

impl Default for RefusalLog {
    fn default() -> Self {
        Self { lines: RateLimit::new(LINES_OF_CLIENT, LINES_OF_ALL, SPAN), unlogged: AtomicU64::new(0) }
    }
}

impl RefusalLog {
    /// Whether a refusal of this client may be logged. How many were not is counted, and said with the next that is.
    pub(super) fn may_log(&self, client: Peer) -> bool {
        let may_log = self.lines.take(client, Instant::now());
        if !may_log {
            counter!("paylatch_refusals_unlogged_total").increment(1);
            self.unlogged.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let refusals = self.unlogged.swap(0, Ordering::Relaxed);
        if refusals > 0 {
            warn!(refusals, "refusals were counted and not logged: too many came");
        }
        true
    }
}
