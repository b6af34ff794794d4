//! `/api/v1/expectations`: what the merchant says an order should cost, and what came of it. `/api/v1/settlements`: all of them.
//!
//! A shop must not let a checkout depend on it: whoever is answered 503 states it later. Whatever order it is stated in, the
//! highest revision counts.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};

use super::coupons::only_post;
use super::paging;
use super::request_body::{invalid, read, read_lines};
use super::state::AdminState;
use super::terms::{NewExpectation, NewTerms};
use crate::http::body::BodyLimits;
use crate::http::connection::apart;
use crate::http::problem::Body;
use crate::http::public::only_get;
use crate::http::{Code, Problem, Sources, received_now};
use crate::order::{Expectation, Id, Settlement, SettlementAnomaly, Stated};
use crate::store::{List, OrderSettlement, SettlementFilter, SettlementRow, Store};

/// The largest body, in bytes: so many lines as are taken, each with the longest names.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// All bodies that are being read, in bytes.
const BODIES_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;

/// What expectations are kept with.
#[derive(Debug, Clone)]
pub(super) struct ExpectationsState {
    store: Store,
    sources: Sources,
    limits: BodyLimits,
}

/// What became of a statement.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatedExpectation {
    /// `stated` now, `held` since before, or `superseded` by a higher revision.
    outcome: &'static str,
    #[serde(flatten)]
    settlement: OrderSettlement,
}

/// What became of each statement, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatedLines {
    expectations: Vec<StatedLine>,
}

/// What became of one of many.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatedLine {
    ledger: String,
    order: String,
    revision: i64,
    /// `stated`, `held`, `superseded`; or `conflict`: this revision stands with other terms, which count.
    outcome: &'static str,
}

/// Which settlements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Of this ledger.
    ledger: Option<String>,
    /// What came of the expectation.
    #[param(schema_with = settlement_words, required = false)]
    settlement: Option<String>,
    /// With this anomaly.
    #[param(schema_with = anomaly_words, required = false)]
    anomaly: Option<String>,
    /// Behind this row: `after` of the list before.
    #[param(pattern = "/")]
    after: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// A list of settlements.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Settlements {
    /// By order and ledger.
    settlements: Vec<SettlementRow>,
    /// Where the next list begins; null at the end.
    after: Option<String>,
}

pub(super) fn routes(admin: &AdminState) -> Router {
    let limits = BodyLimits::new(BODY_BYTES_MAX, BODIES_BYTES_MAX, BODIES_BYTES_MAX);
    Router::new()
        .route("/api/v1/expectations", post(create_many).fallback(only_post))
        .route("/api/v1/expectations/{ledger}/{order}", get(one).put(create).fallback(only_get_and_put))
        .route("/api/v1/expectations/{ledger}/{order}/returned", post(returned).fallback(only_post))
        .route("/api/v1/settlements", get(list).fallback(only_get))
        .with_state(ExpectationsState { store: admin.store.clone(), sources: admin.sources.clone(), limits })
        .layer(from_fn(apart))
}

