//! `/actions`: who did what, and why.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::layout::{Also, Page, show};
use super::{link, parts};
use crate::http::Problem;
use crate::http::admin::guard::Caller;
use crate::http::admin::paging::cut;
use crate::http::admin::state::AdminState;
use crate::store::ActionRow;

/// Rows of a page.
const ROWS: u32 = 50;
/// Characters of what a thing was or is: all of it is in the API's answer.
const VALUE_CHARS: usize = 200;

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    after: Option<i64>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    let page = read(&admin, &query).await;
    show(&admin, &caller, page).await
}

async fn read(admin: &AdminState, query: &PageQuery) -> Result<Page, Problem> {
    let mut rows = admin.store.actions(query.after, ROWS + 1).await?;
    let more = cut(&mut rows, ROWS, |row| row.action_id).map(|after| after.to_string());
    let main = html! {
        h1 { "Actions" }
        p class="hint" { "What people changed, by these pages, the API or the command line: each is written with the change itself, and none is altered." }
        @if rows.is_empty() { p { "Nobody has changed anything." } } @else { (list(&rows)) }
        @if let Some(more) = &more { p class="more" { a href=(link::query("actions", &[("after", Some(more))])) { "Older" } } }
    };
    let also = Also {
        json: Some("/api/v1/actions".to_owned()),
        sql: Some("select * from operator_actions order by action_id desc limit 50".to_owned()),
        cli: Some("paylatch actions".to_owned()),
    };
    Ok(Page { title: "Actions".to_owned(), place: "actions", also, main })
}

fn list(rows: &[ActionRow]) -> Markup {
    html! {
        table class="rows" {
            thead { tr { th { "when" } th { "who" } th { "did" } th { "to" } th { "why" } th { "before" } th { "after" } } }
            tbody { @for row in rows { tr {
                td data-label="when" { (parts::time(&row.at)) }
                td data-label="who" { (parts::text(&row.actor)) " " span class="hint" { (row.role) } }
                td data-label="did" { (row.action.replace('_', " ")) }
                td data-label="to" { (target(row)) }
                td data-label="why" { (parts::text(row.note.as_deref().unwrap_or("–"))) }
                td data-label="before" { (value(row.before.as_ref())) }
                td data-label="after" { (value(row.after.as_ref())) }
            } } }
        }
    }
}

fn target(row: &ActionRow) -> Markup {
    let page = row.source.as_deref().and_then(|source| match row.action.as_str() {
        "acknowledge_order" | "repair_order" => Some(link::order(source, &row.target)),
        "acknowledge_event" | "reprocess_event" => Some(link::event(source, &row.target)),
        "assign_payment" | "repair_payment" => Some(link::query("find", &[("q", Some(&row.target))])),
        _ => None,
    });
    html! { @match page { Some(page) => a class="id" href=(page) { (parts::text(&row.target)) }, None => (parts::text(&row.target)) } }
}

fn value(value: Option<&Value>) -> Markup {
    let text = value.map(|value| parts::text(&value.to_string()));
    html! { @match text {
        Some(text) => code class="detail" { (text.chars().take(VALUE_CHARS).collect::<String>()) @if text.chars().count() > VALUE_CHARS { "…" } },
        None => "–",
    } }
}
