//! The JSON body that a request gives.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::http::body::BodyLimits;
use crate::http::peers::Peer;
use crate::http::{Code, Problem};
use crate::order::Id;

/// Reads a JSON body against its limits.
pub(super) async fn read<T: DeserializeOwned>(limits: &BodyLimits, request: Request) -> Result<T, Problem> {
    if !is_json(request.headers()) {
        return Err(Code::NotJson.into());
    }
    let client = *request.extensions().get::<Peer>().ok_or(Code::Internal)?;
    let body = limits.read(request.into_body(), client).await?;
    let Json(value) = Json::from_bytes(&body.bytes).map_err(|rejection| invalid(rejection.body_text()))?;
    Ok(value)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The id in a field.
pub(super) fn id(field: &str, text: &str) -> Result<Id, Problem> {
    Id::new(text).map_err(|bad| invalid(format!("{field} {bad}; expected 1 to 255 printable characters")))
}

/// A body that is not what is expected.
pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BodyInvalid).detail(detail)
}
