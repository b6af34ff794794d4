//! How long to wait before another try.
//!
//! Full jitter, as in AWS, "Exponential Backoff And Jitter": any time up to a longest one, which doubles with each failure.
//! Those who failed together do not come back together.

use std::time::Duration;

use rand::RngExt;

/// Waits that grow with the tries behind them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The longest wait after the first failure.
    first: Duration,
    /// No wait is longer.
    longest: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// A random wait, when `tries` have failed before this one.
    pub(crate) fn wait(self, tries: u32) -> Duration {
        let longest = self.first.saturating_mul(1 << tries.min(DOUBLINGS_MAX)).min(self.longest);
        up_to(longest)
    }
}

#[cfg(not(test))]
fn up_to(longest: Duration) -> Duration {
    rand::rng().random_range(Duration::ZERO..=longest)
}

/// Beyond so many, every wait is the longest one anyway.
const DOUBLINGS_MAX: u32 = 16;

/// In a simulation the waits follow from its seed.
#[cfg(test)]
fn up_to(longest: Duration) -> Duration {
    tests::SEEDED.with_borrow_mut(|seeded| match seeded {
        Some(random) => random.random_range(Duration::ZERO..=longest),
        None => rand::rng().random_range(Duration::ZERO..=longest),
    })
}

/// Lets the waits of this thread follow from `seed`.
#[cfg(test)]
pub(crate) fn seed(seed: u64) {
    use rand::SeedableRng;
    tests::SEEDED.set(Some(rand::rngs::StdRng::seed_from_u64(seed)));
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rand::rngs::StdRng;

    use super::{Backoff, Duration};

    thread_local! {
        pub(super) static SEEDED: RefCell<Option<StdRng>> = const { RefCell::new(None) };
    }

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// The longest of many waits.
    fn longest(tries: u32) -> Duration {
        let backoff = Backoff::new(25 * MILLISECOND, 250 * MILLISECOND);
        (0..2_000).map(|_| backoff.wait(tries)).max().unwrap_or_default()
    }

    #[test]
    fn a_wait_is_random_and_its_limit_doubles_up_to_the_longest() {
        for (tries, limit) in [(0, 25), (1, 50), (3, 200), (4, 250), (u32::MAX, 250)] {
            let (longest, limit) = (longest(tries), limit * MILLISECOND);
            assert!(longest <= limit && longest > limit / 2, "{tries}: {longest:?} of {limit:?}");
        }
    }
}
