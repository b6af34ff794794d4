//! `/api/v1/find`: orders, payments and events by their id.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging;
use crate::http::Problem;
use crate::http::problem::Body;
use crate::order::Id;
use crate::store::{Found, Store};

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// An id, or what it begins with.
    #[param(min_length = 1, max_length = 255)]
    q: String,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundList {
    /// At most 20 of each kind, by id.
    found: Vec<Found>,
}

/// Orders, payments and events whose id is this or begins with it.
#[utoipa::path(get, path = "/api/v1/find", tag = "find", params(ListQuery), security((), ("token" = [])), responses(
    (status = 200, description = "What was found", body = FoundList),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(store): State<Store>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<FoundList>, Problem> {
    let which = paging::query(which)?;
    let text = Id::new(which.q.trim()).map_err(|bad| paging::invalid(format!("q {bad}")))?;
    Ok(Json(FoundList { found: store.find(&text).await? }))
}
