//! `/api/v1/payments`: says which order a payment belongs to.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::from_fn;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::coupons::only_post;
use super::paging;
use super::request_actor::RequestActor;
use super::request_body::{id, invalid, read};
use crate::http::body::BodyLimits;
use crate::http::connection::apart;
use crate::http::problem::Body;
use crate::http::{Code, Problem};
use crate::intake::{Assignment, assign};
use crate::store::Store;

/// The largest body, in bytes: an order's id and a note.
const BODY_BYTES_MAX: usize = 32 * 1024;
/// All bodies that are being read, in bytes.
const BODIES_BYTES_MAX: usize = 32 * BODY_BYTES_MAX;

/// What payments are assigned with.
#[derive(Debug, Clone)]
pub(super) struct AssignmentsState {
    store: Store,
    limits: BodyLimits,
}

/// Which order the payment belongs to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAssignment {
    /// The order's id; the payment's own undoes what was assigned before.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    order: String,
    /// Why; kept with the assignment.
    #[schema(min_length = 1, max_length = 4000)]
    note: String,
    /// Who says so; a proxy that says who asks has the last word.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    by: Option<String>,
}

/// Where the payment belongs now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentAssignment {
    /// The event that keeps the assignment.
    event: String,
    payment: String,
    source: String,
    /// The order that the payment belongs to now.
    order: String,
    /// `assigned`; once undone, `known` or `provisional`.
    link: &'static str,
}

pub(super) fn routes(store: Store) -> Router {
    Router::new()
        .route("/api/v1/payments/{source}/{id}/assignment", post(create).fallback(only_post))
        .with_state(AssignmentsState {
            store,
            limits: BodyLimits::new(BODY_BYTES_MAX, BODIES_BYTES_MAX, BODIES_BYTES_MAX),
        })
        .layer(from_fn(apart))
}

/// Says which order a payment belongs to. It outranks what events name.
#[utoipa::path(post, path = "/api/v1/payments/{source}/{id}/assignment", tag = "payments", request_body = NewAssignment, security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("id" = String, Path, description = "The payment's id"),
), responses(
    (status = 200, description = "Where the payment belongs now", body = PaymentAssignment),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No such payment", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(state): State<AssignmentsState>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Json<PaymentAssignment>, Problem> {
    let payment = paging::key(path, Code::UnknownPayment)?;
    let actor = RequestActor::of(&request)?;
    let NewAssignment { order, note, by } = read(&state.limits, request).await?;
    let order = id("order", &order)?;
    let by = actor.by(by.as_deref(), Some(&note)).map_err(invalid)?;
    let assignment = Assignment { payment, order };
    let done = assign(&mut state.store.session(), &assignment, &by).await?;
    let (event, link) = done.ok_or(Problem::new(Code::UnknownPayment))?;
    Ok(Json(PaymentAssignment {
        event: event.to_string(),
        payment: assignment.payment.id.to_string(),
        source: assignment.payment.source.to_string(),
        order: link.order.to_string(),
        link: link.standing.as_str(),
    }))
}
