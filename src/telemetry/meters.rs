//! Metrics: every name with its meaning in one table, and their rendering for Prometheus.
//!
//! Labels come from settings and from our own words, never from what a sender sent.

use std::time::Duration;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

/// How often samples are folded into buckets when nobody asks for them.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// From well below two statements of a near database to past every deadline.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 4.0, 5.0, 10.0];
/// Batches double.
const EVENTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// Of a lease's time to live; past 1 it had lapsed.
const RATIO: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0];

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Prometheus' own words")]
pub enum MeterKind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric that this program has.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    /// As Prometheus knows it; a histogram's without `_bucket`, `_sum`, `_count`.
    pub name: &'static str,
    /// What it is.
    pub kind: MeterKind,
    /// What it tells.
    pub means: &'static str,
}

const fn counter(name: &'static str, means: &'static str) -> Meter {
    Meter { name, kind: MeterKind::Counter, means }
}

const fn gauge(name: &'static str, means: &'static str) -> Meter {
    Meter { name, kind: MeterKind::Gauge, means }
}

const fn histogram(name: &'static str, means: &'static str) -> Meter {
    Meter { name, kind: MeterKind::Histogram, means }
}

/// All of them.
pub const METERS: &[Meter] = &[
    counter("paylatch_events_total", "Events answered 2xx, by what became of them."),
    counter(
        "paylatch_unmapped_events_total",
        "Events of a type or status that no definition decides; `paylatch events --unmapped` lists them.",
    ),
    counter(
        "paylatch_unusable_order_ids_total",
        "Events whose field for the merchant's order holds no usable id; their payment stands for itself.",
    ),
    counter(
        "paylatch_rejections_total",
        "Webhooks not answered 2xx, by why; 503s are sent again by the provider.",
    ),
    counter(
        "paylatch_secret_matches_total",
        "Webhooks that verified, by which of the source's secrets, counted from 1; an old one that stays still can go.",
    ),
    histogram(
        "paylatch_webhook_seconds",
        "From a webhook's last byte to its answer, of those whose signature holds.",
    ),
    gauge("paylatch_build_info", "1, with the version that runs."),
    gauge("paylatch_connections", "Open connections."),
    gauge("paylatch_connections_max", "Connections that may be open."),
    counter(
        "paylatch_connections_refused_total",
        "Connections closed at once, because their peer had all it may have.",
    ),
    counter(
        "paylatch_connections_given_way_total",
        "Waiting connections that were ended, because there was no room for another.",
    ),
    counter(
        "paylatch_refusals_held_back_total",
        "Refusals that were answered a second late, because their client had many.",
    ),
    counter(
        "paylatch_refusals_unlogged_total",
        "Refused webhooks without a line in the log, because too many came.",
    ),
    counter(
        "paylatch_accept_errors_total",
        "Connections that could not be accepted, for want of file descriptors.",
    ),
    counter(
        "paylatch_tls_handshakes_failed_total",
        "Connections that ended in their handshake; so does each while the certificate is one that its clients refuse.",
    ),
    counter("paylatch_handler_panics_total", "Requests answered 500 because this program failed."),
    gauge("paylatch_queue_events", "Events taken in and not answered yet."),
    histogram("paylatch_commit_batch_events", "Events committed together."),
    counter(
        "paylatch_save_races_total",
        "Saves refused because another replica was faster, or what was presumed new was known, and tried again.",
    ),
    counter(
        "paylatch_unloaded_inserts_total",
        "Events decided without a load: `new` as presumed; `known` and refused, so decided again from one; or `unsaved`.",
    ),
    gauge(
        "paylatch_events_missing_since_seconds",
        "Unix time from which on acknowledged events are missing, because another server or an older state took the database's place. Absent if never.",
    ),
    counter("paylatch_database_errors_total", "Loads and saves that failed for want of the database."),
    counter("paylatch_lane_panics_total", "Lanes that failed and were started again."),
    counter(
        "paylatch_lock_acquire_total",
        "Calls for leases, by answer; after `unavailable` work goes on without.",
    ),
    histogram("paylatch_lock_wait_seconds", "How long a batch waited for the lock service's answer."),
    histogram("paylatch_lock_hold_seconds", "How long leases were held."),
    histogram("paylatch_lock_hold_ratio", "How long leases were held, of their time to live."),
    counter("paylatch_lock_busy_timeouts_total", "Waits for a busy key that were given up."),
    counter("paylatch_lock_lost_total", "Leases that ended before they were given back, by reason."),
    counter("paylatch_lock_release_total", "Leases given back, by whether they were still ours."),
    counter("paylatch_lock_extend_total", "Leases renewed, by result."),
    counter(
        "paylatch_lock_orphan_cleanup_total",
        "Leases given back that were granted after we had stopped waiting.",
    ),
    gauge("paylatch_lock_cleanup_queue_depth", "Leases being given back, or cleaned up, at this moment."),
    counter("paylatch_lock_outages_total", "Times that the lock service went away."),
    counter(
        "paylatch_redlock_vote_total",
        "What Redlock's servers answered; `missing` is no answer in time.",
    ),
    histogram("paylatch_redlock_node_seconds", "How long Redlock's servers took to answer."),
    gauge(
        "paylatch_orders_with_anomaly",
        "Orders whose events contradict each other, by anomaly, less those acknowledged.",
    ),
    gauge(
        "paylatch_last_event_timestamp_seconds",
        "When the latest event of a source was stored, in Unix seconds; duplicates do not move it.",
    ),
    gauge(
        "paylatch_quiet_after_seconds",
        "After how long a silent source is an alarm: `sources.NAME.quiet_after`.",
    ),
    gauge(
        "paylatch_events_parked",
        "Stored events whose payment, amount or currency is missing, less those acknowledged.",
    ),
    gauge(
        "paylatch_payments_unclaimed",
        "Payments whose money moved and that no event names an order for, by source.",
    ),
    gauge("paylatch_settlements", "Orders that are not paid as the merchant expects, by ledger and anomaly."),
    gauge(
        "paylatch_settlement_due_minor",
        "What is missing of unpaid and underpaid orders, in minor units, by ledger and currency.",
    ),
    gauge(
        "paylatch_expectation_conflicts",
        "Other terms that came under a revision that stands, and that no higher one has replaced.",
    ),
    gauge("paylatch_events_dead", "Stored events that could not be read, less those acknowledged."),
    gauge(
        "paylatch_findings",
        "What the provider's own record and ours disagree in, by source and finding, less those acknowledged.",
    ),
    gauge(
        "paylatch_reconciled_until_seconds",
        "The end of the latest report that a source was compared with, in Unix seconds; absent if there was none.",
    ),
    gauge(
        "paylatch_conflicts",
        "Bodies that came under the id of a stored event and say something else, less those acknowledged.",
    ),
];

