//! `/api/v1/endpoints`: where changes of orders are told, how far each was told, and what people do about it.

use axum::body::HttpBody;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::coupons::only_post;
use super::request_actor::RequestActor;
use super::request_body::{invalid, read};
use super::state::AdminState;
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

/// Why, and who says so.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointAction {
    /// Kept with it.
    #[schema(min_length = 1, max_length = 4000)]
    note: Option<String>,
    /// Who says so; a proxy that says who asks, and a login, have the last word.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    by: Option<String>,
}

pub(super) fn routes(admin: &AdminState) -> Router {
    Router::new()
        .route("/api/v1/endpoints", get(list).fallback(only_get))
        .route("/api/v1/endpoints/{name}/pause", post(pause).fallback(only_post))
        .route("/api/v1/endpoints/{name}/resume", post(resume).fallback(only_post))
        .route("/api/v1/endpoints/{name}/resync", post(resync).fallback(only_post))
        .with_state(admin.clone())
        .layer(from_fn(apart))
}

/// All endpoints that were ever told, by name.
#[utoipa::path(get, path = "/api/v1/endpoints", tag = "endpoints", security((), ("token" = [])), responses(
    (status = 200, description = "The endpoints", body = Endpoints),
))]
pub(super) async fn list(State(admin): State<AdminState>) -> Result<Json<Endpoints>, Problem> {
    Ok(Json(Endpoints { endpoints: admin.store.endpoints(received_now()).await? }))
}

/// Leaves an endpoint alone until it is resumed. What changes meanwhile is told then.
#[utoipa::path(post, path = "/api/v1/endpoints/{name}/pause", tag = "endpoints", request_body = Option<EndpointAction>, security((), ("token" = [])), params(
    ("name" = String, Path, description = "The endpoint"),
), responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointRow),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No such endpoint", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn pause(
    State(admin): State<AdminState>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<EndpointRow>, Problem> {
    let (name, by) = (named(path)?, acting(&admin, request).await?);
    let is_there = admin.store.pause_endpoint(&name, true, &by).await?;
    shown(&admin.store, &name, is_there).await
}

/// Tells an endpoint again, at once and whatever it answered before.
#[utoipa::path(post, path = "/api/v1/endpoints/{name}/resume", tag = "endpoints", request_body = Option<EndpointAction>, security((), ("token" = [])), params(
    ("name" = String, Path, description = "The endpoint"),
), responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointRow),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No such endpoint", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn resume(
    State(admin): State<AdminState>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<EndpointRow>, Problem> {
    let (name, by) = (named(path)?, acting(&admin, request).await?);
    let is_there = admin.store.pause_endpoint(&name, false, &by).await?;
    shown(&admin.store, &name, is_there).await
}

/// Tells an endpoint of all orders again.
#[utoipa::path(post, path = "/api/v1/endpoints/{name}/resync", tag = "endpoints", request_body = Option<EndpointAction>, security((), ("token" = [])), params(
    ("name" = String, Path, description = "The endpoint"),
), responses(
    (status = 200, description = "The endpoint as it is now", body = EndpointRow),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No such endpoint", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn resync(
    State(admin): State<AdminState>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<EndpointRow>, Problem> {
    let (name, by) = (named(path)?, acting(&admin, request).await?);
    let is_there = admin.store.resync_endpoint(&name, None, &by).await?;
    shown(&admin.store, &name, is_there).await
}

fn named(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(name)| name).map_err(|_| Problem::new(Code::UnknownEndpoint))
}

/// Who acts, and why if it is said: a request without a body says nothing of either.
async fn acting(admin: &AdminState, request: Request) -> Result<By, Problem> {
    let actor = RequestActor::of(&request)?;
    let action = match request.body().is_end_stream() {
        true => EndpointAction::default(),
        false => read(&admin.bodies, request).await?,
    };
    actor.by(action.by.as_deref(), action.note.as_deref()).map_err(invalid)
}

async fn shown(store: &Store, name: &str, is_there: bool) -> Result<Json<EndpointRow>, Problem> {
    let all = if is_there { store.endpoints(received_now()).await? } else { Vec::new() };
    let own = all.into_iter().find(|endpoint| endpoint.name == name);
    own.map(Json).ok_or(Problem::new(Code::UnknownEndpoint))
}
