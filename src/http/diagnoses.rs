//! Looks into webhooks that do not verify, and logs what is found. Never for the caller: it was answered before.
//!
//! A diagnosis costs some dozen times what refusing costs, and anybody can send what does not verify. So they are rationed:
//! one at a time, one of a source and a reason within [`OF_ONE_SOURCE_EVERY`], [`OF_ONE_CLIENT`] of a client within
//! [`OF_ONE_CLIENT_EVERY`], and after each a rest that keeps all of them together below two in a hundred of one processor's
//! time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use tokio::time::Instant;
use tracing::warn;

use super::body::BufferedBody;
use super::peers::Peer;
use super::rate_limit::RateLimit;
use super::rejections::Rejections;
use super::sources::Sources;
use crate::order::Id;
use crate::provider::{Rejection, Source, Webhook};

/// How often a source's webhooks are looked into that are refused for the same reason.
const OF_ONE_SOURCE_EVERY: Duration = Duration::from_secs(1);
/// How many of one client's, so that one that floods us leaves some for the others.
const OF_ONE_CLIENT: u32 = 5;
const OF_ONE_CLIENT_EVERY: Duration = Duration::from_secs(10);
/// The rest after a diagnosis, in times of how long it took.
const REST_FACTOR: u32 = 50;

/// What was looked into. Cheap to clone: all clones share the rate limit.
#[derive(Debug, Clone)]
pub(super) struct Diagnoses(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    turns: Mutex<Turns>,
    of_clients: RateLimit,
    rejections: Rejections,
}

impl Default for Diagnoses {
    fn default() -> Self {
        Self::explaining(Rejections::default())
    }
}

#[derive(Debug, Default)]
struct Turns {
    is_busy: bool,
    rests_until: Option<Instant>,
    last: HashMap<(Id, &'static str), Instant>,
}

impl Diagnoses {
    /// Those of what is found in `rejections`, where people read what was found.
    pub(super) fn explaining(rejections: Rejections) -> Self {
        let of_clients = RateLimit::new(OF_ONE_CLIENT, u32::MAX, OF_ONE_CLIENT_EVERY);
        Self(Arc::new(Shared { turns: Mutex::default(), of_clients, rejections }))
    }

    /// Looks into `rejection`, if its turn has come, on a thread of its own. The body keeps its share of the memory of
    /// bodies in work until then.
    pub(super) fn look_into(
        &self,
        (source, sources): (&Source, &Sources),
        rejection: &Rejection,
        (client, head, body): (Peer, Parts, BufferedBody),
        now: i64,
    ) {
        let begun = Instant::now();
        let is_left_to_client = || self.0.of_clients.take(client, begun);
        if !self.turns().allows((source.name(), rejection.reason), begun, is_left_to_client) {
            return;
        }
        let turn = Turn { diagnoses: self.clone(), begun };
        let (source, others, rejection) = (source.clone(), sources.all(), rejection.clone());
        tokio::task::spawn_blocking(move || {
            let path_and_query = head.uri.path_and_query().map_or("/", |path| path.as_str());
            let webhook = Webhook { path_and_query, headers: &head.headers, body: &body.bytes };
            if let Some(found) = source.diagnose(&rejection, &webhook, now, &others) {
                let (reason, cause, detail) = (rejection.reason, found.cause.as_str(), found.detail);
                turn.diagnoses.0.rejections.explain(source.name().as_str(), reason, cause, &detail);
                warn!(source = %source.name(), reason, cause, detail, "a webhook does not verify");
            }
        });
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, Turns> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one diagnosis that runs; over when it is dropped, however it ends.
struct Turn {
    diagnoses: Diagnoses,
    begun: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.diagnoses.turns().ended(self.begun, Instant::now());
    }
}

impl Turns {
    /// Whether one may be looked into now; only then is the client's own rate limit asked for one.
    fn allows(
        &mut self,
        (source, reason): (&Id, &'static str),
        now: Instant,
        is_left_to_client: impl FnOnce() -> bool,
    ) -> bool {
        let key = (source.clone(), reason);
        let is_early = |last: &Instant| now.duration_since(*last) < OF_ONE_SOURCE_EVERY;
        if self.is_busy
            || self.rests_until.is_some_and(|until| now < until)
            || self.last.get(&key).is_some_and(is_early)
            || !is_left_to_client()
        {
            return false;
        }
        self.is_busy = true;
        self.last.retain(|_, last| is_early(last));
        self.last.insert(key, now);
        true
    }

    fn ended(&mut self, begun: Instant, now: Instant) {
        self.is_busy = false;
        self.rests_until = Some(now + REST_FACTOR * now.duration_since(begun));
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Id, Instant, Turns};

    #[test]
    fn diagnoses_take_two_hundredths_of_a_processor_whatever_is_sent() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        let [one, other] = ["one", "other"].map(|name| Id::new(name).unwrap());
        let at = |ms| start + Duration::from_millis(ms);

        let mut allows = |source, reason, ms| turns.allows((source, reason), at(ms), || true);
        assert!(allows(&one, "a", 0));
        assert!(!allows(&other, "a", 1), "one at a time");
        turns.ended(at(0), at(10));
        let mut allows = |source, reason, ms| turns.allows((source, reason), at(ms), || true);
        assert!(!allows(&other, "a", 509), "it rests fifty times as long as it took");
        assert!(allows(&other, "a", 510));
        turns.ended(at(510), at(511));
        let mut allows = |source, reason, ms| turns.allows((source, reason), at(ms), || true);
        assert!(!allows(&one, "a", 999), "a source waits for its turn");
        assert!(allows(&one, "b", 999), "but for another reason");
        turns.ended(at(999), at(999));
        assert!(!turns.allows((&one, "a"), at(1_000), || false), "nothing is left to the client");
        assert!(turns.allows((&one, "a"), at(1_000), || true));
    }

    #[test]
    fn sources_that_are_gone_take_no_memory() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        for number in 0..100_u64 {
            let now = start + Duration::from_secs(20 * number);
            let source = Id::new(&format!("source-{number}")).unwrap();
            assert!(turns.allows((&source, "a"), now, || true));
            turns.ended(now, now);
        }
        assert_eq!(turns.last.len(), 1);
    }
}
