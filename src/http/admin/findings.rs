//! `/api/v1/findings`: what the provider's own record and ours disagree in.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};

use super::paging;
use super::state::AdminState;
use crate::http::Problem;
use crate::http::problem::Body;
use crate::order::Disagreement;
use crate::store::{FindingFilter, FindingRow, List};

/// Which findings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Of this source.
    source: Option<String>,
    /// Of this kind, which docs/reconcile.md explains.
    #[param(schema_with = finding_words, required = false)]
    finding: Option<String>,
    /// Also those that are gone or acknowledged.
    all: Option<bool>,
    /// Behind this one: `after` of the list before.
    #[param(pattern = "/")]
    after: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A list of findings.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Findings {
    /// By reference and source.
    findings: Vec<FindingRow>,
    /// Where the next list begins; null at the end. A list may be short, or empty, and yet go on: at most 2,000 rows are looked at
    /// for what few of them are.
    after: Option<String>,
}

/// What the provider's own record and ours disagree in, by reference and source.
#[utoipa::path(get, path = "/api/v1/findings", tag = "findings", params(ListQuery), security((), ("token" = [])), responses(
    (status = 200, description = "The findings", body = Findings),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(admin): State<AdminState>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Findings>, Problem> {
    let which = paging::query(which)?;
    let rows = paging::rows(which.limit)?;
    paging::begins(which.after.as_deref())?;
    admin.filter_by_source(which.source.as_deref()).await?;
    paging::one_of("finding", which.finding.as_deref(), Disagreement::ALL.iter().map(|word| word.as_str()))?;
    let filter = FindingFilter {
        source: which.source,
        finding: which.finding,
        reference: None,
        all: which.all.unwrap_or_default(),
        after: which.after,
        limit: rows,
    };
    let List { rows: findings, after, .. } = admin.store.findings(&filter).await?;
    Ok(Json(Findings { findings, after }))
}

fn finding_words() -> Object {
    paging::described(Disagreement::ALL.iter().map(|word| word.as_str()))
}