/// The metrics of this process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    counted: PrometheusHandle,
    /// `process_*`: memory, processor time, open files, as every exporter names them.
    process: Collector,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Counts from here on; once in a process.
    ///
    /// # Errors
    /// When the process counts already.
    pub fn start() -> Result<Self, BuildError> {
        let counted = recorder()?.install_recorder()?;
        let process = Collector::default();
        describe();
        process.describe();
        Ok(Self { counted, process })
    }

    /// Metrics that nothing is counted in.
    #[cfg(test)]
    pub(crate) fn unheard() -> Self {
        Self { counted: recorder().unwrap().build_recorder().handle(), process: Collector::default() }
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.process.collect();
        self.counted.render()
    }

    /// Keeps the memory of samples bounded while nobody asks for them. Never returns.
    pub async fn keep(self) {
        loop {
            tokio::time::sleep(FOLD_EVERY).await;
            self.counted.run_upkeep();
        }
    }
}

fn describe() {
    for meter in METERS {
        match meter.kind {
            MeterKind::Counter => describe_counter!(meter.name, meter.means),
            MeterKind::Gauge => describe_gauge!(meter.name, meter.means),
            MeterKind::Histogram => describe_histogram!(meter.name, meter.means),
        }
    }
}

fn recorder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), EVENTS)?
        .set_buckets_for_metric(Matcher::Suffix("_ratio".to_owned()), RATIO)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{METERS, describe, recorder};

    #[test]
    fn a_webhook_within_its_deadline_falls_into_a_bucket_that_says_so() {
        let recorder = recorder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!("paylatch_webhook_seconds", "source" => "stripe").record(3.9);
        });
        let text = recorder.handle().render();
        assert!(text.contains("# HELP paylatch_webhook_seconds From a webhook's last byte"), "{text}");
        assert!(text.contains(r#"paylatch_webhook_seconds_bucket{source="stripe",le="2.5"} 0"#), "{text}");
        assert!(text.contains(r#"paylatch_webhook_seconds_bucket{source="stripe",le="4"} 1"#), "{text}");
    }

    #[test]
    fn the_table_has_every_metric_that_the_code_counts_and_no_other() {
        let counted = names_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        let uncounted: Vec<_> = METERS
            .iter()
            .map(|meter| meter.name)
            .filter(|name| !counted.iter().any(|own| own == name))
            .collect();
        assert!(uncounted.is_empty(), "remove from METERS: {uncounted:?}");
        let unknown: Vec<_> =
            counted.iter().filter(|name| !METERS.iter().any(|meter| meter.name == *name)).collect();
        assert!(unknown.is_empty(), "add to METERS: {unknown:?}");
    }

    /// What stands between quotes and begins with `paylatch_`, outside this module.
    fn names_in(folder: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() && !entry.ends_with("telemetry") {
                names.extend(names_in(&entry));
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                let quoted = text.split("!(\"paylatch_").skip(1).filter_map(|rest| rest.split('"').next());
                names.extend(quoted.map(|rest| format!("paylatch_{rest}")));
            }
        }
        names
    }
}
