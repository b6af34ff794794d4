//! The circuit breaker of one endpoint: whether requests are sent to it, and how many at once.
//!
//! ```text
//!  closed --10 failures in a row--> open --its time is over--> probing --one success--> closed, 1 in flight, then 2, 4, ..
//!                                    ^                            |
//!                                    +--------one failure---------+   (the wait doubles, up to 5 min)
//! ```
//!
//! Pure: time and chance come in. An endpoint that is away costs nothing but a probe now and then: its cursor stands still.

use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row open it.
const FAILURES_MAX: u32 = 10;
/// The longest wait before the first probe; it doubles with each failure.
const PROBE_FIRST: Duration = Duration::from_secs(5);
/// No probe waits longer, unless the endpoint asks for it.
const PROBE_LONGEST: Duration = Duration::from_secs(300);

/// An endpoint's state.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    state: State,
    /// Failures in a row.
    failures: u32,
    /// How many may be in flight now; doubles with each success up to the endpoint's own limit.
    allowed: usize,
    in_flight_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    /// Nothing is sent before this.
    Open(Instant),
    /// One probe is on its way.
    Probing,
}

impl Breaker {
    /// A closed one, that lets so many be in flight.
    pub(super) fn new(in_flight_max: usize) -> Self {
        Self { state: State::Closed, failures: 0, allowed: in_flight_max, in_flight_max }
    }

    /// As another owner left it: after so many failures in a row, to be tried at `probe_at` if it was open.
    pub(super) fn restored(in_flight_max: usize, failures: u32, probe_at: Option<Instant>) -> Self {
        let state = probe_at.map_or(State::Closed, State::Open);
        Self { state, failures, ..Self::new(in_flight_max) }
    }

    /// Whether more than probes is sent.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// How many may be sent now beside those in flight. An open one whose time is over lets one probe through.
    pub(super) fn room(&self, in_flight: usize, now: Instant) -> usize {
        match self.state {
            State::Closed => self.allowed.saturating_sub(in_flight),
            State::Open(until) => usize::from(now >= until && in_flight == 0),
            State::Probing => 0,
        }
    }

    /// Notes that something is sent.
    pub(super) fn sent(&mut self) {
        if let State::Open(_) = self.state {
            self.state = State::Probing;
        }
    }

    /// Notes that the endpoint took it.
    pub(super) fn succeeded(&mut self) {
        if self.state == State::Closed {
            self.allowed = self.allowed.saturating_mul(2).min(self.in_flight_max);
        } else {
            (self.state, self.allowed) = (State::Closed, 1);
        }
        self.failures = 0;
    }

    /// The endpoint took nothing. `chance` is from 0 to 1: endpoints that failed together are not probed together.
    pub(super) fn failed(&mut self, retry_after: Option<Duration>, now: Instant, chance: f64) {
        if let State::Open(until) = &mut self.state {
            // It was sent before the others failed, and says nothing new.
            *until = (*until).max(now + retry_after.unwrap_or_default());
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let opens = self.state != State::Closed || self.failures >= FAILURES_MAX || retry_after.is_some();
        if opens {
            let doublings = self.failures.saturating_sub(FAILURES_MAX).min(16);
            let longest = PROBE_FIRST.saturating_mul(1 << doublings).min(PROBE_LONGEST);
            let wait = longest.mul_f64(chance.clamp(0.0, 1.0));
            self.state = State::Open(now + wait.max(retry_after.unwrap_or_default()));
        }
    }

    /// When it is worth asking again.
    pub(super) fn opens_at(&self) -> Option<Instant> {
        match self.state {
            State::Open(until) => Some(until),
            State::Closed | State::Probing => None,
        }
    }

    /// The word in the database.
    pub(super) fn word(&self) -> &'static str {
        match self.state {
            State::Closed => "closed",
            State::Probing => "half",
            State::Open(_) => "open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(8);
        for _ in 0..FAILURES_MAX {
            breaker.failed(None, now, 1.0);
        }
        breaker
    }

    #[test]
    fn failures_among_successes_do_not_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new(8);
        for _ in 0..100 {
            for _ in 0..FAILURES_MAX - 1 {
                breaker.failed(None, now, 1.0);
            }
            breaker.succeeded();
        }
        assert_eq!((breaker.room(3, now), breaker.word()), (5, "closed"));
    }

    #[test]
    fn an_open_one_lets_one_probe_through_when_its_time_is_over() {
        let now = Instant::now();
        let mut breaker = opened(now);
        assert_eq!(breaker.room(0, now + 4 * SECOND), 0);
        assert_eq!(breaker.room(0, now + 5 * SECOND), 1);
        breaker.sent();
        assert_eq!((breaker.room(0, now + 6 * SECOND), breaker.word()), (0, "half"));
    }

    #[test]
    fn probes_come_ever_more_seldom_up_to_five_minutes() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(breaker.opens_at(), Some(now + seconds * SECOND));
            now += seconds * SECOND;
            breaker.sent();
            breaker.failed(None, now, 1.0);
        }
    }

    #[test]
    fn a_probe_that_is_taken_closes_it_and_the_load_comes_back_slowly() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.sent();
        for room in [1, 2, 4, 8, 8] {
            breaker.succeeded();
            assert_eq!(breaker.room(0, now), room);
        }
    }

    #[test]
    fn an_endpoint_that_asks_for_time_gets_it_at_once() {
        let now = Instant::now();
        let mut breaker = Breaker::new(8);
        breaker.failed(Some(90 * SECOND), now, 0.0);
        assert_eq!(breaker.opens_at(), Some(now + 90 * SECOND));
    }

    #[test]
    fn what_was_in_flight_when_it_opened_does_not_put_the_probe_off() {
        let now = Instant::now();
        let mut breaker = opened(now);
        for _ in 0..8 {
            breaker.failed(None, now + SECOND, 1.0);
        }
        assert_eq!(breaker.opens_at(), Some(now + 5 * SECOND));
    }

    #[test]
    fn another_owner_goes_on_where_the_one_before_stood() {
        let now = Instant::now();
        let mut breaker = Breaker::restored(8, 11, Some(now + SECOND));
        assert_eq!(breaker.room(0, now), 0);
        breaker.sent();
        breaker.failed(None, now + SECOND, 1.0);
        assert_eq!(breaker.opens_at(), Some(now + 21 * SECOND));
    }
}
