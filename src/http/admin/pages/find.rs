//! `/find`: anything by its id.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, show};
use super::{link, parts};
use crate::http::Problem;
use crate::http::admin::guard::Caller;
use crate::http::admin::state::AdminState;
use crate::order::Id;
use crate::store::{Found, OF_A_KIND_MAX};

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    q: String,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    match read(&admin, query.q.trim()).await {
        Ok((_, Some(only))) => admin.public.see_other(&format!("/{only}")),
        Ok((page, None)) => show(&admin, &caller, Ok(page)).await,
        Err(problem) => show(&admin, &caller, Err(problem)).await,
    }
}

/// The page, or where the only thing is that goes by the whole id.
async fn read(admin: &AdminState, text: &str) -> Result<(Page, Option<String>), Problem> {
    let id = Id::new(text).ok();
    let found = match &id {
        Some(id) => admin.store.find(id).await?,
        None => Vec::new(),
    };
    let whole: Vec<&Found> = found.iter().filter(|found| found.id == text).collect();
    let leads = whole.iter().map(|found| leads_to(found)).collect::<Vec<_>>();
    let only = leads.first().filter(|first| leads.iter().all(|other| other == *first)).cloned();
    let main = html! {
        h1 { "Find" }
        @if text.is_empty() { p { "Type an id of an order, a payment or an event, or what it begins with." } }
        @else if found.is_empty() {
            p { "No order, payment or event is called " code { (parts::text(text)) } " or begins so." }
            p class="hint" { "References of refunds and disputes are found on the page of their order: find it by the payment." }
        } @else { (rows(&found)) (more(&found)) }
    };
    let also = Also {
        json: id.as_ref().map(|id| link::query("/api/v1/find", &[("q", Some(id.as_str()))])),
        sql: Some(format!(
            "select source, order_id, status from v_orders where order_id = {}",
            parts::sql_text(text)
        )),
        cli: id.as_ref().map(|id| format!("paylatch orders {}", parts::shell_text(id.as_str()))),
    };
    Ok((Page { title: "Find".to_owned(), place: "find", also, main }, only))
}

fn rows(found: &[Found]) -> Markup {
    html! {
        table class="rows" {
            thead { tr { th { "what" } th { "id" } th { "source" } th { "order" } } }
            tbody { @for found in found { tr {
                td data-label="what" { (found.kind) }
                td data-label="id" { a class="id" href=(leads_to(found)) { (parts::text(&found.id)) } }
                td data-label="source" { (parts::source(&found.source)) }
                td data-label="order" { @match &found.order_id { Some(order) => (parts::order(&found.source, order)), None => "–" } }
            } } }
        }
    }
}

/// Nobody is to take a list that was cut for all that there is.
fn more(found: &[Found]) -> Markup {
    let is_full =
        |kind: &str| found.iter().filter(|found| found.kind == kind).count() >= OF_A_KIND_MAX as usize;
    let full: Vec<&str> = [("order", "orders"), ("payment", "payments"), ("event", "events")]
        .into_iter()
        .filter_map(|(kind, many)| is_full(kind).then_some(many))
        .collect();
    html! { @if !full.is_empty() {
        p class="hint" { "Of " (full.join(" and ")) " the first " (OF_A_KIND_MAX) " are shown; type more of the id." }
    } }
}

/// A payment is shown on the page of its order.
fn leads_to(found: &Found) -> String {
    match (found.kind.as_str(), &found.order_id) {
        ("event", _) => link::event(&found.source, &found.id),
        (_, Some(order)) => link::order(&found.source, order),
        (_, None) => link::order(&found.source, &found.id),
    }
}
