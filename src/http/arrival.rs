//! The two times of a webhook: what the machine's clock says, which may be set back, and the moment of its arrival, which only
//! rises and which no two webhooks share.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::order::UnixMicros;

/// The latest moment of arrival that was given out.
static LATEST: AtomicI64 = AtomicI64::new(0);

/// Moments that differ in their remainder by this never meet: each process gives out those of one remainder, and still far more
/// of them a second than it takes webhooks.
const REMAINDERS: i64 = 16;

/// The remainder of this process: two replicas that get one event in the same microsecond rarely share it, so that who lost the
/// reply to its save does not take another's row for its own.
static REMAINDER: LazyLock<i64> = LazyLock::new(|| rand::random_range(0..REMAINDERS));

/// Reads a clock: the machine's, save in tests.
pub(super) type Clock = fn() -> UnixMicros;

/// When a webhook came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// By the wall clock, for what is signed with a time. It goes back when the clock does: a clock that was ahead once must
    /// not refuse every webhook until time has caught up.
    pub(super) now: UnixMicros,
    /// Never the same for two webhooks, and never earlier than that of the one before.
    pub(super) received_at: UnixMicros,
}

impl Arrival {
    pub(super) fn by(clock: Clock) -> Self {
        let now = clock();
        Self { now, received_at: unique(&LATEST, *REMAINDER, now.0) }
    }

    /// Unix seconds of the wall clock.
    pub(super) fn now_s(self) -> i64 {
        self.now.0.div_euclid(1_000_000)
    }
}

/// The present moment. No two calls in one process get the same one, so it names the webhook that it is given to.
#[must_use]
pub fn received_now() -> UnixMicros {
    Arrival::by(machine_clock).received_at
}

/// The machine's wall clock.
pub(super) fn machine_clock() -> UnixMicros {
    #[allow(clippy::disallowed_methods, reason = "the edge: from here time is passed down")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// The first moment with this `remainder` from `now` on that is later than the latest, when the clock stands still or was set
/// back, too.
fn unique(latest: &AtomicI64, remainder: i64, now: i64) -> UnixMicros {
    let mut given = now;
    let advance = |last: i64| {
        let earliest = now.max(last.saturating_add(1));
        given = earliest.saturating_add((remainder - earliest).rem_euclid(REMAINDERS));
        Some(given)
    };
    let _ = latest.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance);
    UnixMicros(given)
}

#[cfg(test)]
mod tests {
    use super::{AtomicI64, REMAINDERS, UnixMicros, unique};

    #[test]
    fn a_clock_that_stands_still_or_goes_back_never_gives_a_moment_twice() {
        let latest = AtomicI64::new(0);
        let given = [96, 96, 90, 130, 130].map(|now| unique(&latest, 0, now));
        assert_eq!(given, [96, 112, 128, 144, 160].map(UnixMicros));
    }

    #[test]
    fn replicas_of_different_remainders_never_give_the_same_moment() {
        let moments = |remainder| {
            let latest = AtomicI64::new(0);
            move |now| unique(&latest, remainder, now).0
        };
        let (one, other) = (moments(3), moments(4));
        for now in 0..200 {
            let (one, other) = (one(now), other(now));
            assert_eq!((one.rem_euclid(REMAINDERS), other.rem_euclid(REMAINDERS)), (3, 4));
        }
    }
}
