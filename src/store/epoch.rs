//! Stretches of time in which the database was one server, seen without a gap.
//!
//! What a process remembers of the database may be forgotten by the next server: a standby that was promoted before it had
//! everything, a backup that was restored. An *epoch* ends whenever a connection is lost or opened by any part of the process,
//! and when the regular look at the server finds another one, or none. A pooler may hide all of it, so an epoch is trusted only
//! for a while after a look that went well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long one good look at the server is trusted.
const TRUST_MAX: Duration = Duration::from_secs(2);

/// The number of an epoch. Numbers rise and never come back.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

/// The epochs of one store. Cheap to clone: whoever has a connection may end one.
#[derive(Debug, Clone, Default)]
pub struct Epochs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Epoch,
    server: Option<Server>,
    looked_at: Option<Instant>,
}

/// What tells one server from another, as far as it may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// When it started.
    pub(super) started: String,
    /// The cluster that its data is of.
    pub(super) system: Option<String>,
    /// Of its log: a promotion begins a new one.
    pub(super) timeline: Option<String>,
    /// How far its log goes, in bytes.
    pub(super) log_position: Option<i64>,
}

/// What a look at the server found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The first look, or the same server as before.
    Same,
    /// It was started again, or it is another one: it may lack what was committed last.
    Other,
}

impl Epochs {
    /// The present one. To be taken before anything is read that is to be remembered.
    #[must_use]
    pub fn now(&self) -> Epoch {
        self.lock().now
    }

    /// The present one, if the server was looked at lately: only then may memory of it answer.
    #[must_use]
    pub fn trusted(&self) -> Option<Epoch> {
        let state = self.lock();
        state.looked_at.filter(|at| at.elapsed() < TRUST_MAX).map(|_| state.now)
    }

    /// To be told whenever a connection was lost or opened: what was remembered before may not hold.
    pub fn end(&self) {
        let mut state = self.lock();
        state.now = Epoch(state.now.0.wrapping_add(1));
    }

    /// A look at the server found nothing.
    pub(super) fn lost_sight(&self) {
        self.lock().looked_at = None;
        self.end();
    }

    /// A look at the server, begun at `asked_at`, found `server`.
    pub(super) fn looked(&self, server: Server, asked_at: Instant) -> Continuity {
        let mut state = self.lock();
        let continuity =
            state.server.as_ref().map_or(Continuity::Same, |before| before.continues_as(&server));
        if continuity != Continuity::Same {
            state.now = Epoch(state.now.0.wrapping_add(1));
        }
        state.server = Some(server);
        state.looked_at = Some(asked_at);
        continuity
    }

    /// As after a look that went well.
    #[cfg(test)]
    pub(crate) fn looked_at_one_server(&self) {
        let server = Server { started: "once".to_owned(), system: None, timeline: None, log_position: None };
        self.looked(server, Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// A log that goes less far than it went is another one, whatever else is alike.
    fn continues_as(&self, now: &Self) -> Continuity {
        let goes_less_far = self.log_position.zip(now.log_position).is_some_and(|(before, now)| now < before);
        let is_same =
            self.system == now.system && self.timeline == now.timeline && self.started == now.started;
        if is_same && !goes_less_far { Continuity::Same } else { Continuity::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(started: &str, timeline: &str, log_position: i64) -> Server {
        Server {
            started: started.to_owned(),
            system: Some("7".to_owned()),
            timeline: Some(timeline.to_owned()),
            log_position: Some(log_position),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_epoch_is_trusted_only_for_a_while_after_a_look_that_went_well() {
        let epochs = Epochs::default();
        assert_eq!(epochs.trusted(), None, "nobody looked yet");
        epochs.looked(server("a", "1", 10), Instant::now());
        assert_eq!(epochs.trusted(), Some(epochs.now()));
        tokio::time::advance(TRUST_MAX).await;
        assert_eq!(epochs.trusted(), None);
        epochs.looked(server("a", "1", 11), Instant::now());
        assert_eq!(epochs.trusted(), Some(epochs.now()));
        epochs.lost_sight();
        assert_eq!(epochs.trusted(), None);
    }

    #[tokio::test]
    async fn another_server_ends_the_epoch_and_the_same_one_does_not() {
        let (epochs, at) = (Epochs::default(), Instant::now());
        assert_eq!(epochs.looked(server("a", "1", 10), at), Continuity::Same);
        let first = epochs.now();
        assert_eq!(epochs.looked(server("a", "1", 20), at), Continuity::Same);
        assert_eq!(epochs.now(), first);
        for next in [server("b", "1", 30), server("b", "2", 40), server("b", "2", 35)] {
            let before = epochs.now();
            assert_eq!(epochs.looked(next.clone(), at), Continuity::Other);
            assert!(epochs.now() > before, "{next:?}");
        }
    }

    #[test]
    fn a_connection_that_is_lost_or_opened_ends_the_epoch() {
        let epochs = Epochs::default();
        let before = epochs.now();
        epochs.end();
        assert!(epochs.now() > before);
    }
}
