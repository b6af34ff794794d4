//! `paylatch verify`: whether a webhook verifies, and why not.

use std::path::PathBuf;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::json;

use super::clock;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::output::{Output, printable};
use crate::config::Needs;
use crate::provider::{Rejection, Source, Webhook};

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
    match (judge(source, &webhook, verify), verify.json) {
        (Ok(told), false) => context.output.line(told),
        (Ok(_), true) => tell_verdict(context.output, None),
        (Err(rejection), false) => return Err(explain(&rejection, source, &webhook, verify)),
        (Err(rejection), true) => {
            tell_verdict(context.output, Some(rejection.reason));
            return Ok(false);
        }
    }
    Ok(true)
}

/// `{"valid":bool,"reason":...}`, for programs.
fn tell_verdict(output: Output, reason: Option<&str>) {
    output.line(format_args!(r#"{{"valid":{},"reason":{}}}"#, reason.is_none(), json!(reason)));
}

/// What a webhook that verifies says, or why it does not.
fn judge(source: &Source, webhook: &Webhook<'_>, verify: &Verify) -> Result<String, Rejection> {
    if !verify.method.eq_ignore_ascii_case("POST") {
        let detail = format!("the method is {}; webhooks come by POST", verify.method);
        return Err(Rejection { reason: "method_not_allowed", detail });
    }
    let verified = source.verify(webhook, verify.at.unwrap_or_else(clock::now_seconds))?;
    let secret = verified.secret_position + 1;
    let events = verified.events(clock::now());
    let told = events.iter().map(|event| {
        let (type_name, id) = (printable(event.type_name()), printable(event.key().id.as_str()));
        format!("\n  {type_name}  {id}")
    });
    Ok(format!("valid: signed with secret {secret} of source {}{}", source.name(), told.collect::<String>()))
}

/// The rejection, with what probably led to it.
fn explain(rejection: &Rejection, source: &Source, webhook: &Webhook<'_>, verify: &Verify) -> Failure {
    let failure =
        Failure::new(Exit::Failed, rejection.reason, format!("does not verify: {}", rejection.detail));
    match rejection.reason {
        "signature_mismatch" => match change_that_verifies(source, webhook, verify) {
            Some(change) => failure.hint(format_args!("it verifies {change}: something changed the body on its way")),
            None => failure
                .hint("each endpoint has its own signing secret: compare with the one that the provider shows for it")
                .hint("the exact bytes are signed: a proxy that formats JSON, or `curl -d` (use --data-binary), breaks it"),
        },
        "signature_missing" if webhook.headers.is_empty() => failure.hint("pass the headers: --header 'NAME: VALUE'"),
        "timestamp_stale" | "timestamp_ahead" => failure
            .hint("to verify a webhook as of when it came, pass --at UNIX_SECONDS")
            .hint("if it came just now, compare this machine's clock"),
        _ => failure,
    }
}

/// Tries what commonly happens to bodies. Only ever a hint.
fn change_that_verifies(source: &Source, webhook: &Webhook<'_>, verify: &Verify) -> Option<&'static str> {
    let body = webhook.body.to_vec();
    let mut with_newline = body.clone();
    with_newline.push(b'\n');
    let unix_lines: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\r').collect();
    let without_newlines: Vec<u8> = unix_lines.iter().copied().filter(|byte| *byte != b'\n').collect();
    let changes = [
        ("without its last line break", body.trim_ascii_end().to_vec()),
        ("with a line break at its end", with_newline),
        ("with LF for CRLF", unix_lines),
        ("without line breaks", without_newlines),
    ];
    let verifies = |body: Vec<u8>| judge(source, &Webhook { body: &body.into(), ..*webhook }, verify).is_ok();
    changes.into_iter().find_map(|(change, body)| verifies(body).then_some(change))
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
