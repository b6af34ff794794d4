//! `/api/v1/endpoints`: where changes of orders are told, how far each was told, and what people do about it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;

use super::coupons::only_post;
use super::request_actor::RequestActor;
use super::request_body::invalid;
use crate::http::connection::apart;
use crate::http::problem::Body;
use crate::http::public::only_get;
use crate::http::{Code, Problem, received_now};
use crate::store::{By, EndpointRow, Store};

/// All endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Endpoints {
    /// By name.
    endpoints: Vec<EndpointRow>,
}

pub(super) fn routes(store: Store) -> Router {
    Router::new()
        .route("/api/v1/endpoints", get(list).fallback(only_get))
        .route("/api/v1/endpoints/{name}/pause", post(pause).fallback(only_post))
        .route("/api/v1/endpoints/{name}/resume", post(resume).fallback(only_post))
        .route("/api/v1/endpoints/{name}/resync", post(resync).fallback(only_post))
        .with_state(store)
        .layer(from_fn(apart))
}

/// All endpoints that were ever told, by name.
#[utoipa::path(get, path = "/api/v1/endpoints", tag = "endpoints", security((), ("token" = [])), responses(
    (status = 200, description = "The endpoints", body = Endpoints),
))]
pub(super) async fn list(State(store): State<Store>) -> Result<Json<Endpoints>, Problem> {
    Ok(Json(Endpoints { endpoints: store.endpoints(received_now()).await? }))
}

/// Leaves an endpoint alone until it is resumed. What changes meanwhile is told then.
#[utoipa::path(post, path = "/api/v1/endpoints/{name}/pause", tag = "endpoints", security((), ("token" = [])), params(
    ("name" = String, Path, description = "The endpoint"),
), responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointRow),
    (status = 404, description = "No such endpoint", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn pause(
    State(store): State<Store>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<EndpointRow>, Problem> {
    let (name, by) = (named(path)?, acting(&request)?);
    let is_there = store.pause_endpoint(&name, true, &by).await?;
    shown(&store, &name, is_there).await
}

/// Tells an endpoint again, at once and whatever it answered before.
#[utoipa::path(post, path = "/api/v1/endpoints/{name}/resume", tag = "endpoints", security((), ("token" = [])), params(
    ("name" = String, Path, description = "The endpoint"),
), responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointRow),
    (status = 404, description = "No such endpoint", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn resume(
    State(store): State<Store>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<EndpointRow>, Problem> {
    let (name, by) = (named(path)?, acting(&request)?);
    let is_there = store.pause_endpoint(&name, false, &by).await?;
    shown(&store, &name, is_there).await
}

/// Tells an endpoint of all orders again.
#[utoipa::path(post, path = "/api/v1/endpoints/{name}/resync", tag = "endpoints", security((), ("token" = [])), params(
    ("name" = String, Path, description = "The endpoint"),
), responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointRow),
    (status = 404, description = "No such endpoint", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn resync(
    State(store): State<Store>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<EndpointRow>, Problem> {
    let (name, by) = (named(path)?, acting(&request)?);
    let is_there = store.resync_endpoint(&name, None, &by).await?;
    shown(&store, &name, is_there).await
}

fn named(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(name)| name).map_err(|_| Problem::new(Code::UnknownEndpoint))
}

fn acting(request: &Request) -> Result<By, Problem> {
    RequestActor::of(request)?.by(None, None).map_err(invalid)
}

async fn shown(store: &Store, name: &str, is_there: bool) -> Result<Json<EndpointRow>, Problem> {
    let all = if is_there { store.endpoints(received_now()).await? } else { Vec::new() };
    let own = all.into_iter().find(|endpoint| endpoint.name == name);
    own.map(Json).ok_or(Problem::new(Code::UnknownEndpoint))
}
