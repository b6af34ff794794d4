//! Settles what needs a person about an order or an event: with a note, and kept with who did it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::middleware::from_fn;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Object;

use super::coupons::only_post;
use super::paging;
use super::request_actor::RequestActor;
use super::request_body::{invalid, read};
use super::state::AdminState;
use crate::http::connection::apart;
use crate::http::problem::Body;
use crate::http::{Code, Problem};
use crate::order::Key;
use crate::store::{By, SettledCause};

/// How an event was settled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEventAcknowledgement {
    /// Kept with it.
    #[schema(min_length = 1, max_length = 4000)]
    note: String,
    /// Who says so; a proxy that says who asks, and a login, have the last word.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    by: Option<String>,
    /// `parked`, `dead` or `conflict`: also whatever else of the source is so for the same reason and of the same type, at most
    /// 1,000 of them.
    #[schema(schema_with = cause_words, required = false)]
    cause: Option<String>,
}

/// How it was settled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAcknowledgement {
    /// Kept with it.
    #[schema(min_length = 1, max_length = 4000)]
    note: String,
    /// Who says so; a proxy that says who asks, and a login, have the last word.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    by: Option<String>,
}

/// What was settled of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcknowledgedOrder {
    order: String,
    source: String,
    /// The anomalies that it has, each with its sums: with others it counts again.
    anomalies: Vec<String>,
}

/// What was settled of an event.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcknowledgedEvent {
    event: String,
    source: String,
    /// How much: that it is parked or dead, and each body in conflict with it; of a cause, how many failures.
    settled: usize,
    /// Whether more may have failed for its cause: ask again.
    more: bool,
}

/// What was settled of a movement of money.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AcknowledgedMovement {
    reference: String,
    source: String,
    /// How many findings, each with the detail that it has: with another it counts again.
    settled: usize,
}

/// In which way an event can need a person.
const CAUSES: [&str; 3] = ["parked", "dead", "conflict"];

pub(super) fn routes(admin: &AdminState) -> Router {
    Router::new()
        .route("/api/v1/orders/{source}/{id}/acknowledgements", post(order).fallback(only_post))
        .route("/api/v1/events/{source}/{id}/acknowledgements", post(event).fallback(only_post))
        .route("/api/v1/findings/{source}/{reference}/acknowledgements", post(finding).fallback(only_post))
        .with_state(admin.clone())
        .layer(from_fn(apart))
}

/// Settles the anomalies that an order has now. They count again when their sums change.
#[utoipa::path(post, path = "/api/v1/orders/{source}/{id}/acknowledgements", tag = "orders", request_body = NewAcknowledgement, security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("id" = String, Path, description = "The order's id"),
), responses(
    (status = 200, description = "What was settled", body = AcknowledgedOrder),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No such order, or it has no anomaly", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn order(
    State(admin): State<AdminState>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Json<AcknowledgedOrder>, Problem> {
    let key = paging::key(path, Code::UnknownOrder)?;
    let by = by(&admin, request).await?;
    let anomalies = settle_order(&admin, &key, &by).await?;
    Ok(Json(AcknowledgedOrder { order: key.id.to_string(), source: key.source.to_string(), anomalies }))
}

/// Settles what needs a person about an event: that it is parked or dead, and every body in conflict with it; or all that
/// failed for its cause.
#[utoipa::path(post, path = "/api/v1/events/{source}/{id}/acknowledgements", tag = "events", request_body = NewEventAcknowledgement, security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("id" = String, Path, description = "The event's id"),
), responses(
    (status = 200, description = "What was settled", body = AcknowledgedEvent),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No such event, or nothing about it needs a person", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn event(
    State(admin): State<AdminState>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Json<AcknowledgedEvent>, Problem> {
    let key = paging::key(path, Code::UnknownEvent)?;
    let actor = RequestActor::of(&request)?;
    let NewEventAcknowledgement { note, by, cause } = read(&admin.bodies, request).await?;
    let by = actor.by(by.as_deref(), Some(&note)).map_err(invalid)?;
    let SettledCause { settled, is_cut } = settle_event(&admin, &key, cause.as_deref(), &by).await?;
    Ok(Json(AcknowledgedEvent {
        event: key.id.to_string(),
        source: key.source.to_string(),
        settled,
        more: is_cut,
    }))
}

/// Settles the open findings of a movement of money. They count again when what was compared changes.
#[utoipa::path(post, path = "/api/v1/findings/{source}/{reference}/acknowledgements", tag = "findings", request_body = NewAcknowledgement, security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("reference" = String, Path, description = "The movement's reference"),
), responses(
    (status = 200, description = "What was settled", body = AcknowledgedMovement),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No finding of such a movement is open", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn finding(
    State(admin): State<AdminState>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Json<AcknowledgedMovement>, Problem> {
    let key = paging::key(path, Code::UnknownFinding)?;
    let by = by(&admin, request).await?;
    let settled = settle_finding(&admin, &key, &by).await?;
    Ok(Json(AcknowledgedMovement { reference: key.id.to_string(), source: key.source.to_string(), settled }))
}

async fn by(admin: &AdminState, request: Request) -> Result<By, Problem> {
    let actor = RequestActor::of(&request)?;
    let NewAcknowledgement { note, by } = read(&admin.bodies, request).await?;
    actor.by(by.as_deref(), Some(&note)).map_err(invalid)
}

/// Tells which anomalies were settled.
pub(super) async fn settle_order(admin: &AdminState, order: &Key, by: &By) -> Result<Vec<String>, Problem> {
    let settled = admin.store.acknowledge(order, by).await?;
    admin.count_again();
    if settled.is_empty() {
        return Err(Problem::new(Code::UnknownOrder).detail("There is no order of this id with an anomaly."));
    }
    Ok(settled)
}

/// Tells how much was settled: of the event, or of all that failed in the way `cause` says for the same reason.
pub(super) async fn settle_event(
    admin: &AdminState,
    event: &Key,
    cause: Option<&str>,
    by: &By,
) -> Result<SettledCause, Problem> {
    paging::one_of("cause", cause, CAUSES.into_iter())?;
    let done = match cause {
        Some(outcome) => admin.store.acknowledge_cause(event, outcome, by).await?,
        None => {
            SettledCause { settled: admin.store.acknowledge_event(event, None, by).await?, is_cut: false }
        }
    };
    admin.count_again();
    if done.settled == 0 {
        let nothing = match cause {
            Some(_) => "Nothing is left that failed for the cause of an event of this id.",
            None => "There is no event of this id that is parked, dead or in conflict.",
        };
        return Err(Problem::new(Code::UnknownEvent).detail(nothing));
    }
    Ok(done)
}

/// Tells how many findings were settled.
pub(super) async fn settle_finding(admin: &AdminState, movement: &Key, by: &By) -> Result<usize, Problem> {
    let settled = admin.store.acknowledge_findings(movement, by).await?;
    admin.count_again();
    if settled == 0 {
        return Err(Problem::new(Code::UnknownFinding).detail("No finding of this movement is open."));
    }
    Ok(settled)
}

fn cause_words() -> Object {
    paging::described(CAUSES.into_iter())
}
