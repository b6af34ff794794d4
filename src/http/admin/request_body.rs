//! Reads the body of a request within limits: JSON, lines of JSON, or the fields of a page's form.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use crate::http::body::{BodyLimits, BufferedBody};
use crate::http::peers::Peer;
use crate::http::{Code, Problem};
use crate::order::Id;

/// Lines of a body of many at most.
const LINES_MAX: usize = 1_000;

/// What a line of JSON for each of many is called; there is no registered name.
const LINES: [&str; 4] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"];

/// Reads a JSON body against its limits.
pub(super) async fn read<T: DeserializeOwned>(limits: &BodyLimits, request: Request) -> Result<T, Problem> {
    let body = read_body(limits, request, &["application/json"]).await?;
    let Json(value) = Json::from_bytes(&body.bytes).map_err(|rejection| invalid(rejection.body_text()))?;
    Ok(value)
}

/// Reads a body of which each line is JSON, by `read_line`; blank ones are passed over.
pub(super) async fn read_lines<T>(
    limits: &BodyLimits,
    request: Request,
    read_line: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Vec<T>, Problem> {
    let body = read_body(limits, request, &LINES).await?;
    let lines = body.bytes.split(|byte| *byte == b'\n').zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    if lines.clone().count() > LINES_MAX {
        return Err(invalid(format!("expected at most {LINES_MAX} lines")));
    }
    let read =
        |(line, n): (&[u8], u32)| read_line(line).map_err(|problem| invalid(format!("line {n}: {problem}")));
    lines.map(read).collect()
}

/// Reads a body of one of these kinds: a form cannot be one, and whatever asks to send one is never answered yes.
async fn read_body(limits: &BodyLimits, request: Request, kinds: &[&str]) -> Result<BufferedBody, Problem> {
    if essence(request.headers()).is_none_or(|kind| !kinds.contains(&kind.as_str())) {
        return Err(
            Problem::new(Code::NotJson).detail(format!("expected Content-Type: {}", kinds.join(" or ")))
        );
    }
    let client = *request.extensions().get::<Peer>().ok_or(Code::Internal)?;
    Ok(limits.read(request.into_body(), client).await?)
}

/// A whole number, however JSON spells it: to JSON Schema `100.0` is an integer too.
pub(super) fn whole<'de, D: Deserializer<'de>>(value: D) -> Result<i64, D::Error> {
    let number = Number::deserialize(value)?;
    let text = number.to_string();
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    digits.parse().map_err(|_| Error::custom(format!("{number} is no whole number")))
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
