//! `/api/v1/orders`: orders, and one order with everything that was said about it.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};

use super::paging;
use super::state::AdminState;
use crate::http::problem::Body;
use crate::http::{Code, Problem, received_now};
use crate::order::Status;
use crate::store::{
    AnomalyFilter, EventRow, ExpectationRow, List, OrderFilter, OrderRow, OrderSettlement, Told,
    WaitingSince, WaitsFor,
};

/// Which orders.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Of this source.
    source: Option<String>,
    /// In this status, which docs/lifecycle.md explains.
    #[param(schema_with = status_words, required = false)]
    status: Option<String>,
    /// With an anomaly (`true`), without (`false`), or with this one.
    #[param(schema_with = anomaly_words, required = false)]
    anomaly: Option<String>,
    /// Whose money waits for this: for a refund to be done, an authorization to be captured, a dispute to be decided.
    #[param(schema_with = waiting_words, required = false)]
    waiting: Option<String>,
    /// With `waiting`: for longer than so many seconds.
    #[param(minimum = 0)]
    longer_than_s: Option<u32>,
    /// Behind this row: `after` of the list before.
    #[param(pattern = "/")]
    after: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A list of orders.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Orders {
    /// By id and source.
    orders: Vec<OrderRow>,
    /// Where the next list begins; null at the end. A list may be short, or empty, and yet go on: at most 2,000 rows are looked at
    /// for what few of them are.
    after: Option<String>,
}

/// An order with its events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderWithTimeline {
    #[serde(flatten)]
    order: OrderRow,
    /// Every event of the order's payments, as they arrived: what was decided, and why.
    timeline: Vec<EventRow>,
    /// What is expected of the order, and what came of it in all sources of its ledger; null where the source is not configured.
    settlement: Option<OrderSettlement>,
    /// All that was stated of what it should cost, by revision.
    expectations: Vec<ExpectationRow>,
    /// What each endpoint knows of the order.
    told: Vec<Told>,
}

/// Orders, by id and source.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(ListQuery), security((), ("token" = [])), responses(
    (status = 200, description = "The orders", body = Orders),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(admin): State<AdminState>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Orders>, Problem> {
    let which = paging::query(which)?;
    let rows = paging::rows(which.limit)?;
    paging::begins(which.after.as_deref())?;
    admin.filter_by_source(which.source.as_deref()).await?;
    paging::one_of("status", which.status.as_deref(), Status::ALL.iter().map(|status| status.as_str()))?;
    paging::one_of("anomaly", which.anomaly.as_deref(), AnomalyFilter::words())?;
    let filter = OrderFilter {
        id: None,
        source: which.source,
        status: which.status,
        anomaly: which.anomaly.as_deref().and_then(AnomalyFilter::from_word),
        unclaimed: false,
        waiting: waiting(which.waiting.as_deref(), which.longer_than_s)?,
        after: which.after,
        limit: rows,
    };
    let List { rows: orders, after, .. } = admin.store.orders(&filter).await?;
    Ok(Json(Orders { orders, after }))
}

/// One order, and every event that was said about it.
#[utoipa::path(get, path = "/api/v1/orders/{source}/{id}", tag = "orders", security((), ("token" = [])), params(
    ("source" = String, Path, description = "The source"),
    ("id" = String, Path, description = "The order's id"),
), responses(
    (status = 200, description = "The order", body = OrderWithTimeline),
    (status = 404, description = "No such order", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(AdminState { store, sources, .. }): State<AdminState>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<OrderWithTimeline>, Problem> {
    let key = paging::key(path, Code::UnknownOrder)?;
    let order = store.order(&key).await?.ok_or(Problem::new(Code::UnknownOrder))?;
    let timeline = store.timeline(&key).await?;
    let told = store.told(&key, order.version).await?;
    let ledgers = sources.ledgers();
    let (settlement, expectations) = match ledgers.of(key.source.as_str()) {
        Some(ledger) => (
            store.settlement(&key.id, ledger, &ledgers, received_now()).await?,
            store.expectations(&key.id, ledger).await?,
        ),
        None => (None, Vec::new()),
    };
    Ok(Json(OrderWithTimeline { order, timeline, settlement, expectations, told }))
}

/// What the money of the orders of a list waits for, and since before when.
fn waiting(what: Option<&str>, longer_than_s: Option<u32>) -> Result<Option<WaitingSince>, Problem> {
    paging::one_of("waiting", what, WaitsFor::ALL.iter().map(|what| what.as_str()))?;
    let age = Duration::from_secs(longer_than_s.unwrap_or_default().into());
    match what.and_then(WaitsFor::from_word) {
        Some(what) => Ok(Some(WaitingSince::longer_than(what, age, received_now()))),
        None if longer_than_s.is_some() => Err(paging::invalid("longer_than_s: expected waiting beside it")),
        None => Ok(None),
    }
}

fn anomaly_words() -> Object {
    paging::described(AnomalyFilter::words())
}

fn waiting_words() -> Object {
    paging::described(WaitsFor::ALL.iter().map(|what| what.as_str()))
}

fn status_words() -> Object {
    paging::described(Status::ALL.iter().map(|status| status.as_str()))
}
