//! `/api/v1/rejections`: why webhooks were refused, as this process saw it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::AdminState;
use crate::http::rejections::Rejected;

/// Refused webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectionList {
    /// One for each source and reason, the latest first.
    rejections: Vec<Rejected>,
}

/// Why webhooks were refused since this process began. Nothing of them is stored; other replicas have their own.
#[utoipa::path(get, path = "/api/v1/rejections", tag = "rejections", security((), ("token" = [])), responses(
    (status = 200, description = "The refusals", body = RejectionList),
))]
pub(super) async fn list(State(admin): State<AdminState>) -> Json<RejectionList> {
    Json(RejectionList { rejections: admin.rejections.all() })
}
