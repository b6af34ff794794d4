//! The admin listener: metrics, the API over orders and events, and its description. It changes nothing.

mod guard;
mod viewer;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::guard::{Guard, guard};
use super::public::{nothing_here, only_get};
use crate::secret::Secret;
use crate::store::Store;
use crate::telemetry::Metrics;

/// What the admin listener answers from.
#[derive(Debug, Clone)]
struct Desk {
    store: Store,
    metrics: Metrics,
}

/// The routes of the admin listener. Without `token` everybody who reaches it may ask: then it must be on loopback.
pub fn admin(store: Store, metrics: Metrics, token: Option<Secret>) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics_text).fallback(only_get))
        .with_state(Desk { store, metrics })
        .route_layer(from_fn_with_state(Arc::new(Guard::new(token)), guard));
    guarded.merge(viewer::routes()).fallback(nothing_here).layer(map_response(private))
}

async fn metrics_text(State(desk): State<Desk>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, desk.metrics.render()).into_response()
}

/// What is told here is kept nowhere, and taken for nothing but what it is.
async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
