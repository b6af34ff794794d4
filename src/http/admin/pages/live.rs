//! `/live`: what is answered to providers, as it happens, by this process. The one page that is a script's.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::layout::{Also, Page, show};
use super::link;
use super::parts::{self, given};
use crate::http::admin::guard::Caller;
use crate::http::admin::state::AdminState;
use crate::order::{Id, Outcome};

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    source: Option<String>,
    outcome: Option<String>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    let (source, outcome) = (given(&query.source), given(&query.outcome));
    let (names, words) = (admin.source_names(), Outcome::ALL.iter().map(|outcome| outcome.as_str()));
    let stream = link::query("api/v1/live", &[("source", source), ("outcome", outcome)]);
    let main = html! {
        h1 { "Live" }
        form class="filters" action="live" {
            (parts::choice(("source", "source"), source, names.iter().map(Id::as_str).chain(["unknown"])))
            (parts::choice(("outcome", "outcome"), outcome, words.chain(["refused"])))
            button { "Show" }
        }
        noscript { p class="note" { "This page alone needs JavaScript. " a href="events" { "Events" } " shows what was stored; " code { "paylatch tail" } " shows it as it happens." } }
        p class="hint" { span id="live-state" role="status" { "Not connected." } " " button type="button" id="live-pause" hidden { "Pause" } }
        table class="rows" {
            thead { tr { th { "time" } th { "source" } th { "event" } th { "type" } th { "answered" } th { "order" } th class="number" { "took" } } }
            tbody id="live-rows" data-stream=(stream) {}
        }
    };
    let also = Also { json: Some(format!("/{stream}")), sql: None, cli: Some("paylatch tail".to_owned()) };
    show(&admin, &caller, Ok(Page { title: "Live".to_owned(), place: "live", also, main })).await
}
