//! `/login`: takes a token once, and gives the browser a session for it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::html;
use tokio::time::Instant;

use super::layout::html_page;
use super::parts;
use crate::http::admin::access::Role;
use crate::http::admin::guard::{Guard, peer};
use crate::http::admin::request_body::form;
use crate::http::admin::session::{self, Session};
use crate::http::admin::state::AdminState;
use crate::http::{Code, Problem, received_now};
use crate::order::Id;

/// What logging in is done with.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) admin: AdminState,
    pub(super) guard: Arc<Guard>,
}

pub(super) async fn page(State(Login { admin, guard }): State<Login>, request: Request) -> Response {
    if !guard.has_login() {
        return admin.public.see_other("/");
    }
    let query = request.uri().query().unwrap_or_default();
    let then = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "then");
    ask(&admin, then.map(|(_, path)| path.into_owned()).as_deref(), None)
}

pub(super) async fn log_in(State(Login { admin, guard }): State<Login>, request: Request) -> Response {
    let (peer, headers) = (peer(&request), request.headers().clone());
    let form = match form(&admin.bodies, request).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let then = form.field("then");
    let role = match guard.role_of(peer, form.field("token").unwrap_or_default(), Instant::now()) {
        Ok(Role::Application) => Err(Code::TokenInvalid),
        other => other,
    };
    let name = form.field("name").map(Id::new).transpose();
    match (role, name) {
        (Ok(role), Ok(name)) => {
            let cookie = guard.token(role).and_then(|token| {
                Session::begin(role, name, received_now()).cookie(&token, &headers, &admin.public)
            });
            let Some(cookie) = cookie else { return Problem::new(Code::Internal).into_response() };
            ([(header::SET_COOKIE, cookie)], admin.public.see_other(own_path(then))).into_response()
        }
        (Ok(_), Err(bad)) => {
            ask(&admin, then, Some((&Problem::new(Code::BodyInvalid), &format!("The name {bad}."))))
        }
        (Err(code), _) => {
            let wait = if code == Code::TooManyFailures {
                "Wait a minute."
            } else {
                "Look for admin_token in the settings."
            };
            ask(&admin, then, Some((&Problem::new(code), wait)))
        }
    }
}

pub(super) async fn log_out(State(Login { admin, .. }): State<Login>, request: Request) -> Response {
    let cookie = session::end(request.headers(), &admin.public);
    ([(header::SET_COOKIE, cookie)], admin.public.see_other("/login")).into_response()
}

fn ask(admin: &AdminState, then: Option<&str>, refused: Option<(&Problem, &str)>) -> Response {
    let body = html! {
        main id="main" class="login" {
            h1 { "Paylatch" }
            @if let Some((problem, advice)) = refused { p class="refused" role="alert" { (problem.title()) ". " (advice) } }
            form method="post" action="login" {
                label { "Token" input type="password" name="token" required autocomplete="current-password" autofocus; }
                label { "Your name, for the record of what you change" input name="name" maxlength="255" autocomplete="username"; }
                input type="hidden" name="then" value=(own_path(then));
                button { "Log in" }
            }
            p class="hint" { "admin_token sees and does everything; admin_view_token only sees." }
        }
    };
    let mut response = html_page(admin, "Log in", &body);
    if let Some((problem, _)) = refused {
        *response.status_mut() = problem.status_code();
    }
    response
}

/// Where to go then: a path of ours, or the overview. `//host` and `/\host` would be others'.
fn own_path(then: Option<&str>) -> &str {
    let is_own = |path: &&str| {
        path.starts_with('/') && !path[1..].starts_with(['/', '\\']) && parts::text(path) == **path
    };
    then.filter(is_own).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn after_the_login_nobody_is_sent_elsewhere() {
        assert_eq!(own_path(Some("/orders?source=a")), "/orders?source=a");
        for other in ["//evil.example", "/\\evil.example", "https://evil.example", "", "orders", "/a\r\nb: c"]
        {
            assert_eq!(own_path(Some(other)), "/", "{other:?}");
        }
    }
}
