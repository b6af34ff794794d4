//! Records metrics, and renders them in Prometheus' text format.

use std::time::Duration;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use super::meters::{METERS, MeterKind};

/// How often samples are folded into buckets when nobody asks for them.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// From well below two statements of a near database to past every deadline.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 4.0, 5.0, 10.0];
/// Batches double.
const EVENTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// Of a lease's time to live; past 1 it had lapsed.
const RATIO: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0];

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
