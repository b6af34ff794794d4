//! `/attention`: everything that waits for a person, one line for each cause, with what to do about it.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, may_act, show};
use super::{forms, link, parts};
use crate::http::admin::attention::{Attention, read};
use crate::http::admin::guard::Caller;
use crate::http::admin::state::AdminState;
use crate::store::{FAILURES_MAX, FailureCause, OpenAnomaly, WaitingCount};

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    /// What was just done here.
    done: Option<String>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    let needs = admin.needs().await;
    let elsewhere = needs.map_or((0, 0), |needs| (needs.settlements, needs.findings));
    let page = read(&admin).await.map(|attention| {
        let main = html! {
            h1 { "Attention" }
            @if let Some(done) = &query.done { p class="done" role="status" { (parts::text(done)) } }
            div data-live="attention" {
                @if attention.is_empty() && elsewhere == (0, 0) { p class="calm" { "Nothing needs you." } }
                (listed(&attention, &caller))
                (on_settlements(elsewhere))
            }
        };
        let also = Also {
            json: Some("/api/v1/attention".to_owned()),
            sql: Some("select * from v_failures where acknowledged_at is null; select * from v_anomalies where acknowledged_at is null; select * from v_unclaimed".to_owned()),
            cli: Some("paylatch check --production".to_owned()),
        };
        Page { title: "Attention".to_owned(), place: "attention", also, main }
    });
    show(&admin, &caller, page).await
}

fn listed(attention: &Attention, caller: &Caller) -> Markup {
    html! {
        @if !attention.failures.is_empty() {
            h2 { "Events that could not be used" }
            @for outcome in cut(&attention.failures) { p class="note" { "More than " (FAILURES_MAX) " are " (outcome) ": only so many were looked at." } }
            ul class="cases" { @for cause in &attention.failures { (failure(cause, caller)) } }
        }
        @if !attention.anomalies.is_empty() {
            h2 { "Orders that contradict themselves" }
            ul class="cases" { @for anomaly in &attention.anomalies { (contradiction(anomaly)) } }
        }
        @if !attention.unclaimed.is_empty() {
            h2 { "Money without an order" }
            p class="hint" { "No event names an order for these payments. Open one and assign it; an event that names the order may still come." }
            (parts::orders(&attention.unclaimed))
        }
        @if !attention.waiting.is_empty() {
            h2 { "Money that waits" }
            ul class="cases" { @for count in &attention.waiting { (waiting(count)) } }
        }
    }
}

/// What has a page of its own.
fn on_settlements((unsettled, findings): (i64, i64)) -> Markup {
    html! {
        @if unsettled > 0 || findings > 0 {
            h2 { a href="settlements" { "Settlements" } }
            @if unsettled > 0 { p { b { (parts::count(unsettled, "order")) } " not paid as you expect." } }
            @if findings > 0 { p { b { (parts::count(findings, "finding")) } ": the provider's own record says otherwise." } }
        }
    }
}

fn failure(cause: &FailureCause, caller: &Caller) -> Markup {
    let FailureCause { source, outcome, reason, type_name, events, .. } = cause;
    let kind = [
        ("source", Some(source.as_str())),
        ("outcome", Some(outcome.as_str())),
        ("type", type_name.as_deref()),
    ];
    let page = if *events == 1 { link::event(source, &cause.event_id) } else { link::query("events", &kind) };
    html! {
        li {
            p { (parts::word(outcome)) " " a href=(page) { (parts::count(*events, "event")) } " of " (parts::source(source))
                @if let Some(type_name) = type_name { ", " code { (parts::text(type_name)) } }
                @if let Some(reason) = reason { ": " b { (parts::text(reason)) } } }
            p class="hint" { (advice(outcome)) " First " (parts::time(&cause.first_at)) ", last " (parts::time(&cause.last_at)) "." }
            @if may_act(caller) { div class="acts" {
                @if outcome != "conflict" { (forms::rehearse(&kind, if *events == 1 { "it" } else { "all of them" })) }
                (forms::acknowledge_cause(&link::event(source, &cause.event_id), outcome, if *events == 1 { "Acknowledge it" } else { "Acknowledge all of them" }))
            } }
        }
    }
}

/// The outcomes of which not all failures were looked at.
fn cut(causes: &[FailureCause]) -> impl Iterator<Item = &'static str> {
    ["parked", "dead", "conflict"].into_iter().filter(|outcome| {
        let of_outcome = causes.iter().filter(|cause| cause.outcome == *outcome);
        of_outcome.map(|cause| cause.events).sum::<i64>() >= i64::from(FAILURES_MAX)
    })
}

fn waiting(count: &WaitingCount) -> Markup {
    let WaitingCount { source, waiting, orders, oldest, since } = count;
    let page = link::query("orders", &[("waiting", Some(waiting)), ("source", Some(source))]);
    html! {
        li {
            p { a href=(page) { (parts::count(*orders, "order")) } " of " (parts::source(source)) ": " b { (parts::word(waiting)) } }
            p class="hint" { "The oldest is " (parts::order(source, oldest)) ", since " (parts::time(since)) ". Ask the provider what became of it; capture or cancel what is only reserved." }
        }
    }
}

fn advice(outcome: &str) -> &'static str {
    match outcome {
        "parked" => {
            "It tells of money without saying of which payment, or how much: put the definition or the settings right and read it again, or settle it by hand and acknowledge it."
        }
        "dead" => "It could not be read: put the definition right and read it again, or acknowledge it.",
        _ => {
            "Two bodies under one id say different things, and the first stands: compare them, and acknowledge."
        }
    }
}

fn contradiction(open: &OpenAnomaly) -> Markup {
    html! {
        li {
            p { (parts::order(&open.source, &open.order_id)) " of " (parts::source(&open.source)) ": " b { (open.anomaly.anomaly.replace('_', " ")) } }
            p class="hint" { code class="detail" { (parts::text(&open.anomaly.detail.to_string())) } " in minor units" }
        }
    }
}
