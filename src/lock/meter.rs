//! The metrics of locks. Labels name the backend and the result, never a key.

use std::time::Duration;

use metrics::{Gauge, counter, gauge, histogram};

/// How an acquisition ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Acquired {
    /// Every key was free.
    All,
    /// At least one was held by another.
    Busy,
    /// Not asked, not reached, or refused.
    Unavailable,
    /// Sent, and not answered.
    Unknown,
    /// Too few nodes answered.
    NoQuorum,
}

/// Why a lease ended before its holder released it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lost {
    /// The service no longer had it when it was to be renewed.
    Gone,
    /// It was not renewed in time.
    Lapsed,
    /// It was held for longer than any lease is renewed.
    HeldTooLong,
}

/// How a release ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Released {
    /// All keys were still ours.
    All,
    /// A key had lapsed, or the service forgot it.
    NotHeld,
    /// No answer until the TTL had passed, or no room to try.
    Unknown,
}

pub(super) fn acquire(backend: &'static str, acquired: Acquired, waited: Duration) {
    let result = match acquired {
        Acquired::All => "acquired",
        Acquired::Busy => "busy",
        Acquired::Unavailable => "unavailable",
        Acquired::Unknown => "unknown",
        Acquired::NoQuorum => "no_quorum",
    };
    counter!("paylatch_lock_acquire_total", "backend" => backend, "result" => result).increment(1);
    histogram!("paylatch_lock_wait_seconds", "backend" => backend).record(waited);
}

/// The ratio tells how close work comes to the TTL: above 0.5 it leans on renewal.
pub(super) fn held(backend: &'static str, held: Duration, ttl: Duration) {
    histogram!("paylatch_lock_hold_seconds", "backend" => backend).record(held);
    histogram!("paylatch_lock_hold_ratio", "backend" => backend)
        .record(held.as_secs_f64() / ttl.as_secs_f64());
}

pub(super) fn lost(backend: &'static str, reason: Lost, leases: usize) {
    let reason = match reason {
        Lost::Gone => "gone",
        Lost::Lapsed => "lapsed",
        Lost::HeldTooLong => "held_too_long",
    };
    counter!("paylatch_lock_lost_total", "backend" => backend, "reason" => reason).increment(leases as u64);
}

/// Somebody waited for a busy key as long as it may be waited for.
pub(super) fn busy_timeout(backend: &'static str) {
    counter!("paylatch_lock_busy_timeouts_total", "backend" => backend).increment(1);
}

/// A lease that is being released, from here until it is dropped.
#[derive(Debug)]
pub(super) struct PendingRelease(Gauge);

impl PendingRelease {
    pub(super) fn begins(backend: &'static str) -> Self {
        let depth = gauge!("paylatch_lock_cleanup_queue_depth", "backend" => backend);
        depth.increment(1);
        Self(depth)
    }
}

impl Drop for PendingRelease {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

pub(super) fn release(backend: &'static str, released: Released) {
    counter!("paylatch_lock_release_total", "backend" => backend, "result" => word(released)).increment(1);
}

/// `result` is one of `extended`, `gone`, `unknown`.
pub(super) fn extend(backend: &'static str, result: &'static str, keys: usize) {
    counter!("paylatch_lock_extend_total", "backend" => backend, "result" => result).increment(keys as u64);
}

/// After an acquisition whose outcome is unknown.
pub(super) fn clean_up(backend: &'static str, released: Released) {
    counter!("paylatch_lock_orphan_cleanup_total", "backend" => backend, "result" => word(released))
        .increment(1);
}

pub(super) fn outage(backend: &'static str) {
    counter!("paylatch_lock_outages_total", "backend" => backend).increment(1);
}

/// What one node of several said, and how long it took. `done` is whether it did anything of what was asked, unless it
/// failed to answer.
pub(super) fn vote(node: usize, done: Option<bool>, took: Duration) {
    let vote = match done {
        Some(true) => "yes",
        Some(false) => "no",
        None => "missing",
    };
    counter!("paylatch_redlock_vote_total", "node" => node.to_string(), "vote" => vote).increment(1);
    histogram!("paylatch_redlock_node_seconds", "node" => node.to_string()).record(took);
}

fn word(released: Released) -> &'static str {
    match released {
        Released::All => "released",
        Released::NotHeld => "not_held",
        Released::Unknown => "unknown",
    }
}
