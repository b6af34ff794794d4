//! What came of a run: counts, and a histogram of latencies.

use std::collections::BTreeMap;

use hdrhistogram::{CreationError, Histogram};
use tokio::time::Instant;

use super::connection::{Answer, Unanswered};
use crate::order::Outcome;

/// The longest latency that is told apart, in microseconds.
const LATENCY_MAX_US: u64 = 60_000_000;
/// Three digits of each latency are kept: at most 0.1 % off.
const LATENCY_DIGITS: u8 = 3;
/// How a receipt writes its outcome.
const OUTCOME: &str = "\"outcome\":\"";
/// Characters kept of the first answer that was not 2xx.
const COMPLAINT_CHARS_MAX: usize = 300;

/// Counts of the measured part of a run.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Everything before is warm-up.
    measured_from: Instant,
    /// What is answered later is in the latencies, not in the throughput.
    ends_at: Instant,
    /// Microseconds.
    pub(super) latencies: Histogram<u64>,
    pub(super) answered_in_time: u64,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    pub(super) unanswered: u64,
    /// The first thing that went wrong, warm-up included.
    pub(super) complaint: Option<String>,
}

impl Tally {
    /// Counts what was due from `measured_from` on.
    ///
    /// # Errors
    /// Never, with the constants above.
    pub(super) fn new(measured_from: Instant, ends_at: Instant) -> Result<Self, CreationError> {
        Ok(Self {
            measured_from,
            ends_at,
            latencies: Histogram::new_with_max(LATENCY_MAX_US, LATENCY_DIGITS)?,
            answered_in_time: 0,
            statuses: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            unanswered: 0,
            complaint: None,
        })
    }

    /// Counts an answer to a webhook that was due at `due`.
    pub(super) fn answered(&mut self, due: Instant, answer: &Answer<'_>) {
        let now = Instant::now();
        let body = std::str::from_utf8(answer.body).unwrap_or_default();
        if !(200..300).contains(&answer.status) {
            self.complain(|| format!("{}: {body}", answer.status));
        }
        if due < self.measured_from {
            return;
        }
        let latency = now.duration_since(due).as_micros();
        self.latencies.saturating_record(u64::try_from(latency).unwrap_or(LATENCY_MAX_US).max(1));
        self.answered_in_time += u64::from(now <= self.ends_at);
        *self.statuses.entry(answer.status).or_default() += 1;
        for (at, start) in body.match_indices(OUTCOME) {
            let word =
                body.get(at + start.len()..).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            if let Some(outcome) = Outcome::from_word(word) {
                *self.outcomes.entry(outcome.as_str()).or_default() += 1;
            }
        }
    }

    /// Counts a webhook without an answer.
    pub(super) fn unanswered(&mut self, due: Instant, why: &Unanswered) {
        self.complain(|| why.to_string());
        self.unanswered += u64::from(due >= self.measured_from);
    }

    fn complain(&mut self, text: impl FnOnce() -> String) {
        self.complaint.get_or_insert_with(|| text().chars().take(COMPLAINT_CHARS_MAX).collect());
    }
}
