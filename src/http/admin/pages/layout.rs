//! What stands around every page: where one can go, the find box, the number that needs a person, and how to ask the same elsewhere.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::{assets, parts};
use crate::http::Problem;
use crate::http::admin::access::Role;
use crate::http::admin::guard::Caller;
use crate::http::admin::state::AdminState;
use crate::order::Key;

/// A page may load its own script and style, ask this listener and send forms to it; nothing else, and nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

/// The pages that every page leads to.
const PLACES: [(&str, &str); 11] = [
    ("", "Overview"),
    ("attention", "Attention"),
    ("orders", "Orders"),
    ("events", "Events"),
    ("sources", "Sources"),
    ("rejected", "Rejected"),
    ("settlements", "Settlements"),
    ("endpoints", "Endpoints"),
    ("live", "Live"),
    ("actions", "Actions"),
    ("health", "Health"),
];

/// The same question, asked elsewhere.
pub(super) struct Also {
    /// The path of the API, if it tells this.
    pub(super) json: Option<String>,
    pub(super) sql: Option<String>,
    /// A command.
    pub(super) cli: Option<String>,
}

/// A page of somebody who is let in.
pub(super) struct Page {
    pub(super) title: String,
    /// The place that it belongs to, as [`PLACES`] has it.
    pub(super) place: &'static str,
    pub(super) also: Also,
    pub(super) main: Markup,
}

impl Page {
    pub(super) async fn show(self, admin: &AdminState, caller: &Caller) -> Response {
        let needs = admin.needs().await;
        let number = needs.map_or("?".to_owned(), |counts| counts.sum().to_string());
        let is_calm = needs.is_some_and(|counts| counts.sum() == 0);
        let body = html! {
            header {
                a class="brand" href="./" { "Paylatch" }
                form class="find" action="find" role="search" {
                    input type="search" name="q" placeholder="order, payment or event" aria-label="find an order, payment or event" autocomplete="off" maxlength="255";
                    button { "Find" }
                }
                a class={ "needs " (if is_calm { "calm" } else { "busy" }) } href="attention" data-live="needs" { "needs you " b { (number) } }
            }
            nav aria-label="pages" {
                @for (path, name) in PLACES {
                    a href={ "./" (path) } aria-current=[(path == self.place).then_some("page")] { (name) }
                }
            }
            main id="main" { (self.main) (self.also.shown()) }
            footer {
                span { "paylatch " (env!("CARGO_PKG_VERSION")) ", process " (std::process::id()) }
                span { "times in UTC" }
                a href="docs" { "API" }
                @if admin.has_login { (who(caller)) }
            }
        };
        html_page(admin, &self.title, &body)
    }
}

fn who(caller: &Caller) -> Markup {
    html! {
        form method="post" action="logout" class="who" {
            span { @if let Some(name) = &caller.name { (parts::text(name.as_str())) ", " } (caller.role.as_str()) }
            button { "Log out" }
        }
    }
}

impl Also {
    /// Of one order or event, shown by `page` and by a command; `column` has its id in the view of events.
    pub(super) fn of_one(page: &str, column: &str, command: &str, key: &Key) -> Self {
        let (id, source) = (key.id.as_str(), key.source.as_str());
        let (as_sql, as_argument) = (parts::sql_text, parts::shell_text);
        let sql = format!(
            "select * from v_events where {column} = {} and source = {} order by occurred_at",
            as_sql(id),
            as_sql(source)
        );
        let cli = format!("paylatch {command} {} --source {}", as_argument(id), as_argument(source));
        Self { json: Some(format!("/api/v1/{page}")), sql: Some(sql), cli: Some(cli) }
    }

    fn shown(&self) -> Markup {
        let ways = [("JSON", &self.json), ("SQL", &self.sql), ("command", &self.cli)];
        html! {
            @if ways.iter().any(|(_, way)| way.is_some()) {
                details class="also" {
                    summary { "The same as JSON, SQL or a command" }
                    dl { @for (name, way) in ways { @if let Some(way) = way {
                        dt { (name) }
                        dd { @if name == "JSON" { a href={ "./" (way.trim_start_matches('/')) } { code { (way) } } } @else { code class="copy" { (way) } } }
                    } } }
                }
            }
        }
    }
}

/// A whole document. Links in it begin at its base, which is ours and not the request's.
pub(super) fn html_page(admin: &AdminState, title: &str, body: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                base href={ (admin.public.path()) "/" };
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Paylatch" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(assets::style());
                script src=(assets::script()) defer {}
            }
            body { (body) }
        }
    };
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, document.into_string()).into_response()
}

/// Shows a page, or why it cannot be shown.
pub(super) async fn show(admin: &AdminState, caller: &Caller, page: Result<Page, Problem>) -> Response {
    match page {
        Ok(page) => page.show(admin, caller).await,
        Err(problem) => refuse(admin, caller, &problem).await,
    }
}

async fn refuse(admin: &AdminState, caller: &Caller, problem: &Problem) -> Response {
    let main = html! {
        h1 { (problem.title()) }
        @if let Some(detail) = problem.told() { p { (parts::text(detail)) } }
        p { a href="./" { "Back to the overview" } ", or look for it by its id in the box above." }
    };
    let also = Also { json: None, sql: None, cli: None };
    let mut response =
        Page { title: problem.title().to_owned(), place: "none", also, main }.show(admin, caller).await;
    *response.status_mut() = problem.status_code();
    response
}

/// Whether somebody may be shown what changes something.
pub(super) fn may_act(caller: &Caller) -> bool {
    caller.role == Role::Operator
}
