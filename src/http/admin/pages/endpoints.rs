//! `/endpoints`: did the shop learn of it?

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::form_posts::{answer, filled_in};
use super::layout::{Also, Page, may_act, show};
use super::{forms, parts};
use crate::http::admin::guard::Caller;
use crate::http::admin::state::AdminState;
use crate::http::{Code, Problem, received_now};
use crate::store::{EndpointRow, WaitFilter, WaitRow};

/// Orders that wait or were given up, that are shown.
const WAITS: u32 = 50;

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
    let page = read(&admin, &caller, query.done.as_deref()).await;
    show(&admin, &caller, page).await
}

async fn read(admin: &AdminState, caller: &Caller, done: Option<&str>) -> Result<Page, Problem> {
    let endpoints = admin.store.endpoints(received_now()).await?;
    let waits = admin.store.waits(&WaitFilter { limit: WAITS, ..WaitFilter::default() }).await?;
    let main = html! {
        h1 { "Endpoints" }
        p class="hint" { "Where your application is told which orders changed. The page of an order says what each endpoint knows of it." }
        @if let Some(done) = done { p class="done" role="status" { (parts::text(done)) } }
        div data-live="endpoints" {
            @if endpoints.is_empty() { p { "None is told anything. Set " code { "[endpoints.NAME]" } " with a " code { "url" } " and a secret." } }
            ul class="cases" { @for own in &endpoints { (endpoint(own, caller)) } }
            @if !waits.is_empty() { h2 { "Orders that wait" } (waiting(&waits)) }
        }
    };
    let also = Also {
        json: Some("/api/v1/endpoints".to_owned()),
        sql: None,
        cli: Some("paylatch endpoints; paylatch announcements --waiting".to_owned()),
    };
    Ok(Page { title: "Endpoints".to_owned(), place: "endpoints", also, main })
}

fn endpoint(own: &EndpointRow, caller: &Caller) -> Markup {
    html! {
        li {
            p { b { (parts::text(&own.name)) } " " (parts::word(own.state_in_words())) ", since " (parts::time(&own.since)) }
            p {
                @match &own.told_at { Some(at) => { "Last took something " (parts::time(at)) "." } None => "It has taken nothing yet." }
                " " (parts::count(own.backlog_changes, "change")) " not told"
                @if own.backlog_changes > 0 { ", the oldest " (parts::duration(own.lag_seconds)) " old" }
                @if own.waits > 0 { ", " (parts::count(own.waits, "order")) " held back" }
                @if own.given_up > 0 { ", " b { (parts::count(own.given_up, "order")) " given up" } }
                @if own.resyncing { ", all orders are being told again" } "."
            }
            @if let Some(error) = &own.error { p class="hint" { (parts::count(own.failures, "failure")) " in a row; the last: " (parts::text(error)) } }
            @if may_act(caller) { div class="acts" { @for (verb, label) in verbs(&own.state) { (forms::of_endpoint(&own.name, verb, label)) } } }
        }
    }
}

fn verbs(state: &str) -> [(&'static str, &'static str); 2] {
    let other = if state == "paused" { ("resume", "Resume") } else { ("pause", "Pause") };
    [other, ("resync", "Tell all orders again")]
}

fn waiting(waits: &[WaitRow]) -> Markup {
    html! {
        table class="rows" {
            thead { tr { th { "endpoint" } th { "order" } th { "why" } th class="number" { "tried" } th { "next" } th { "last answer" } } }
            tbody { @for own in waits { tr {
                td data-label="endpoint" { (parts::text(&own.endpoint)) }
                td data-label="order" {
                    @if own.ledger.is_empty() { (parts::order(&own.source, &own.order_id)) }
                    @else { "settlement of " (parts::text(&own.order_id)) " in " (parts::text(&own.ledger)) }
                }
                td data-label="why" { (parts::text(&own.reason)) }
                td data-label="tried" class="number" { (own.attempts) }
                td data-label="next" { @match &own.given_up_at { Some(at) => { "given up " (parts::time(at)) } None => (parts::time(&own.due_at)) } }
                td data-label="last answer" { (parts::text(own.error.as_deref().unwrap_or("–"))) }
            } } }
        }
    }
}

/// Pauses, resumes or resyncs.
pub(super) async fn act(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Response {
    let work = async {
        let Path((name, verb)) = path.map_err(|_| Code::UnknownEndpoint)?;
        let (by, _) = filled_in(&admin, request).await?;
        let is_there = match verb.as_str() {
            "pause" => admin.store.pause_endpoint(&name, true, &by).await?,
            "resume" => admin.store.pause_endpoint(&name, false, &by).await?,
            "resync" => admin.store.resync_endpoint(&name, None, &by).await?,
            _ => return Err(Problem::new(Code::UnknownPath)),
        };
        let done = ("endpoints".to_owned(), format!("{name}: {verb} is done."));
        if is_there { Ok(done) } else { Err(Problem::new(Code::UnknownEndpoint)) }
    };
    let done = work.await;
    answer(&admin, &caller, done).await
}
