//! `/rejected`: why was this webhook refused?

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, show};
use super::parts::{self, given};
use crate::http::admin::guard::Caller;
use crate::http::admin::state::AdminState;
use crate::http::rejections::Rejected;
use crate::printable::printable;

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    source: Option<String>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    let source = given(&query.source);
    let rejected: Vec<Rejected> = admin
        .rejections
        .all()
        .into_iter()
        .filter(|own| source.is_none_or(|source| own.source == source))
        .collect();
    let names = admin.source_names();
    let main = html! {
        h1 { "Rejected" }
        p class="hint" { "What this process refused since it began. Nothing is stored of a webhook that does not verify, so other replicas have their own, and a restart empties it." }
        form class="filters" action="rejected" {
            (parts::choice(("source", "source"), source, names.iter().map(crate::order::Id::as_str).chain(["unknown"])))
            button { "Show" }
        }
        div data-live="rejected" {
            @if rejected.is_empty() { p class="calm" { "Nothing was refused." } }
            ul class="cases" { @for own in &rejected { (refusal(own)) } }
        }
    };
    let also = Also {
        json: Some("/api/v1/rejections".to_owned()),
        sql: None,
        cli: Some("paylatch verify --source NAME --body FILE --header 'NAME: VALUE'".to_owned()),
    };
    show(&admin, &caller, Ok(Page { title: "Rejected".to_owned(), place: "rejected", also, main })).await
}

fn refusal(own: &Rejected) -> Markup {
    let is_known = own.source != "unknown";
    html! {
        li {
            p {
                (parts::word("refused")) " " b { (parts::count(own.webhooks, "webhook")) } " "
                @if is_known { "to " (parts::source(&own.source)) } @else { "to no source" }
                ", answered " (own.status) ": " b { (own.reason.replace('_', " ")) }
                @if let Some(cause) = &own.cause { " — " b { (cause.replace('_', " ")) } }
            }
            p { (explained(own)) }
            p class="hint" { "First " (parts::time(&own.first_at)) ", last " (parts::time(&own.last_at)) "; request " code { (parts::text(&own.request_id)) } " of the log." }
        }
    }
}

/// In words: what was diagnosed, else what the reason means.
fn explained(own: &Rejected) -> String {
    if let Some(detail) = &own.cause_detail {
        return detail.clone();
    }
    let meaning = match own.reason.as_str() {
        "unknown_source" => "No source of the settings has this name; the provider's settings name the path.",
        "signature_missing" => {
            "It bears no signature: it is not the provider's, or a proxy dropped the header."
        }
        "signature_malformed" => "Its signature is not written as the provider writes it.",
        "signature_mismatch" => "None of the source's secrets signed these bytes.",
        "timestamp_stale" => "It is older than the tolerance: a replay, or a clock that is wrong.",
        "timestamp_ahead" => "It is from the future: this machine's clock is behind.",
        "queue_full" | "memory_full" => {
            "More came than could be stored in time; the provider sends it again."
        }
        "database_away" | "database_unfit" | "deadline_passed" | "lock_busy" => {
            "It could not be stored; the provider sends it again."
        }
        _ => "",
    };
    match (meaning.is_empty(), own.detail.is_empty()) {
        (true, _) => printable(&own.detail),
        (false, true) => meaning.to_owned(),
        (false, false) => format!("{meaning} ({})", printable(&own.detail)),
    }
}
