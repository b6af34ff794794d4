//! `/health`: what this process rests on, and how much of its limits is in use.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{Also, Page, show};
use super::parts;
use crate::http::admin::guard::Caller;
use crate::http::admin::state::{AdminState, Limit};
use crate::lock::HeldKey;
use crate::telemetry::values;

/// Leases that are shown.
const LEASES_SHOWN: usize = 50;
/// Counters that a glance is for.
const COUNTERS: [(&str, &str); 6] = [
    ("paylatch_save_races_total", "saves that raced and were tried again"),
    ("paylatch_database_errors_total", "loads and saves that failed for want of the database"),
    ("paylatch_lane_panics_total", "lanes that failed and were started again"),
    ("paylatch_lock_outages_total", "times that the lock service went away"),
    ("paylatch_lock_busy_timeouts_total", "waits for a busy order that were given up"),
    ("paylatch_handler_panics_total", "requests that this program failed at"),
];

pub(super) async fn page(State(admin): State<AdminState>, Extension(caller): Extension<Caller>) -> Response {
    let (database, lock, draining) = admin.health.seen();
    let (held, counted) = (admin.locks.held().await, admin.metrics.render());
    let main = html! {
        h1 { "Health" }
        div data-live="health" {
            dl class="facts" {
                dt { "database" } dd { (parts::word(database)) " " @if database != "ready" { "webhooks are answered 503, and sent again; " code { "paylatch check" } " says why" } }
                dt { "locks" } dd { (parts::word(lock)) " " @if lock != "ready" { "slower, and still right" } }
                @if draining { dt { "draining" } dd { "no webhooks should be routed here" } }
            }
            h2 { "Limits" }
            table class="rows" {
                thead { tr { th { "setting" } th class="number" { "in use" } th class="number" { "limit" } th { "" } } }
                tbody { @for limit in admin.limits.iter() { (row(&counted, limit)) } }
            }
            h2 { "Since this process began" }
            table class="rows" {
                thead { tr { th { "what" } th class="number" { "how often" } } }
                tbody { @for (metric, means) in COUNTERS { tr {
                    td data-label="what" { (means) }
                    td data-label="how often" class="number" { (total(&counted, metric)) }
                } } }
            }
            h2 { "Orders in work" }
            @match &held {
                Ok(held) => (leases(held)),
                Err(why) => p class="note" { "The lock service was asked and did not tell: " (parts::text(why)) },
            }
        }
    };
    let also = Also {
        json: Some("/metrics".to_owned()),
        sql: None,
        cli: Some("paylatch check; paylatch locks".to_owned()),
    };
    show(&admin, &caller, Ok(Page { title: "Health".to_owned(), place: "health", also, main })).await
}

fn row(counted: &str, limit: &Limit) -> Markup {
    let (name, labels) = limit.gauge.trim_end_matches('}').split_once('{').unwrap_or((limit.gauge, ""));
    let values = values(counted, name);
    let used = values.iter().find(|(own, _)| own == labels).map_or(0.0, |(_, value)| *value);
    let share = (used / limit.max.max(1) as f64 * 100.0).clamp(0.0, 100.0);
    html! {
        tr {
            td data-label="setting" { code { (limit.setting) } }
            td data-label="in use" class="number" { (used as u64) }
            td data-label="limit" class="number" { (limit.max) }
            td { svg class="bar" viewBox="0 0 100 8" role="img" aria-label={ (share as u64) " % in use" } { title { (share as u64) " %" }
                rect class="all" width="100" height="8" {} rect class="used" width=(share) height="8" {} } }
        }
    }
}

fn total(counted: &str, metric: &str) -> u64 {
    values(counted, metric).iter().map(|(_, value)| *value as u64).sum()
}

fn leases(held: &[HeldKey]) -> Markup {
    html! {
        @if held.is_empty() { p { "None at this moment." } } @else {
            table class="rows" {
                thead { tr { th { "order" } th { "held by" } th { "lapses in" } } }
                tbody { @for lease in held.iter().take(LEASES_SHOWN) { tr {
                    td data-label="order" { code { (parts::text(&lease.key)) } }
                    td data-label="held by" { code { (parts::text(&lease.owner)) } }
                    td data-label="lapses in" { (lease.lapses_in.as_millis()) " ms" }
                } } }
            }
            @if held.len() > LEASES_SHOWN { p class="hint" { (held.len() - LEASES_SHOWN) " more; " code { "paylatch locks" } " lists them." } }
        }
    }
}
