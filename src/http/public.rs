//! The public listener's routes. It takes webhooks and says whether it can; nothing can be read here.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::body::BodyLimits;
use super::health::{Health, livez, readyz};
use super::observer::AnswerObserver;
use super::peers::{Peer, TrustedProxies};
use super::problem::{Code, Problem};
use super::rejections::Rejections;
use super::request_id::RequestId;
use super::sources::Sources;
use super::tls::Tls;
use super::webhooks::{WebhookHandler, receive};
use crate::intake::Intake;

/// The table `[http]` of the settings.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
    /// Connections open at once, of the public listener.
    pub connections_max: usize,
    /// Of these, connections of one peer; 0 is no limit. One client may then use half of the memory of bodies in work.
    pub connections_per_peer_max: usize,
    /// How long a connection may wait for another request.
    pub idle: Duration,
    /// Proxies that are not counted as a peer, and whose word for their client's address is taken.
    pub trusted_proxies: TrustedProxies,
    /// How long webhooks are still taken after a signal to end, while `/readyz` says that it drains.
    pub drain: Duration,
    /// The bodies of all requests in work together, in bytes. At least `body_bytes_max`.
    pub body_bytes_in_flight_max: usize,
    /// What the public listener is secured with; `None` is plain HTTP.
    pub tls: Option<Tls>,
}

impl HttpSettings {
    /// The bodies in work of one client: half of all, so that no client can have those of others refused, and room for the
    /// largest.
    fn body_bytes_of_client_max(&self) -> usize {
        match self.connections_per_peer_max {
            0 => usize::MAX,
            _ => self.body_bytes_max.max(self.body_bytes_in_flight_max / 2),
        }
    }
}

/// The routes of the public listener. `observer` sees every answer to a provider.
pub fn public(
    settings: &HttpSettings,
    sources: Sources,
    intake: Intake,
    health: Health,
    observer: AnswerObserver,
    rejections: Rejections,
) -> Router {
    let limits = BodyLimits::new(
        settings.body_bytes_max,
        settings.body_bytes_in_flight_max,
        settings.body_bytes_of_client_max(),
    );
    routes(WebhookHandler::new(sources, limits, intake, observer).noting(rejections), health)
}

/// The same, with what takes the webhooks.
pub(super) fn routes(handler: WebhookHandler, health: Health) -> Router {
    with_health(Router::new().fallback(webhooks).with_state(Arc::new(handler)), health)
}

/// `/webhooks/{source}`, by hand: a router would decode and allocate for each webhook what is plain text here.
async fn webhooks(
    State(handler): State<Arc<WebhookHandler>>,
    Extension(id): Extension<RequestId>,
    Extension(client): Extension<Peer>,
    request: Request,
) -> Response {
    let name = request.uri().path().strip_prefix("/webhooks/");
    match name.filter(|name| !name.is_empty() && !name.contains('/')) {
        Some(name) => {
            let served = handler.source(name);
            receive(&handler, served, (id, client), request).await
        }
        None => nothing_here().await.into_response(),
    }
}

pub(super) fn with_health(router: Router, health: Health) -> Router {
    let probes = Router::new()
        .route("/livez", get(livez).fallback(only_get))
        .route("/readyz", get(readyz).fallback(only_get));
    router.merge(probes.with_state(health))
}

/// The answer to every path without a route.
pub(super) async fn nothing_here() -> Problem {
    Problem::new(Code::UnknownPath)
}

/// The answer to every other method on a path that is only read.
pub(super) async fn only_get() -> Problem {
    Problem::method_not_allowed("GET, HEAD")
}
