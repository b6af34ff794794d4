//! What a run is told as: a table for people, or JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::load::Ended;
use super::plan::Plan;
use super::tally::Tally;
use crate::cli::output::{Output, Tone};

/// The figures of a run. In JSON, the names are an interface.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// `distinct`, `duplicate` or `mixed`.
    mix: &'static str,
    connections: usize,
    /// Webhooks per second of an open loop; null in a closed loop.
    rate: Option<f64>,
    order_reuse: u64,
    /// How long was measured.
    seconds: f64,
    /// Answers that came while it was measured, of any status.
    answered: u64,
    per_second: f64,
    latency_us: Latency,
    statuses: BTreeMap<u16, u64>,
    outcomes: BTreeMap<&'static str, u64>,
    /// Sent, and not answered: the connection broke, or nothing came in time.
    unanswered: u64,
    /// Due in an open loop, and not sent: every connection was waiting.
    unsent: usize,
    /// The first thing that went wrong.
    complaint: Option<String>,
    /// Cores that this process kept busy itself.
    client_cpu: Option<f64>,
}

/// Microseconds from when a webhook was due to its answer.
#[derive(Debug, Serialize)]
struct Latency {
    mean: f64,
    p50: u64,
    p90: u64,
    p99: u64,
    p99_9: u64,
    max: u64,
}

impl Latency {
    fn of(tally: &Tally) -> Self {
        let at = |percentile| tally.latencies.value_at_percentile(percentile);
        let (mean, max) = (tally.latencies.mean(), tally.latencies.max());
        Self { mean, p50: at(50.0), p90: at(90.0), p99: at(99.0), p99_9: at(99.9), max }
    }
}

impl Report {
    pub(super) fn new(plan: &Plan, Ended { tally, measured, unsent, cpu }: Ended) -> Self {
        let seconds = measured.as_secs_f64();
        Self {
            mix: plan.deck.mix().as_str(),
            connections: plan.connections,
            rate: plan.rate,
            order_reuse: plan.deck.order_reuse(),
            seconds,
            answered: tally.answered_in_time,
            per_second: if seconds > 0.0 { tally.answered_in_time as f64 / seconds } else { 0.0 },
            latency_us: Latency::of(&tally),
            statuses: tally.statuses,
            outcomes: tally.outcomes,
            unanswered: tally.unanswered,
            unsent,
            complaint: tally.complaint,
            client_cpu: cpu,
        }
    }

    /// Whether every webhook of the measured time was answered 2xx.
    pub(super) fn is_clean(&self) -> bool {
        let refused = self.statuses.keys().any(|status| !(200..300).contains(status));
        self.answered > 0 && self.unanswered == 0 && !refused
    }

    /// Tells it to people.
    pub(super) fn tell(&self, output: Output) {
        let line = |name: &str, value: String| output.line(format_args!("{name:<11}{value}"));
        let pace = self.rate.map_or("closed loop".to_owned(), |rate| format!("open loop, {rate}/s"));
        line(
            "load",
            format!("{}, {} connections, {pace}, {:.1} s measured", self.mix, self.connections, self.seconds),
        );
        let throughput = format!("{:.0} webhooks/s", self.per_second);
        line("throughput", output.tone(Tone::Strong, throughput));
        let Latency { p50, p90, p99, p99_9, max, .. } = self.latency_us;
        let [p50, p90, p99, p99_9, max] = [p50, p90, p99, p99_9, max].map(millis);
        line("latency", format!("p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p99_9}  max {max} ms"));
        line("answers", counts(&self.statuses));
        if !self.outcomes.is_empty() {
            line("outcomes", counts(&self.outcomes));
        }
        if self.unanswered > 0 {
            line("unanswered", self.unanswered.to_string());
        }
        if self.unsent > 0 {
            line("unsent", format!("{}: the rate is more than is answered", self.unsent));
        }
        if let Some(cpu) = self.client_cpu {
            line("client", format!("{cpu:.2} cores for sending"));
        }
        if let Some(complaint) = &self.complaint {
            line("first", output.tone(Tone::Bad, crate::cli::output::printable(complaint)));
        }
    }
}

fn millis(micros: u64) -> String {
    format!("{:.2}", micros as f64 / 1_000.0)
}

fn counts<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    each.join("  ")
}
