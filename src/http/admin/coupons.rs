//! `/api/v1/coupons`: limited offers, and who has redeemed them.
//!
//! These are the only routes that change anything, and a page in a local browser may send a form to an address of this
//! machine. A form cannot be `application/json`, and a page that asks to send that, or DELETE, is never answered yes: so
//! the type of the body is required and not only expected.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::request_body::{id, invalid, read, whole};
use crate::http::body::BodyLimits;
use crate::http::connection::apart;
use crate::http::problem::Body;
use crate::http::public::only_get;
use crate::http::{Code, Problem};
use crate::intake::Intake;
use crate::order::{Id, Redeemed, Redemption};
use crate::store::{CouponRow, Store};

/// The largest body, in bytes: three names of 255 characters fit, even with every character escaped.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// All bodies that are being read, in bytes.
const BODIES_BYTES_MAX: usize = 64 * BODY_BYTES_MAX;

/// What coupons are served with. Redemptions go through intake, which commits those that come together in one group.
#[derive(Debug, Clone)]
pub(super) struct CouponsState {
    store: Store,
    intake: Intake,
    limits: BodyLimits,
}

/// A coupon to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCoupon {
    /// What the customer enters: 1 to 255 characters.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    code: String,
    /// How many redeemers there may be.
    #[schema(minimum = 0)]
    #[serde(deserialize_with = "whole")]
    max_redemptions: i64,
}

/// Who wants to redeem a coupon.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRedemption {
    /// Who: a customer, a card, a cart, as the merchant counts. Each has a coupon once.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    redeemer: String,
    /// For which order.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    order: Option<String>,
}

/// That a redeemer has a coupon.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Redemption)]
pub(super) struct RedemptionBody {
    code: String,
    redeemer: String,
    /// For which order the redeemer has it: with `held`, the order that was named when it was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    order: Option<String>,
    /// `granted` now, or `held` since before.
    outcome: &'static str,
}

/// The routes of coupons.
pub(super) fn routes(store: Store, intake: Intake) -> Router {
    Router::new()
        .route("/api/v1/coupons", post(create).fallback(only_post))
        .route("/api/v1/coupons/{code}", get(one).fallback(only_get))
        .route("/api/v1/coupons/{code}/redemptions", post(redeem).fallback(only_post))
        .route("/api/v1/coupons/{code}/redemptions/{redeemer}", delete(give_back).fallback(only_delete))
        .with_state(CouponsState {
            store,
            intake,
            limits: BodyLimits::new(BODY_BYTES_MAX, BODIES_BYTES_MAX, BODIES_BYTES_MAX),
        })
        .layer(from_fn(apart))
}

/// Creates a coupon. Sent again, it changes nothing.
#[utoipa::path(post, path = "/api/v1/coupons", tag = "coupons", request_body = NewCoupon, security((), ("token" = [])), responses(
    (status = 201, description = "The coupon was created", body = CouponRow),
    (status = 200, description = "It was there already", body = CouponRow),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 409, description = "It is there, with another `max_redemptions`", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(state): State<CouponsState>,
    request: Request,
) -> Result<(StatusCode, Json<CouponRow>), Problem> {
    let NewCoupon { code, max_redemptions } = read(&state.limits, request).await?;
    let code = id("code", &code)?;
    if max_redemptions < 0 {
        return Err(invalid("max_redemptions: expected 0 or more"));
    }
    let (coupon, is_new) = state.store.create_coupon(&code, max_redemptions).await?;
    if coupon.max_redemptions != max_redemptions {
        let stands = format!("its max_redemptions is {}", coupon.max_redemptions);
        return Err(Problem::new(Code::CouponDiffers).detail(stands));
    }
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(coupon)))
}

/// A coupon, and how often it was redeemed.
#[utoipa::path(get, path = "/api/v1/coupons/{code}", tag = "coupons", security((), ("token" = [])), params(
    ("code" = String, Path, description = "The coupon"),
), responses(
    (status = 200, description = "The coupon", body = CouponRow),
    (status = 404, description = "No such coupon", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn one(
    State(state): State<CouponsState>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<CouponRow>, Problem> {
    let code = code_of(path)?;
    state.store.coupon(&code).await?.map(Json).ok_or(Code::UnknownCoupon.into())
}

/// Redeems a coupon. Sent again, it tells that the redeemer has it, and for which order.
#[utoipa::path(post, path = "/api/v1/coupons/{code}/redemptions", tag = "coupons", request_body = NewRedemption, security((), ("token" = [])), params(
    ("code" = String, Path, description = "The coupon"),
), responses(
    (status = 201, description = "The redeemer has it now", body = RedemptionBody),
    (status = 200, description = "The redeemer had it already", body = RedemptionBody),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 404, description = "No such coupon", body = Body, content_type = "application/problem+json"),
    (status = 409, description = "Nothing is left", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
    (status = 503, description = "It is not known to be redeemed: send it again", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn redeem(
    State(state): State<CouponsState>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<(StatusCode, Json<RedemptionBody>), Problem> {
    let code = code_of(path)?;
    let NewRedemption { redeemer, order } = read(&state.limits, request).await?;
    let redeemer = id("redeemer", &redeemer)?;
    let order = order.map(|order| id("order", &order)).transpose()?;
    let redemption = Redemption { code, redeemer, order };
    let redeemed = state.intake.redeem(redemption.clone(), Instant::now()).await.map_err(Code::from)?;
    let Redemption { code, redeemer, order } = redemption;
    let (status, order) = match redeemed {
        Redeemed::Granted => (StatusCode::CREATED, order.map(|order| order.to_string())),
        Redeemed::Held => (StatusCode::OK, state.store.order_of_redemption(&code, &redeemer).await?),
        Redeemed::SoldOut => return Err(Code::SoldOut.into()),
        Redeemed::Unknown => return Err(Code::UnknownCoupon.into()),
    };
    let outcome = redeemed.as_str();
    Ok((
        status,
        Json(RedemptionBody { code: code.to_string(), redeemer: redeemer.to_string(), order, outcome }),
    ))
}

/// Takes a redemption back, so that another redeemer may have it.
#[utoipa::path(delete, path = "/api/v1/coupons/{code}/redemptions/{redeemer}", tag = "coupons", security((), ("token" = [])), params(
    ("code" = String, Path, description = "The coupon"),
    ("redeemer" = String, Path, description = "Who has it"),
), responses(
    (status = 204, description = "The redeemer has it no more"),
    (status = 404, description = "The redeemer does not have it", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn give_back(
    State(state): State<CouponsState>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let names =
        path.ok().and_then(|Path((code, redeemer))| Some((Id::new(&code).ok()?, Id::new(&redeemer).ok()?)));
    let (code, redeemer) = names.ok_or(Problem::new(Code::UnknownRedemption))?;
    if state.store.give_back(&code, &redeemer).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Code::UnknownRedemption.into())
    }
}

/// The coupon that a path names. What cannot be a code is no coupon's.
fn code_of(path: Result<Path<String>, PathRejection>) -> Result<Id, Problem> {
    let code = path.ok().and_then(|Path(code)| Id::new(&code).ok());
    code.ok_or(Code::UnknownCoupon.into())
}

pub(super) async fn only_post() -> Problem {
    Problem::method_not_allowed("POST")
}

async fn only_delete() -> Problem {
    Problem::method_not_allowed("DELETE")
}