/// States what an order should cost. Of several statements the highest revision counts.
#[utoipa::path(put, path = "/api/v1/expectations/{ledger}/{order}", tag = "expectations", request_body = NewTerms, security((), ("token" = [])), params(
    ("ledger" = String, Path, description = "The ledger: that of its sources, by default a source's own name"),
    ("order" = String, Path, description = "The merchant's id of the order"),
), responses(
    (status = 201, description = "It counts from now on", body = StatedExpectation),
    (status = 200, description = "It stood already, or a higher revision counts", body = StatedExpectation),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No source is in this ledger", body = Body, content_type = "application/problem+json"),
    (status = 409, description = "This revision stands with other terms, which count", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(state): State<ExpectationsState>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<(StatusCode, Json<StatedExpectation>), Problem> {
    let (ledger, order) = state.order(path)?;
    let terms: NewTerms = read(&state.limits, request).await?;
    let expectation = terms.expected_of(order.clone(), ledger.clone()).map_err(invalid)?;
    let stated = state.store.state(&[expectation]).await?;
    let stated = stated.first().copied().ok_or(Code::Internal)?;
    let status = match stated {
        Stated::Stated => StatusCode::CREATED,
        Stated::Held | Stated::Superseded => StatusCode::OK,
        Stated::Conflict => return Err(Code::ExpectationConflict.into()),
    };
    let settlement = state.settlement(&order, &ledger).await?;
    Ok((status, Json(StatedExpectation { outcome: stated.as_str(), settlement })))
}

/// What is expected of an order, what came of it, and its rows in the sources of the ledger.
#[utoipa::path(get, path = "/api/v1/expectations/{ledger}/{order}", tag = "expectations", security((), ("token" = [])), params(
    ("ledger" = String, Path, description = "The ledger"),
    ("order" = String, Path, description = "The merchant's id of the order"),
), responses(
    (status = 200, description = "The order", body = OrderSettlement),
    (status = 404, description = "No source is in this ledger, or nothing is known of the order", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(state): State<ExpectationsState>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<OrderSettlement>, Problem> {
    let (ledger, order) = state.order(path)?;
    let settlement = state.settlement(&order, &ledger).await?;
    let is_known =
        settlement.expected.is_some() || settlement.returned_at.is_some() || !settlement.orders.is_empty();
    if is_known { Ok(Json(settlement)) } else { Err(Code::UnknownOrder.into()) }
}

/// The customer came back from the provider: an event of the order is due in ten minutes. The first time stands.
#[utoipa::path(post, path = "/api/v1/expectations/{ledger}/{order}/returned", tag = "expectations", security((), ("token" = [])), params(
    ("ledger" = String, Path, description = "The ledger"),
    ("order" = String, Path, description = "The merchant's id of the order"),
), responses(
    (status = 200, description = "The order", body = OrderSettlement),
    (status = 404, description = "No source is in this ledger", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn returned(
    State(state): State<ExpectationsState>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<OrderSettlement>, Problem> {
    let (ledger, order) = state.order(path)?;
    state.store.customer_returned(&order, &ledger, received_now()).await?;
    Ok(Json(state.settlement(&order, &ledger).await?))
}

/// States what many orders should cost: a line of JSON for each, at most 1,000. All are kept, or none.
#[utoipa::path(post, path = "/api/v1/expectations", tag = "expectations",
    request_body(content = NewExpectation, content_type = "application/x-ndjson"), security((), ("token" = [])), responses(
    (status = 200, description = "What became of each", body = StatedLines),
    (status = 400, description = "A line cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "A line names a ledger that no source is in", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/x-ndjson`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn create_many(
    State(state): State<ExpectationsState>,
    request: Request,
) -> Result<Json<StatedLines>, Problem> {
    let expectations = read_lines(&state.limits, request, NewExpectation::read).await?;
    let ledgers = state.sources.ledgers();
    let unknown = expectations.iter().find(|own| ledgers.sources(own.ledger.as_str()).is_none());
    if let Some(Expectation { ledger, .. }) = unknown {
        return Err(state.unknown_ledger(&format!("{ledger} is none; ")));
    }
    let stated = state.store.state(&expectations).await?;
    let answers = expectations.iter().zip(stated).map(|(own, stated)| StatedLine {
        ledger: own.ledger.to_string(),
        order: own.order.to_string(),
        revision: own.revision,
        outcome: stated.as_str(),
    });
    Ok(Json(StatedLines { expectations: answers.collect() }))
}

/// What came of what is expected, by order and ledger; a moment behind the webhooks.
#[utoipa::path(get, path = "/api/v1/settlements", tag = "expectations", params(ListQuery), security((), ("token" = [])), responses(
    (status = 200, description = "The settlements", body = Settlements),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<ExpectationsState>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Settlements>, Problem> {
    let ListQuery { ledger, settlement, anomaly, after, limit } = paging::query(which)?;
    let rows = paging::rows(limit)?;
    paging::begins(after.as_deref())?;
    paging::one_of("settlement", settlement.as_deref(), Settlement::ALL.iter().map(|word| word.as_str()))?;
    paging::one_of("anomaly", anomaly.as_deref(), SettlementAnomaly::ALL.iter().map(|word| word.as_str()))?;
    let filter = SettlementFilter { ledger, settlement, anomaly, after, limit: rows };
    let List { rows: settlements, after, .. } = state.store.settlements(&filter).await?;
    Ok(Json(Settlements { settlements, after }))
}

impl ExpectationsState {
    /// The ledger and the order that a path names.
    fn order(&self, path: Result<Path<(String, String)>, PathRejection>) -> Result<(Id, Id), Problem> {
        let ledgers = self.sources.ledgers();
        let Ok(Path((ledger, order))) = path else { return Err(Code::UnknownLedger.into()) };
        let ledger = Id::new(&ledger).ok().filter(|ledger| ledgers.sources(ledger.as_str()).is_some());
        let ledger = ledger.ok_or_else(|| self.unknown_ledger(""))?;
        let order = Id::new(&order).map_err(|_| Problem::new(Code::UnknownOrder))?;
        Ok((ledger, order))
    }

    fn unknown_ledger(&self, found: &str) -> Problem {
        let ledgers = self.sources.ledgers();
        let names: Vec<&str> = ledgers.names().map(Id::as_str).collect();
        Problem::new(Code::UnknownLedger).detail(format!("{found}expected one of {}", names.join(", ")))
    }

    async fn settlement(&self, order: &Id, ledger: &Id) -> Result<OrderSettlement, Problem> {
        let ledgers = self.sources.ledgers();
        let settlement = self.store.settlement(order, ledger, &ledgers, received_now()).await?;
        settlement.ok_or(Code::UnknownLedger.into())
    }
}

fn settlement_words() -> Object {
    paging::described(Settlement::ALL.iter().map(|word| word.as_str()))
}

fn anomaly_words() -> Object {
    paging::described(SettlementAnomaly::ALL.iter().map(|word| word.as_str()))
}

async fn only_get_and_put() -> Problem {
    Problem::method_not_allowed("GET, PUT")
}
