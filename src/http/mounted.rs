//! The webhook routes behind an embedding service's listener: gives each request the id and the client address that our own
//! listener would have given it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use super::peers::TrustedProxies;
use super::request_id::RequestId;

/// `routes` of [`super::public()`], for a service that may tell its peers' addresses by [`ConnectInfo`].
pub fn mounted(routes: Router, trusted_proxies: TrustedProxies) -> Router {
    routes.layer(from_fn_with_state(trusted_proxies, introduce))
}

async fn introduce(State(trusted): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    // Without `ConnectInfo` all requests are one client's, and share its limits.
    let peer = peer.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let client = trusted.client(peer, request.headers());
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(id);
    next.run(request).await
}
