//! `/api/v1/actions`: what people changed, and why.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging;
use crate::http::Problem;
use crate::http::problem::Body;
use crate::store::{ActionRow, Store};

/// Which actions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Before this one: `after` of the list before.
    after: Option<i64>,
    /// How many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A list of actions.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Actions {
    /// The latest first.
    actions: Vec<ActionRow>,
    /// Where the next list begins; null at the end.
    after: Option<i64>,
}

/// What people changed by the command line or the API, the latest first.
#[utoipa::path(get, path = "/api/v1/actions", tag = "actions", params(ListQuery), security((), ("token" = [])), responses(
    (status = 200, description = "The actions", body = Actions),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(store): State<Store>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Actions>, Problem> {
    let which = paging::query(which)?;
    let rows = paging::rows(which.limit)?;
    let mut actions = store.actions(which.after, rows + 1).await?;
    let after = paging::cut(&mut actions, rows, |action| action.action_id);
    Ok(Json(Actions { actions, after }))
}
