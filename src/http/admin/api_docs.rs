//! `/docs`: a page that shows `/openapi.json` and sends requests. Nothing of it comes from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::public::only_get;

/// The page may load its own script and style and ask this listener; nothing else, and nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, its script and its style. They hold nothing secret, so they need no token.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/docs", get(page).fallback(only_get))
        .route("/docs/viewer.js", get(script).fallback(only_get))
        .route("/docs/viewer.css", get(style).fallback(only_get))
}

async fn page() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, include_str!("api_docs.html")).into_response()
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("api_docs.js")).into_response()
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("api_docs.css")).into_response()
}
