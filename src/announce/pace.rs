//! The rate limit of one endpoint: at most so many orders a second, evenly spread.

use std::time::Duration;

use tokio::time::Instant;

/// Spreads orders evenly; without a limit it lets all through.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two orders.
    gap: Duration,
    next_at: Instant,
}

impl Pace {
    /// `rate_max` a second; 0 for no limit.
    pub(super) fn new(rate_max: u32, now: Instant) -> Self {
        let gap = if rate_max == 0 { Duration::ZERO } else { Duration::from_secs(1) / rate_max };
        Self { gap, next_at: now }
    }

    /// When the next order may be sent.
    pub(super) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Notes that so many orders are sent.
    pub(super) fn sent(&mut self, orders: usize, now: Instant) {
        let orders = u32::try_from(orders).unwrap_or(u32::MAX);
        self.next_at = self.next_at.max(now) + self.gap.saturating_mul(orders);
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Pace};

    #[test]
    fn orders_are_spread_over_the_second_whatever_comes_together() {
        let now = Instant::now();
        let mut pace = Pace::new(10, now);
        pace.sent(1, now);
        assert_eq!(pace.next_at(), now + Duration::from_millis(100));
        pace.sent(5, now);
        assert_eq!(pace.next_at(), now + Duration::from_millis(600));
        // What was not used is not saved up.
        let later = now + Duration::from_secs(60);
        pace.sent(1, later);
        assert_eq!(pace.next_at(), later + Duration::from_millis(100));
    }

    #[test]
    fn without_a_limit_nothing_waits() {
        let now = Instant::now();
        let mut pace = Pace::new(0, now);
        pace.sent(1_000, now);
        assert_eq!(pace.next_at(), now);
    }
}
