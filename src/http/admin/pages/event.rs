//! `/events/{source}/{id}`: what came, what was decided and why; bodies in conflict side by side.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use bytes::Bytes;
use maud::{Markup, html};
use serde::Deserialize;

use super::body::{compare, shown};
use super::layout::{Also, Page, may_act, show};
use super::{forms, link, parts};
use crate::http::admin::events::find;
use crate::http::admin::guard::Caller;
use crate::http::admin::paging::key;
use crate::http::admin::state::AdminState;
use crate::http::{Code, Problem};
use crate::order::Key;
use crate::store::{ConflictRow, EventAcknowledgementRow, EventRow};

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    /// What was just done here.
    done: Option<String>,
}

/// Everything that is known of an event.
struct EventDetails {
    key: Key,
    event: EventRow,
    /// Not read for those who may not see it.
    body: Option<Bytes>,
    conflicts: Vec<ConflictRow>,
    settled: Vec<EventAcknowledgementRow>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
    Query(query): Query<PageQuery>,
) -> Response {
    let page = read(&admin, &caller, path).await.map(|details| details.page(&caller, query.done.as_deref()));
    show(&admin, &caller, page).await
}

async fn read(
    admin: &AdminState,
    caller: &Caller,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<EventDetails, Problem> {
    let key = key(path, Code::UnknownEvent)?;
    let event = find(&admin.store, &key).await?;
    let (body, conflicts) = match caller.sees_bodies {
        true => (admin.store.raw(&key).await?, admin.store.conflicts_of(&key).await?),
        false => (None, Vec::new()),
    };
    let settled = admin.store.event_acknowledgements(&key).await?;
    Ok(EventDetails { key, event, body, conflicts, settled })
}

impl EventDetails {
    fn page(&self, caller: &Caller, done: Option<&str>) -> Page {
        let (id, source) = (self.key.id.as_str(), self.key.source.as_str());
        let main = html! {
            h1 class="id" { (parts::text(id)) " " (parts::word(&self.event.outcome)) }
            @if let Some(done) = done { p class="done" role="status" { (parts::text(done)) } }
            p class="decision" { (self.decision()) }
            (self.settled(caller))
            (facts(&self.event))
            @if caller.sees_bodies { (self.bodies()) } @else {
                h2 { "Body" } p class="note" { "Bodies hold personal data: your token does not show them." }
            }
        };
        let also = Also::of_one(&link::event(source, id), "event_id", "events", &self.key);
        Page { title: parts::text(id), place: "events", also, main }
    }

    fn decision(&self) -> Markup {
        let meaning = match self.event.outcome.as_str() {
            "applied" => "It changed money or a link.",
            "restated" => "It said nothing new: the movement was known.",
            "noted" => "It is kept and moved no money.",
            "parked" => "It tells of money and does not say of which payment, or how much: it waits for you.",
            "dead" => "It could not be read: its exact body is kept.",
            _ => "",
        };
        html! {
            (meaning)
            @if let Some(reason) = &self.event.reason { " " b { (parts::text(reason)) } }
            @if self.event.conflicts > 0 { " Another body came under its id and says something else; the first stands." }
        }
    }

    fn settled(&self, caller: &Caller) -> Markup {
        let page = link::event(self.key.source.as_str(), self.key.id.as_str());
        let fields = [("source", Some(self.key.source.as_str())), ("event", Some(self.key.id.as_str()))];
        let is_ours = self.event.type_name == crate::order::ASSIGNED_TYPE;
        html! {
            @for own in &self.settled {
                p class="hint" { (own.outcome) " acknowledged " (parts::time(&own.acknowledged_at)) @if let Some(note) = &own.note { ": " (parts::text(note)) } }
            }
            @if may_act(caller) {
                div class="acts" {
                    @if self.event.needs_a_person { (forms::acknowledge(&page)) }
                    @if self.event.payload_bytes.is_some() && !is_ours { (forms::rehearse(&fields, "it")) }
                }
            }
        }
    }

    fn bodies(&self) -> Markup {
        let page = link::event(self.key.source.as_str(), self.key.id.as_str());
        let Some(body) = &self.body else {
            return html! { h2 { "Body" } p class="note" { "It was purged." } };
        };
        html! {
            h2 { "Body" }
            p class="hint" { (body.len()) " bytes, SHA-256 " code { (self.event.body_sha256) } " · " a href={ "api/v1/" (page) "/raw" } { "download" } }
            @if self.conflicts.is_empty() { (shown(body)) }
            @for conflict in &self.conflicts {
                div class="sides" {
                    @match &conflict.payload {
                        Some(other) => { (compare(("the one that stands", body), ("the other one", other))) }
                        None => { (shown(body)) p class="note" { "The other body was purged." } }
                    }
                }
                p class="hint" { "the other one came " (parts::time(&conflict.received_at)) ", SHA-256 " code { (conflict.body_sha256) }
                    " · " a href={ "api/v1/" (page) "/conflicts/" (conflict.body_sha256) "/raw" } { "download the other one" } }
            }
        }
    }
}

fn facts(event: &EventRow) -> Markup {
    let text = |value: &Option<String>| value.as_deref().map(parts::text);
    let amount = event.amount.map(|minor| parts::money(minor, event.currency.as_deref()));
    let rows = [
        ("type", Some(parts::text(&event.type_name))),
        ("payment", text(&event.payment_id)),
        ("says", text(&event.kind)),
        ("amount", amount),
        ("taken as", text(&event.basis)),
        ("movement", text(&event.reference)),
        ("names the order", text(&event.order_claim)),
        ("with rank", event.claim_rank.map(|rank| rank.to_string())),
        ("account", text(&event.account)),
        ("came again", (event.duplicates > 0).then(|| parts::count(event.duplicates, "time"))),
        ("read by definitions", event.read_by.map(|generation| generation.to_string())),
        ("facts SHA-256", Some(event.facts_sha256.clone())),
    ];
    html! {
        dl class="facts" {
            dt { "source" } dd { (parts::source(&event.source)) }
            dt { "happened" } dd { (parts::time(&event.occurred_at)) }
            dt { "arrived" } dd { (parts::time(&event.received_at)) }
            @for (name, value) in rows { @if let Some(value) = value { dt { (name) } dd { (value) } } }
            @if let Some(payment) = &event.payment_id { dt { "its payment's events" }
                dd { a href=(link::query("events", &[("source", Some(&event.source)), ("payment", Some(payment))])) { "all" }
                    " · " a href=(link::query("find", &[("q", Some(payment))])) { "its order" } } }
            @if event.headers.as_object().is_some_and(|headers| !headers.is_empty()) { dt { "headers kept" } dd { code { (parts::text(&event.headers.to_string())) } } }
        }
    }
}
