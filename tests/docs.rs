//! Facts in the documentation are compared with the code.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use paylatch::config::{Layers, Mistakes, Needs, Resolved, Settings};
use paylatch::http::{Code, openapi_text};
use paylatch::order::{Anomaly, Basis, Kind, Outcome, Status};
use paylatch::provider::Cause;
use paylatch::store::ActionKind;
use paylatch::telemetry::{self, METERS};
use serde_json::Value;

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
        table("lifecycle.md", "Basis"),
        words(Basis::ALL.iter().map(|basis| basis.as_str()).collect())
    );
    assert_eq!(
        table("lifecycle.md", "Status"),
        words(Status::ALL.iter().map(|status| status.as_str()).collect())
    );
    assert_eq!(table("lifecycle.md", "Anomaly"), words(Anomaly::ALL.iter().map(|a| a.as_str()).collect()));
    assert_eq!(table("lifecycle.md", "Outcomes"), words(Outcome::ALL.iter().map(|o| o.as_str()).collect()));
}

#[test]
fn the_operations_page_lists_what_people_do_as_it_is_kept() {
    let words: Vec<_> = ActionKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(table("operations.md", "What people did"), words);
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
fn every_operation_of_the_described_api_has_a_name_of_its_own() {
    let description: Value = serde_json::from_str(&openapi_text()).unwrap();
    let paths = description["paths"].as_object().unwrap().values();
    let ids: Vec<&str> = paths
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{ids:?}");
    assert!(ids.contains(&"get_orders_source_id"), "{ids:?}");
}

#[test]
fn the_settings_page_lists_every_setting_with_its_default() {
    let tables = ["settings", "admin", "announce", "database", "http", "lock", "intake", "traces", "waiting"];
    let tables: String = tables.iter().map(|table| read(&format!("src/config/{table}.rs"))).collect();
    let settings = quoted(&tables, "reader.", "(\"");
    let source = quoted(&read("src/config/sources.rs"), "at", "(\"");
    let endpoint = quoted(&read("src/config/endpoints.rs"), "own", "(\"");
    let listed: BTreeSet<String> =
        SETTINGS_HEADINGS.iter().flat_map(|heading| table("settings.md", heading)).collect();
    let of_files = [
        "admin_token_file",
        "admin_view_token_file",
        "announce.token_file",
        "database_url_file",
        "endpoints.NAME.headers_file",
        "endpoints.NAME.url_file",
        "otlp.header_files",
    ]
    .map(str::to_owned);
    let known: BTreeSet<String> = settings
        .into_iter()
        .chain(source.into_iter().map(|field| format!("sources.NAME.{field}")))
        .chain(endpoint.into_iter().map(|field| format!("endpoints.NAME.{field}")))
        .chain(of_files)
        .collect();
    assert_eq!(listed, known);

    let page = read("docs/settings.md");
    let layers = Layers::default();
    for Resolved { setting, shown, .. } in Settings::read(layers, Needs::default()).unwrap().resolved {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{setting}` |"))).unwrap();
        assert!(row.contains(&format!("| `{shown}` |")), "{setting} defaults to {shown}: {row}");
    }
}

#[test]
fn the_variables_of_the_settings_page_set_what_they_stand_beside() {
    for row in
        read("docs/settings.md").lines().filter(|line| line.starts_with("| `") && !line.contains(".NAME."))
    {
        let cells: Vec<&str> = row.split('`').collect();
        let (setting, variable) = (cells[1], cells[3]);
        let environment = BTreeMap::from([(variable.to_owned(), "\u{1}".to_owned())]);
        let read = Settings::read(Layers { environment, ..Layers::default() }, Needs::default());
        let told = read.err().map(|Mistakes(mistakes)| mistakes).unwrap_or_default();
        assert!(told.iter().all(|mistake| mistake.setting != variable), "{variable} does not set {setting}");
    }
}

#[test]
fn the_errors_page_lists_every_code_of_a_command_with_its_exit_code() {
    let sources: String = files("src/cli").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut codes: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (word, exit) in [("Failed", "1"), ("Usage", "2"), ("Unavailable", "69"), ("Config", "78")] {
        for code in quoted(&sources, &format!("Exit::{word}"), ",\"") {
            codes.entry(code).or_default().insert(exit);
        }
    }
    assert_eq!(table("errors.md", "Codes of commands"), codes.keys().cloned().collect::<Vec<_>>());
    let page = read("docs/errors.md");
    for (code, exits) in codes {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{code}` |"))).unwrap();
        assert!(exits.iter().any(|exit| row.contains(&format!("| {exit} |"))), "{exits:?}: {row}");
    }
}

#[test]
fn the_errors_page_lists_every_reason_of_a_rejection() {
    let sources: String =
        files("src/provider").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let listed: BTreeSet<String> = table("errors.md", "Reasons of rejection").into_iter().collect();
    assert_eq!(listed, quoted(&sources, "Rejection::new", "(\""));
}

#[test]
fn the_errors_page_lists_every_cause_in_the_order_of_the_search() {
    assert_eq!(
        table("errors.md", "Causes"),
        Cause::ALL.iter().map(|cause| cause.as_str()).collect::<Vec<_>>()
    );
}

#[test]
fn the_operations_page_names_every_alert() {
    let (page, alerts) = (read("docs/operations.md"), read("deploy/prometheus/alerts.yml"));
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(page.contains(&format!("`{alert}`")), "{alert} is not explained");
    }
}

#[test]
fn the_locks_page_lists_every_metric_of_locks() {
    let of_locks = |name: &&str| name.starts_with("paylatch_lock_") || name.starts_with("paylatch_redlock_");
    let known: BTreeSet<String> =
        METERS.iter().map(|meter| meter.name).filter(of_locks).map(str::to_owned).collect();
    assert_eq!(table("locks.md", "Watching it").into_iter().collect::<BTreeSet<_>>(), known);
}

const SETTINGS_HEADINGS: [&str; 10] = [
    "The service",
    "Limits of the listener",
    "Locks",
    "Being told",
    "Endpoints",
    "Limits of the work",
    "Money that waits",
    "Logs",
    "Traces",
    "Sources",
];

/// The texts that follow `before` and `opening` in source code, whatever space is between, after a method's name if
/// `before` ends with a dot.
fn quoted(text: &str, before: &str, opening: &str) -> BTreeSet<String> {
    let without_space: String = text.split_whitespace().collect();
    let parts = without_space.split(before).skip(1);
    let after_name = |part: &str| {
        let rest = match before.ends_with('.') {
            true => part.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_'),
            false => part,
        };
        rest.strip_prefix(opening)?.split_once('"').map(|(word, _)| word.to_owned())
    };
    parts.filter_map(after_name).collect()
}

/// The Rust files below a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    found
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

#[test]
fn every_alert_is_tested_to_fire() {
    let (alerts, tests) = (read("deploy/prometheus/alerts.yml"), read("deploy/prometheus/alerts_test.yml"));
    let names = |text: &str, before: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(before).map(str::to_owned)).collect()
    };
    let mut tested = names(&tests, "- name: ");
    assert!(tested.remove("none while all is well"));
    assert_eq!(names(&alerts, "- alert: "), tested);
}

#[test]
#[ignore = "needs promtool of Prometheus: run by scripts/test --all"]
fn prometheus_loads_the_alerts_and_each_fires_for_what_it_is_meant_for() {
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let mut promtool = Command::new("promtool");
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
        let output = promtool.args(arguments).current_dir(directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/paylatch.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    for panel in panels {
        assert!(panel["type"].is_string() && panel["title"].is_string(), "{panel}");
        let place = ["h", "w", "x", "y"].map(|side| panel["gridPos"][side].as_i64().unwrap());
        assert!(place[1] + place[2] <= 24, "it is wider than the page: {panel}");
    }
    // Imported anywhere: no data source of one installation is named.
    let sources: BTreeSet<String> = named(&dashboard, "datasource").iter().map(ToString::to_string).collect();
    assert!(sources.iter().all(|source| source.contains("${")), "{sources:?}");
}

/// Every value that stands under `name`, however deep.
fn named<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(members) => {
            let own = members.get(name).into_iter();
            own.chain(members.values().flat_map(|member| named(member, name))).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| named(item, name)).collect(),
        _ => Vec::new(),
    }
}

/// They matter to somebody who is looking for a fault, not at a glance.
const NOT_ON_THE_DASHBOARD: &[&str] = &[
    "paylatch_announcement_watermark_age_seconds",
    "paylatch_build_info",
    "paylatch_events_missing_since_seconds",
    "paylatch_last_event_timestamp_seconds",
    "paylatch_lock_extend_total",
    "paylatch_lock_orphan_cleanup_total",
    "paylatch_quiet_after_seconds",
    "paylatch_reconcile_last_seconds",
    "paylatch_reconciled_until_seconds",
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names that Prometheus keeps a metric under.
fn series(meter: &telemetry::Meter) -> Vec<String> {
    match meter.kind {
        telemetry::MeterKind::Counter | telemetry::MeterKind::Gauge => vec![meter.name.to_owned()],
        telemetry::MeterKind::Histogram => {
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
