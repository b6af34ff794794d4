//! `paylatch verify`: whether a webhook verifies, and why not.

use std::path::PathBuf;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::json;

use super::context::{Context, now_micros, now_seconds};
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::output::printable;
use crate::config::Needs;
use crate::provider::{Diagnosis, Rejection, Source, Webhook};

#[derive(Args)]
pub(super) struct Verify {
    /// The source whose secrets are tried.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// The file with the exact bytes of the body.
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// A header as it came; may be repeated.
    #[arg(long = "header", short = 'H', value_name = "K: V")]
    headers: Vec<String>,
    /// The URL as the provider called it, for providers that sign it.
    #[arg(long)]
    url: Option<String>,
    /// The request's method.
    #[arg(long, default_value = "POST")]
    method: String,
    /// The time to verify at [default: now].
    #[arg(long, value_name = "UNIX_SECONDS")]
    at: Option<i64>,
    /// Print {"valid":bool,"reason":...}.
    #[arg(long)]
    json: bool,
}

/// Says whether the webhook verifies; tells whether it does.
pub(super) fn run(context: &Context, verify: &Verify) -> Result<bool, Failure> {
    let fixture = Fixture::read(&verify.body)?;
    let headers = verify.headers.iter().map(|header| parse_header(header)).collect::<Result<Vec<_>, _>>()?;
    let headers: HeaderMap = headers.into_iter().collect();
    let path_and_query = path_and_query(verify)?;
    let settings = context.settings_or_dev(Needs::default())?;
    let source = context.source(&settings, &verify.source)?;
    let webhook = Webhook { path_and_query: &path_and_query, headers: &headers, body: &fixture.body };
    let now = verify.at.unwrap_or_else(now_seconds);
    let rejection = match (judge(source, &webhook, now, &verify.method), verify.json) {
        (Ok(told), false) => {
            context.output.line(told);
            return Ok(true);
        }
        (Ok(_), true) => {
            context.output.line(r#"{"valid":true,"reason":null}"#);
            return Ok(true);
        }
        (Err(rejection), _) => rejection,
    };
    let diagnosis = source.diagnose(&rejection, &webhook, now, &settings.sources);
    if !verify.json {
        return Err(explain(&rejection, diagnosis, &webhook));
    }
    let (cause, detail) = diagnosis.map(|found| (found.cause.as_str(), found.detail)).unzip();
    let verdict = json!({ "valid": false, "reason": rejection.reason, "cause": cause, "detail": detail });
    context.output.line(verdict);
    Ok(false)
}

/// What a webhook that verifies says, or why it does not.
fn judge(source: &Source, webhook: &Webhook<'_>, now: i64, method: &str) -> Result<String, Rejection> {
    if !method.eq_ignore_ascii_case("POST") {
        let detail = format!("the method is {method}; webhooks come by POST");
        return Err(Rejection { reason: "method_not_allowed", detail });
    }
    let verified = source.verify(webhook, now)?;
    let secret = verified.secret_position + 1;
    let events = verified.events(now_micros());
    let told = events.iter().map(|event| {
        let (type_name, id) = (printable(event.type_name()), printable(event.key().id.as_str()));
        format!("\n  {type_name}  {id}")
    });
    Ok(format!("valid: signed with secret {secret} of source {}{}", source.name(), told.collect::<String>()))
}

/// The rejection, with what probably led to it.
fn explain(rejection: &Rejection, diagnosis: Option<Diagnosis>, webhook: &Webhook<'_>) -> Failure {
    let message = format!("does not verify: {}", rejection.detail);
    let failure = Failure::new(Exit::Failed, rejection.reason, message);
    let failure = match diagnosis {
        Some(Diagnosis { cause, detail }) => failure.fact(format_args!("cause: {cause}")).hint(detail),
        None => failure,
    };
    match rejection.reason {
        "signature_missing" if webhook.headers.is_empty() => {
            failure.hint("pass the headers: --header 'NAME: VALUE'")
        }
        "timestamp_stale" | "timestamp_ahead" => {
            failure.hint("to verify a webhook as of when it came, pass --at UNIX_SECONDS")
        }
        _ => failure,
    }
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let parsed = text.split_once(':').and_then(|(name, value)| {
        Some((name.trim().parse().ok()?, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?))
    });
    parsed.ok_or_else(|| {
        Failure::new(Exit::Usage, "wrong_header", format!("{text:?} is no header"))
            .hint("expected 'NAME: VALUE'")
    })
}

fn path_and_query(verify: &Verify) -> Result<String, Failure> {
    let Some(url) = &verify.url else { return Ok(format!("/webhooks/{}", verify.source)) };
    let wrong = |_| Failure::new(Exit::Usage, "wrong_url", format!("{url:?} is no URL"));
    let uri: Uri = url.parse().map_err(wrong)?;
    Ok(uri.path_and_query().map_or("/", |path| path.as_str()).to_owned())
}
