//! `/api/v1/events`: what came in, what was decided, and the exact bytes.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};

use super::paging;
use super::state::AdminState;
use crate::http::problem::Body;
use crate::http::{Code, Problem};
use crate::order::{Key, Outcome};
use crate::store::{EventFilter, EventRow, List, Store};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Of this source.
    source: Option<String>,
    /// Of this type, in the provider's words.
    r#type: Option<String>,
    /// With this outcome, which docs/lifecycle.md explains.
    #[param(schema_with = outcome_words, required = false)]
    outcome: Option<String>,
    /// Of the payments that belong to this order now.
    order: Option<String>,
    /// Of this payment.
    payment: Option<String>,
    /// Behind this row: `after` of the list before.
    #[param(pattern = "/")]
    after: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A list of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    /// By id and source.
    events: Vec<EventRow>,
    /// Where the next list begins; null at the end. A list may be short, or empty, and yet go on: at most 2,000 rows are looked at
    /// for what few of them are.
    after: Option<String>,
}

/// Events, by id and source.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(ListQuery), security((), ("token" = [])), responses(
    (status = 200, description = "The events", body = Events),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(admin): State<AdminState>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Events>, Problem> {
    let which = paging::query(which)?;
    let rows = paging::rows(which.limit)?;
    paging::begins(which.after.as_deref())?;
    admin.filter_by_source(which.source.as_deref()).await?;
    paging::one_of("outcome", which.outcome.as_deref(), Outcome::ALL.iter().map(|outcome| outcome.as_str()))?;
    let filter = EventFilter {
        unread: Vec::new(),
        id: None,
        source: which.source,
        type_name: which.r#type,
        outcome: which.outcome,
        order: which.order,
        payment: which.payment,
        after: which.after,
        limit: rows,
    };
    let List { rows: events, after, .. } = admin.store.events(&filter).await?;
    Ok(Json(Events { events, after }))
}

/// One event, without its body.
#[utoipa::path(get, path = "/api/v1/events/{source}/{id}", tag = "events", security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("id" = String, Path, description = "The event's id"),
), responses(
    (status = 200, description = "The event", body = EventRow),
    (status = 404, description = "No such event", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(store): State<Store>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<EventRow>, Problem> {
    let key = paging::key(path, Code::UnknownEvent)?;
    find(&store, &key).await.map(Json)
}

/// The exact bytes that were verified.
#[utoipa::path(get, path = "/api/v1/events/{source}/{id}/raw", tag = "events", security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("id" = String, Path, description = "The event's id"),
), responses(
    (status = 200, description = "The bytes", content_type = "application/octet-stream", body = [u8]),
    (status = 404, description = "No such event", body = Body, content_type = "application/problem+json"),
    (status = 410, description = "The body was purged", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn raw(
    State(store): State<Store>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let key = paging::key(path, Code::UnknownEvent)?;
    let Some(bytes) = store.raw(&key).await? else {
        find(&store, &key).await?;
        return Err(Code::BodyPurged.into());
    };
    Ok(download(bytes))
}

/// The exact bytes of a body that came under the event's id and says something else.
#[utoipa::path(get, path = "/api/v1/events/{source}/{id}/conflicts/{sha256}/raw", tag = "events", security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("id" = String, Path, description = "The event's id"),
    ("sha256" = String, Path, description = "The body's digest, in hex"),
), responses(
    (status = 200, description = "The bytes", content_type = "application/octet-stream", body = [u8]),
    (status = 404, description = "No such body", body = Body, content_type = "application/problem+json"),
    (status = 410, description = "The body was purged", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn raw_conflict(
    State(store): State<Store>,
    path: Result<Path<(String, String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((source, id, sha256)) = path.map_err(|_| Code::UnknownEvent)?;
    let key = paging::key(Ok(Path((source, id))), Code::UnknownEvent)?;
    let conflict = store.conflicts_of(&key).await?.into_iter().find(|own| own.body_sha256 == sha256);
    let conflict = conflict.ok_or(Code::UnknownEvent)?;
    conflict.payload.map(download).ok_or(Code::BodyPurged.into())
}

/// Taken for nothing but bytes.
fn download(bytes: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"event\""),
    ];
    (headers, bytes).into_response()
}

pub(super) async fn find(store: &Store, key: &Key) -> Result<EventRow, Problem> {
    store.event(key).await?.ok_or(Code::UnknownEvent.into())
}

fn outcome_words() -> Object {
    paging::described(Outcome::ALL.iter().map(|outcome| outcome.as_str()))
}
