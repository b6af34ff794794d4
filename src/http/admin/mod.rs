//! The admin listener: metrics, the API over orders, events, payments, findings and coupons, and its description. Coupons are
//! changed here, and the orders of payments.

mod acting;
mod actions;
mod announcements;
mod coupons;
mod description;
mod events;
mod findings;
mod given;
mod guard;
mod live;
mod orders;
mod page;
mod payments;
mod streams;
#[cfg(test)]
mod tests;
mod viewer;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::acting::acting;
use self::announcements::Announcing;
pub use self::description::openapi_text;
use self::guard::{Guard, guard};
pub use self::streams::Streams;
use super::public::{nothing_here, only_get};
use crate::intake::Intake;
use crate::secret::Secret;
use crate::store::Store;
use crate::telemetry::Metrics;

/// Who may ask the admin listener.
#[derive(Debug, Clone, Default)]
pub struct AdminSettings {
    /// Lets its bearer see and do everything. Without one, everybody who reaches the listener may.
    pub token: Option<Secret>,
    /// Lets its bearer see, and do nothing.
    pub view_token: Option<Secret>,
    /// Whether the bearer of `view_token` may see the bodies of webhooks, which hold personal data.
    pub view_bodies: bool,
    /// Where people reach it behind a proxy: scheme, host and perhaps a path, without a slash at the end.
    pub public_origin: Option<String>,
    /// The header in which a proxy says who asks.
    pub proxy_user_header: Option<HeaderName>,
}

/// Telling the merchant's application which orders changed.
#[derive(Debug, Clone)]
pub struct AnnounceSettings {
    /// Changes are noted.
    pub enabled: bool,
    /// How often the log is looked at while somebody waits for it.
    pub poll: Duration,
    /// How long the log keeps what it noted.
    pub keep: Duration,
    /// Lets its bearer ask for announcements, and for nothing else.
    pub token: Option<Secret>,
}

#[cfg(test)]
impl AnnounceSettings {
    /// Nobody is told of changes.
    pub(in crate::http) fn quiet() -> Self {
        let (poll, keep) = (Duration::from_millis(100), Duration::from_hours(1));
        Self { enabled: false, poll, keep, token: None }
    }
}

/// The routes of the admin listener. Without a token everybody who reaches it may ask: then it must be on loopback.
pub fn admin(
    store: Store,
    intake: Intake,
    metrics: Metrics,
    settings: &AdminSettings,
    announce: &AnnounceSettings,
    streams: Streams,
) -> Router {
    let token = settings.token.clone();
    let announcing = Announcing { store: store.clone(), poll: announce.poll, streams: streams.clone() };
    let announcements = Router::new()
        .route("/api/v1/announcements", get(announcements::list).fallback(only_get))
        .route("/api/v1/announcements/stream", get(announcements::stream).fallback(only_get))
        .with_state(announcing)
        .route_layer(from_fn_with_state(
            Arc::new(Guard::new(announce.token.clone().into_iter().chain(token.clone()))),
            guard,
        ));
    let viewed = Router::new()
        .route("/api/v1/live", get(live::live).fallback(only_get))
        .with_state(streams)
        .route_layer(from_fn_with_state(
            Arc::new(Guard::new(settings.view_token.clone().into_iter().chain(token.clone()))),
            guard,
        ));
    let guarded = Router::new()
        .route("/api/v1/orders", get(orders::list).fallback(only_get))
        .route("/api/v1/orders/{source}/{id}", get(orders::one).fallback(only_get))
        .route("/api/v1/events", get(events::list).fallback(only_get))
        .route("/api/v1/events/{source}/{id}", get(events::one).fallback(only_get))
        .route("/api/v1/events/{source}/{id}/raw", get(events::raw).fallback(only_get))
        .route("/api/v1/actions", get(actions::list).fallback(only_get))
        .route("/api/v1/findings", get(findings::list).fallback(only_get))
        .with_state(store.clone())
        .merge(payments::routes(store.clone()))
        .merge(coupons::routes(store, intake))
        .route("/metrics", get(exposition).fallback(only_get).with_state(metrics))
        .route_layer(from_fn_with_state(settings.proxy_user_header.clone(), acting))
        .route_layer(from_fn_with_state(Arc::new(Guard::new(token)), guard));
    let open = viewer::routes().route("/openapi.json", get(description::openapi).fallback(only_get));
    guarded.merge(viewed).merge(announcements).merge(open).fallback(nothing_here).layer(map_response(private))
}

/// All metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "metrics", security((), ("token" = [])), responses(
    (status = 200, description = "Prometheus' text format", content_type = "text/plain", body = String),
))]
async fn exposition(State(metrics): State<Metrics>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics.render()).into_response()
}

/// What is told here is kept nowhere, and taken for nothing but what it is.
async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
