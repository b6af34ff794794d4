//! `/`: what needs me now?

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use super::last_heard::{last_heard, refused, rhythm};
use super::layout::{Also, Page, show};
use super::parts;
use crate::http::Problem;
use crate::http::admin::attention_count::Needs;
use crate::http::admin::guard::Caller;
use crate::http::admin::sources::{self, SourceState};
use crate::http::admin::state::AdminState;
use crate::store::RecentFilter;

/// Events and orders of the two short lists.
const LATEST: u32 = 10;

pub(super) async fn page(State(admin): State<AdminState>, Extension(caller): Extension<Caller>) -> Response {
    let page = read(&admin).await;
    show(&admin, &caller, page).await
}

async fn read(admin: &AdminState) -> Result<Page, Problem> {
    let names = admin.source_names();
    let states = sources::read(admin, &names).await?;
    let filter = RecentFilter { sources: names.clone(), limit: LATEST, ..RecentFilter::default() };
    let events = admin.store.recent_events(&filter).await?.events;
    let orders = admin.store.recent_orders(&names, LATEST).await?;
    let needs = admin.needs().await;
    let main = html! {
        h1 { "What needs you now" }
        section data-live="overview" {
            (needs_you(needs))
            h2 { "Sources" }
            (heard_of(&states))
            @if events.is_empty() { (first_steps(&states)) } @else {
                h2 { a href="events" { "Latest events" } }
                (parts::events(&events))
                h2 { a href="orders" { "Latest orders" } }
                (parts::orders(&orders))
            }
        }
    };
    let also = Also {
        json: Some("/api/v1/attention".to_owned()),
        sql: Some("select * from v_orders order by updated_at desc limit 10".to_owned()),
        cli: Some("paylatch orders --anomaly; paylatch events --outcome parked".to_owned()),
    };
    Ok(Page { title: "Overview".to_owned(), place: "", also, main })
}

fn needs_you(needs: Option<Needs>) -> Markup {
    let Some(needs) = needs else {
        return html! { p class="note" { "It is being counted: look again in a moment." } };
    };
    if needs.sum() == 0 {
        return html! { p class="calm" { "Nothing needs you." } };
    }
    let counts = needs.counts;
    let kinds = [
        ("attention", counts.anomalies, "anomaly", "anomalies"),
        ("attention", counts.parked, "parked event", "parked events"),
        ("attention", counts.dead, "dead event", "dead events"),
        ("attention", counts.conflicts, "conflict", "conflicts"),
        ("attention", counts.unclaimed, "payment without an order", "payments without an order"),
        ("settlements", needs.settlements, "order not paid as expected", "orders not paid as expected"),
        ("settlements", needs.findings, "finding", "findings"),
    ];
    html! {
        ul class="counts" {
            @for (page, count, one, many) in kinds { @if count > 0 {
                li { a href=(page) { b { (count) } " " (if count == 1 { one } else { many }) } }
            } }
        }
    }
}

/// Silent ones first; those that never had an event are folded away.
fn heard_of(states: &[SourceState]) -> Markup {
    let (quiet, mut heard): (Vec<_>, Vec<_>) = states.iter().partition(|state| is_unused(state));
    heard.sort_by_key(|state| state.state != "silent");
    html! {
        @if !heard.is_empty() { table class="rows" {
            thead { tr { th { "source" } th { "state" } th { "last event" } th { "usually" } th { "refused here" } } }
            tbody { @for state in heard { tr {
                td data-label="source" { (parts::source(&state.source)) }
                td data-label="state" { (parts::word(state.state)) }
                td data-label="last event" { (last_heard(state)) }
                td data-label="usually" { (rhythm(state)) }
                td data-label="refused here" { (refused(state)) }
            } } }
        } }
        @if !quiet.is_empty() {
            details { summary { (parts::count(quiet.len(), "source")) " without an event yet" }
                p class="names" { @for state in &quiet { (parts::source(&state.source)) " " } } }
        }
    }
}

fn is_unused(state: &SourceState) -> bool {
    state.state == "nothing_yet" && state.refused == 0
}

fn first_steps(states: &[SourceState]) -> Markup {
    let example = states.iter().find(|state| state.source == "stripe").or(states.first());
    let source = example.map_or("stripe", |state| &state.source);
    html! {
        h2 { "Nothing has come yet" }
        ol class="steps" {
            li { "Send a webhook: " code class="copy" { "paylatch send " (source) " payment_intent.succeeded" } " and see its order here." }
            li { "Send the same again, by its id: " code { "paylatch replay --source " (source) " --event EVENT_ID" } ". It is answered " b { "duplicate" } " and changes nothing." }
            li { "Sign one with another secret: " a href="rejected" { "Rejected" } " says why it was refused." }
        }
    }
}
