//! The body that a request gives: JSON, or the fields of a page's form.

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
    essence(headers).is_some_and(|kind| kind == "application/json")
}

/// The type of a body, without its parameters, in lower case.
fn essence(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    kind.split(';').next().map(|essence| essence.trim().to_ascii_lowercase())
}

/// Reads what a form of a page was filled in with.
pub(super) async fn form(limits: &BodyLimits, request: Request) -> Result<Form, Problem> {
    if essence(request.headers()).is_none_or(|kind| kind != "application/x-www-form-urlencoded") {
        return Err(Problem::new(Code::BodyInvalid).detail("expected a form"));
    }
    let client = *request.extensions().get::<Peer>().ok_or(Code::Internal)?;
    let body = limits.read(request.into_body(), client).await?;
    Ok(Form(form_urlencoded::parse(&body.bytes).into_owned().collect()))
}

/// The fields of a form.
#[derive(Debug, Clone)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// What a field was filled in with; nothing where that is blank.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }
}

/// The id in a field.
pub(super) fn id(field: &str, text: &str) -> Result<Id, Problem> {
    Id::new(text).map_err(|bad| invalid(format!("{field} {bad}; expected 1 to 255 printable characters")))
}

/// A body that is not what is expected.
pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BodyInvalid).detail(detail)
}
