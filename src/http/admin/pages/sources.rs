//! `/sources`: which source is silent?

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use maud::html;

use super::last_heard::{last_heard, refused, rhythm};
use super::layout::{Also, Page, show};
use super::parts;
use crate::http::admin::guard::Caller;
use crate::http::admin::sources::read;
use crate::http::admin::state::AdminState;

pub(super) async fn page(State(admin): State<AdminState>, Extension(caller): Extension<Caller>) -> Response {
    let page = read(&admin, &admin.source_names()).await.map(|mut states| {
        // Those that were heard of first: of many that are configured few may be in use.
        states.sort_by_key(|state| state.last_event_at.is_none());
        let main = html! {
            h1 { "Sources" }
            p class="hint" { "Silent is what was not heard of for longer than its " code { "quiet_after" } " or, where that is not set, for twenty of its usual gaps and at least 15 minutes." }
            table class="rows" data-live="sources" {
                thead { tr { th { "source" } th { "provider" } th { "state" } th { "last event" } th { "usually" } th { "silent after" } th { "refused here" } } }
                tbody { @for state in &states { tr {
                    td data-label="source" { (parts::source(&state.source)) }
                    td data-label="provider" { (state.provider) }
                    td data-label="state" { (parts::word(state.state)) }
                    td data-label="last event" { (last_heard(state)) }
                    td data-label="usually" { (rhythm(state)) }
                    td data-label="silent after" { @match state.silent_after_s { Some(limit) => (parts::duration(limit)), None => "–" } }
                    td data-label="refused here" { (refused(state)) }
                } } }
            }
        };
        let also = Also {
            json: Some("/api/v1/sources".to_owned()),
            sql: Some("select source, max(received_at) from events group by source".to_owned()),
            cli: Some("paylatch check".to_owned()),
        };
        Page { title: "Sources".to_owned(), place: "sources", also, main }
    });
    show(&admin, &caller, page).await
}
