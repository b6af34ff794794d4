//! Looks into webhooks that do not verify, and logs what is found. Never for the caller: it was answered before.
//!
//! A diagnosis costs some dozen times what refusing costs, and anybody can send what does not verify. So they are rationed:
//! one at a time, one of a source and a reason within [`OF_ONE_SOURCE_EVERY`], and after each a rest that keeps all of them
//! together below two in a hundred of one processor's time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::request::Parts;
use tokio::time::Instant;
use tracing::warn;

use super::body::Held;
use super::sources::Sources;
use crate::order::Id;
use crate::provider::{Rejection, Source, Webhook};

/// How often a source's webhooks are looked into that are refused for the same reason.
const OF_ONE_SOURCE_EVERY: Duration = Duration::from_secs(1);
/// The rest after a diagnosis, in times of how long it took.
const REST_FACTOR: u32 = 50;

/// What was looked into. Cheap to clone: all clones share the ration.
#[derive(Debug, Clone, Default)]
pub(super) struct Diagnoses(Arc<Mutex<Ration>>);

#[derive(Debug, Default)]
struct Ration {
    is_busy: bool,
    rests_until: Option<Instant>,
    last: HashMap<(Id, &'static str), Instant>,
}

impl Diagnoses {
    /// Looks into `rejection`, if its turn has come, on a thread of its own. The body keeps its share of the memory of
    /// bodies in work until then.
    pub(super) fn look_into(
        &self,
        source: &Source,
        sources: &Sources,
        rejection: &Rejection,
        (head, body): (Parts, Held),
        now: i64,
    ) {
        let begun = Instant::now();
        if !self.ration().allows((source.name(), rejection.reason), begun) {
            return;
        }
        let turn = Turn { diagnoses: self.clone(), begun };
        let (source, others, rejection) = (source.clone(), sources.all(), rejection.clone());
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let path_and_query = head.uri.path_and_query().map_or("/", |path| path.as_str());
            let webhook = Webhook { path_and_query, headers: &head.headers, body: &body.bytes };
            if let Some(found) = source.diagnose(&rejection, &webhook, now, &others) {
                let (reason, cause, detail) = (rejection.reason, found.cause.as_str(), found.detail);
                warn!(source = %source.name(), reason, cause, detail, "a webhook does not verify");
            }
        });
    }

    fn ration(&self) -> std::sync::MutexGuard<'_, Ration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one diagnosis that runs; over when it is dropped, however it ends.
struct Turn {
    diagnoses: Diagnoses,
    begun: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.diagnoses.ration().ended(self.begun, Instant::now());
    }
}

impl Ration {
    fn allows(&mut self, (source, reason): (&Id, &'static str), now: Instant) -> bool {
        let key = (source.clone(), reason);
        let is_early = |last: &Instant| now.duration_since(*last) < OF_ONE_SOURCE_EVERY;
        if self.is_busy
            || self.rests_until.is_some_and(|until| now < until)
            || self.last.get(&key).is_some_and(is_early)
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
    use super::{Duration, Id, Instant, Ration};

    #[test]
    fn diagnoses_take_two_hundredths_of_a_processor_whatever_is_sent() {
        let (mut ration, start) = (Ration::default(), Instant::now());
        let [one, other] = ["one", "other"].map(|name| Id::new(name).unwrap());
        let at = |ms| start + Duration::from_millis(ms);

        let mut allows = |source, reason, ms| ration.allows((source, reason), at(ms));
        assert!(allows(&one, "a", 0));
        assert!(!allows(&other, "a", 1), "one at a time");
        ration.ended(at(0), at(10));
        let mut allows = |source, reason, ms| ration.allows((source, reason), at(ms));
        assert!(!allows(&other, "a", 509), "it rests fifty times as long as it took");
        assert!(allows(&other, "a", 510));
        ration.ended(at(510), at(511));
        let mut allows = |source, reason, ms| ration.allows((source, reason), at(ms));
        assert!(!allows(&one, "a", 999), "a source waits for its turn");
        assert!(allows(&one, "b", 999), "but for another reason");
        ration.ended(at(999), at(999));
        assert!(ration.allows((&one, "a"), at(1_000)));
    }

    #[test]
    fn sources_that_are_gone_take_no_memory() {
        let (mut ration, start) = (Ration::default(), Instant::now());
        for number in 0..100_u64 {
            let now = start + Duration::from_secs(20 * number);
            let source = Id::new(&format!("source-{number}")).unwrap();
            assert!(ration.allows((&source, "a"), now));
            ration.ended(now, now);
        }
        assert_eq!(ration.last.len(), 1);
    }
}
