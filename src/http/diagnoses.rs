//! Looks into webhooks that do not verify, and logs what is found. Never for the caller: it was answered before.
//!
//! A diagnosis costs some dozen times what refusing costs, and anybody can send what does not verify. So they are rationed:
//! one at a time, one of a source within [`OF_ONE_SOURCE_EVERY`], and after each a rest that keeps all of them together
//! below two in a hundred of one processor's time.

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

/// How often a source's webhooks are looked into.
const OF_ONE_SOURCE_EVERY: Duration = Duration::from_secs(10);
/// The rest after a diagnosis, in times of how long it took.
const REST_FACTOR: u32 = 50;

/// What was looked into. Cheap to clone: all clones share the ration.
#[derive(Debug, Clone, Default)]
pub(super) struct Diagnoses(Arc<Mutex<Ration>>);

#[derive(Debug, Default)]
struct Ration {
    is_busy: bool,
    rests_until: Option<Instant>,
    last: HashMap<Id, Instant>,
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
        if !self.ration().allows(source.name(), begun) {
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
    fn allows(&mut self, source: &Id, now: Instant) -> bool {
        let is_early = |last: &Instant| now.duration_since(*last) < OF_ONE_SOURCE_EVERY;
        if self.is_busy
            || self.rests_until.is_some_and(|until| now < until)
            || self.last.get(source).is_some_and(is_early)
        {
            return false;
        }
        self.is_busy = true;
        self.last.retain(|_, last| is_early(last));
        self.last.insert(source.clone(), now);
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

        assert!(ration.allows(&one, at(0)));
        assert!(!ration.allows(&other, at(1)), "one at a time");
        ration.ended(at(0), at(20));
        assert!(!ration.allows(&other, at(1_019)), "it rests fifty times as long as it took");
        assert!(ration.allows(&other, at(1_020)));
        ration.ended(at(1_020), at(1_021));
        assert!(!ration.allows(&one, at(9_999)), "a source waits for its turn");
        assert!(ration.allows(&one, at(10_000)));
    }

    #[test]
    fn sources_that_are_gone_take_no_memory() {
        let (mut ration, start) = (Ration::default(), Instant::now());
        for number in 0..100_u64 {
            let now = start + Duration::from_secs(20 * number);
            assert!(ration.allows(&Id::new(&format!("source-{number}")).unwrap(), now));
            ration.ended(now, now);
        }
        assert_eq!(ration.last.len(), 1);
    }
}
