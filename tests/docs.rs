//! Facts in the documentation are compared with the code.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::fs;
use std::path::Path;

use paylatch::http::Code;
use paylatch::order::{Anomaly, Kind, Outcome, Status};
use paylatch::telemetry::{self, METERS};

/// The words in the first column of the table under a heading.
fn table(page: &str, heading: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(word, _)| word.to_owned()))
        .collect()
}

#[test]
fn the_lifecycle_page_lists_the_words_of_the_code_in_their_order() {
    let words = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        table("lifecycle.md", "Kinds of fact"),
        words(Kind::ALL.iter().map(|kind| kind.as_str()).collect())
    );
    assert_eq!(
        table("lifecycle.md", "Status"),
        words(Status::ALL.iter().map(|status| status.as_str()).collect())
    );
    assert_eq!(table("lifecycle.md", "Anomaly"), words(Anomaly::ALL.iter().map(|a| a.as_str()).collect()));
    assert_eq!(table("lifecycle.md", "Outcomes"), words(Outcome::ALL.iter().map(|o| o.as_str()).collect()));
}

#[test]
fn the_answers_page_lists_every_code_with_its_status() {
    assert_eq!(table("answers.md", "Codes"), Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
    let page = read("docs/answers.md");
    for code in Code::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.status());
        assert!(page.contains(&row), "expected {row}");
    }
}

#[test]
fn dashboards_and_alerts_name_only_metrics_that_exist_and_the_dashboard_names_all() {
    let (dashboard, alerts) = (read("deploy/grafana/paylatch.json"), read("deploy/prometheus/alerts.yml"));
    for name in metrics_in(&dashboard).chain(metrics_in(&alerts)) {
        assert!(METERS.iter().any(|meter| series(meter).contains(&name)), "{name} is not a metric");
    }
    for meter in METERS.iter().filter(|meter| !NOT_ON_THE_DASHBOARD.contains(&meter.name)) {
        assert!(
            metrics_in(&dashboard).any(|name| series(meter).contains(&name)),
            "{} is not shown",
            meter.name
        );
    }
}

/// They matter to somebody who is looking for a fault, not at a glance.
const NOT_ON_THE_DASHBOARD: &[&str] = &["paylatch_lock_extend_total", "paylatch_lock_orphan_cleanup_total"];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names that Prometheus keeps a metric under.
fn series(meter: &telemetry::Meter) -> Vec<String> {
    match meter.kind {
        telemetry::Kind::Counter | telemetry::Kind::Gauge => vec![meter.name.to_owned()],
        telemetry::Kind::Histogram => {
            ["bucket", "sum", "count"].map(|part| format!("{}_{part}", meter.name)).to_vec()
        }
    }
}

/// The names in the queries of a dashboard or of alerts.
fn metrics_in(text: &str) -> impl Iterator<Item = String> {
    let queries = text.lines().filter(|line| line.contains("expr"));
    queries.flat_map(|line| line.split("paylatch_").skip(1)).map(|rest| {
        let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        format!("paylatch_{name}")
    })
}
