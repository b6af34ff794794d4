//! A server's clock, compared with this machine's.
//!
//! Nothing here decides by comparing clocks: leases are counted in intervals. But a fencing token is its server's clock,
//! and a clock that is off is about to be set, perhaps in one step.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Locks;
use super::inspect::INSPECTION_TIMEOUT;

/// What a server's clock showed, and when by ours it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerClock {
    /// The server, as people know it.
    pub server: String,
    /// Since the Unix epoch.
    shows: Duration,
    /// What it showed may have been later by less than this.
    resolution: Duration,
    asked_at: Instant,
    answered_at: Instant,
}

/// How far a server's clock is off ours, at least: the time that the answer took is counted in the server's favour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// The server's is later.
    Ahead(Duration),
    /// The server's is earlier.
    Behind(Duration),
}

impl ServerClock {
    /// Reads the clock of `server` by `ask`, which answers the time since the Unix epoch in whole `resolution`s.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn read<E>(
        server: impl Into<String>,
        resolution: Duration,
        ask: impl Future<Output = Result<Duration, E>>,
    ) -> Result<Self, E> {
        let asked_at = Instant::now();
        let shows = ask.await?;
        Ok(Self { server: server.into(), shows, resolution, asked_at, answered_at: Instant::now() })
    }

    /// Compares it with a clock that shows `now`, since the Unix epoch, at `at`. `None` when they may agree.
    #[must_use]
    pub fn skew(&self, now: Duration, at: Instant) -> Option<Skew> {
        let ours = |moment: Instant| {
            (now + moment.saturating_duration_since(at)).saturating_sub(at.saturating_duration_since(moment))
        };
        let ahead = self.shows.checked_sub(ours(self.answered_at)).map(Skew::Ahead);
        let behind = ours(self.asked_at).checked_sub(self.shows + self.resolution).map(Skew::Behind);
        ahead.or(behind).filter(|skew| !skew.size().is_zero())
    }
}

impl Skew {
    /// Without its direction.
    #[must_use]
    pub fn size(self) -> Duration {
        match self {
            Self::Ahead(size) | Self::Behind(size) => size,
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self {
            Self::Ahead(_) => "ahead of",
            Self::Behind(_) => "behind",
        };
        write!(f, "{} ms {direction}", self.size().as_millis())
    }
}

impl Locks {
    /// The clock of every server of the lock service that answers; `local` has none.
    pub async fn clocks(&self) -> Vec<ServerClock> {
        timeout(INSPECTION_TIMEOUT, self.service.backend().clocks()).await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::{ServerClock, Skew};

    const SECOND: Duration = Duration::from_secs(1);
    /// Now.
    const NOW: Duration = Duration::from_secs(1_700_000_000);

    /// A clock that shows `shows`, read within a second.
    async fn clock(shows: Duration, resolution: Duration) -> ServerClock {
        let ask = async {
            advance(SECOND).await;
            Ok::<_, Infallible>(shows)
        };
        ServerClock::read("it", resolution, ask).await.expect("it answers")
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_is_off_by_what_the_time_of_the_answer_cannot_explain() {
        let at = Instant::now();
        let read = async |shows| clock(shows, Duration::ZERO).await.skew(NOW, at);
        assert_eq!(read(NOW + 4 * SECOND).await, Some(Skew::Ahead(3 * SECOND)));
        // A second has passed since `at`.
        assert_eq!(read(NOW + SECOND).await, None);
        assert_eq!(read(NOW).await, Some(Skew::Behind(2 * SECOND)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_shows_whole_seconds_may_be_nearly_one_later() {
        let at = Instant::now();
        assert_eq!(clock(NOW - SECOND, SECOND).await.skew(NOW, at), None);
        assert_eq!(clock(NOW - 4 * SECOND, SECOND).await.skew(NOW, at), Some(Skew::Behind(4 * SECOND)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_skew_is_told_with_its_direction() {
        assert_eq!(Skew::Ahead(SECOND).to_string(), "1000 ms ahead of");
        assert_eq!(Skew::Behind(SECOND).to_string(), "1000 ms behind");
    }
}
