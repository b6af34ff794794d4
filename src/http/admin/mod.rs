//! The admin listener: the dashboard's pages, the API over orders, events, payments, expectations, findings and coupons, its
//! description, and metrics. What the pages show and do, the API tells and does by the same functions.

mod access;
mod acknowledgements;
mod actions;
mod announcements;
mod api_docs;
mod attention;
mod attention_count;
mod coupons;
mod description;
mod endpoints;
mod events;
mod expectations;
mod find;
mod findings;
mod guard;
mod last_count;
mod live;
mod orders;
mod origin;
mod pages;
mod paging;
mod payments;
mod read_ahead;
mod rejections;
mod reprocess;
mod request_actor;
mod request_body;
mod session;
mod sources;
mod state;
mod streams;
mod terms;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::announcements::AnnouncementsState;
pub use self::attention_count::AttentionCount;
pub use self::description::openapi_text;
use self::guard::Guard;
use self::read_ahead::ReadAhead;
use self::request_actor::identify;
use self::state::AdminState;
pub use self::state::Limit;
pub use self::streams::Streams;
pub use self::terms::NewExpectation;
use super::public::{nothing_here, only_get};
use super::rejections::Rejections;
use super::{Health, Sources};
use crate::intake::Intake;
use crate::lock::Locks;
use crate::secret::Secret;
use crate::store::{Store, WaitingLimits};
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

/// What the admin listener is made of.
#[derive(Debug)]
pub struct Admin {
    /// The data.
    pub store: Store,
    /// Where coupons are redeemed.
    pub intake: Intake,
    /// What is counted.
    pub metrics: Metrics,
    /// Who may ask.
    pub settings: AdminSettings,
    /// Telling which orders changed.
    pub announce: AnnounceSettings,
    /// What is told as it happens.
    pub streams: Streams,
    /// The configured sources.
    pub sources: Sources,
    /// How the server is.
    pub health: Health,
    /// Who holds which order.
    pub locks: Locks,
    /// What was refused.
    pub rejections: Rejections,
    /// Limits, with how much of them is in use.
    pub limits: Vec<Limit>,
    /// After how long money that waits needs a person.
    pub waiting: WaitingLimits,
    /// How much needs a person, as the server counts it.
    pub attention: AttentionCount,
}

#[cfg(test)]
impl Admin {
    /// One of a test, over `store`.
    pub(in crate::http) fn over(
        store: &Store,
        (intake, locks): (Intake, Locks),
        sources: std::collections::HashMap<crate::order::Id, crate::provider::Source>,
        settings: AdminSettings,
    ) -> Self {
        Self {
            store: store.clone(),
            intake,
            metrics: Metrics::unheard(),
            settings,
            announce: AnnounceSettings::quiet(),
            streams: Streams::default(),
            sources: Sources::new(sources),
            health: Health::new(),
            locks,
            rejections: Rejections::default(),
            limits: Vec::new(),
            waiting: WaitingLimits::of_tests(),
            attention: AttentionCount::default(),
        }
    }
}

/// The routes of the admin listener. Without a token everybody who reaches it may ask: then it must be on loopback.
pub fn admin(admin: Admin) -> Router {
    let guard = Arc::new(Guard::new(&admin.settings, admin.announce.token.clone()));
    let shared = AdminState::new(&admin, guard.public.clone(), guard.has_login());
    let Admin { store, intake, metrics, settings, announce, streams, .. } = admin;
    let state = AnnouncementsState {
        pages: ReadAhead::new(store.clone()),
        poll: announce.poll,
        streams: streams.clone(),
    };
    Router::new()
        .route("/api/v1/announcements", get(announcements::list).fallback(only_get))
        .route("/api/v1/announcements/stream", get(announcements::stream).fallback(only_get))
        .with_state(state)
        .route("/api/v1/live", get(live::live).fallback(only_get).with_state(streams))
        .merge(stored(&store))
        .merge(payments::routes(store.clone()))
        .merge(expectations::routes(&shared))
        .merge(endpoints::routes(&shared))
        .merge(coupons::routes(store, intake))
        .merge(acknowledgements::routes(&shared))
        .merge(reprocess::routes(&shared))
        .route("/metrics", get(exposition).fallback(only_get).with_state(metrics))
        .merge(api_docs::routes())
        .route("/openapi.json", get(description::openapi).fallback(only_get))
        .merge(pages::routes(&shared, &guard))
        .merge(lists(&shared))
        .route_layer(from_fn_with_state(settings.proxy_user_header, identify))
        .route_layer(from_fn_with_state(guard, guard::guard))
        .fallback(nothing_here)
        .layer(map_response(private))
}

/// What is read of the database alone.
fn stored(store: &Store) -> Router {
    Router::new()
        .route("/api/v1/events/{source}/{id}", get(events::one).fallback(only_get))
        .route("/api/v1/events/{source}/{id}/raw", get(events::raw).fallback(only_get))
        .route(
            "/api/v1/events/{source}/{id}/conflicts/{sha256}/raw",
            get(events::raw_conflict).fallback(only_get),
        )
        .route("/api/v1/actions", get(actions::list).fallback(only_get))
        .route("/api/v1/find", get(find::list).fallback(only_get))
        .with_state(store.clone())
}

/// Lists, and the order, for which the settings are asked, too.
fn lists(admin: &AdminState) -> Router {
    Router::new()
        .route("/api/v1/orders", get(orders::list).fallback(only_get))
        .route("/api/v1/events", get(events::list).fallback(only_get))
        .route("/api/v1/findings", get(findings::list).fallback(only_get))
        .route("/api/v1/attention", get(attention::list).fallback(only_get))
        .route("/api/v1/orders/{source}/{id}", get(orders::one).fallback(only_get))
        .route("/api/v1/sources", get(sources::list).fallback(only_get))
        .route("/api/v1/rejections", get(rejections::list).fallback(only_get))
        .with_state(admin.clone())
}

/// All metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "metrics", security((), ("token" = [])), responses(
    (status = 200, description = "Prometheus' text format", content_type = "text/plain", body = String),
))]
async fn exposition(State(metrics): State<Metrics>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics.render()).into_response()
}

/// What is told here is kept nowhere, but for what says of itself that it may be, and taken for nothing but what it is.
async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    for policy in ["cross-origin-opener-policy", "cross-origin-resource-policy"] {
        headers.insert(HeaderName::from_static(policy), HeaderValue::from_static("same-origin"));
    }
    response
}
