//! `paylatch tail`: what providers are answered by the server of these settings, as it happens.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use form_urlencoded::Serializer;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use super::context::Context;
use super::failure::{Exit, Failure};
use super::healthcheck::reachable;
use super::listing::one_of;
use super::output::{Output, Tone, printable};
use crate::config::{Needs, Settings};
use crate::http_client::{HttpClient, Limits, Tls};
use crate::order::Outcome;
use crate::secret::Secret;

const LIMITS: Limits = Limits {
    connect_within: Duration::from_secs(5),
    answer_within: Duration::from_secs(10),
    answer_bytes_max: LINE_BYTES_MAX,
};
/// The longest line of a stream, in bytes.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Something comes every 15 s, if only a comment: after twice that the server is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often, and how many times, a server that was there is asked again: it may be starting anew.
const ASK_AGAIN_EVERY: Duration = Duration::from_secs(1);
const ASK_AGAIN_MAX: u32 = 60;
/// What the stream calls a webhook that was not taken.
const REFUSED: &str = "refused";

#[derive(Args)]
pub(super) struct Tail {
    /// Only webhooks of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only events with this outcome; `refused` are the webhooks that were not taken.
    #[arg(long, value_parser = one_of(Outcome::ALL.iter().map(|outcome| outcome.as_str()).chain([REFUSED])))]
    outcome: Option<String>,
    /// Print a line of JSON for each.
    #[arg(long)]
    json: bool,
}

/// An answer, as the stream tells it.
#[derive(Debug, Deserialize)]
struct Answered {
    at: String,
    source: String,
    event: Option<String>,
    r#type: Option<String>,
    order: Option<String>,
    outcome: String,
    reason: Option<String>,
    detail: Option<String>,
    status: u16,
    took_ms: f64,
}

#[derive(Debug, Deserialize)]
struct Missed {
    missed: u64,
}

/// Prints what comes until it is interrupted, also through a restart of the server.
pub(super) async fn run(context: &Context, tail: &Tail) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    if let Some(source) = &tail.source {
        context.source(&settings, source)?;
    }
    let client = HttpClient::new(LIMITS, &Tls::default());
    let client = client.map_err(|why| Failure::new(Exit::Failed, "no_client", why))?;
    let server = format!("http://{}", reachable(settings.admin_listen));
    let mut stream = tail.ask(&client, &server, &settings).await?;
    context.output.note(format_args!("what {server} answers is shown here; Ctrl-C ends it"));
    loop {
        tell_all(context.output, tail.json, stream.into_body()).await;
        context.output.note("the stream ended; asking again");
        stream = tail.ask_again(&client, &server, &settings).await?;
    }
}

impl Tail {
    async fn ask_again(
        &self,
        client: &HttpClient,
        server: &str,
        settings: &Settings,
    ) -> Result<Response<Incoming>, Failure> {
        for _ in 1..ASK_AGAIN_MAX {
            if let Ok(stream) = self.ask(client, server, settings).await {
                return Ok(stream);
            }
            sleep(ASK_AGAIN_EVERY).await;
        }
        self.ask(client, server, settings).await
    }

    async fn ask(
        &self,
        client: &HttpClient,
        server: &str,
        settings: &Settings,
    ) -> Result<Response<Incoming>, Failure> {
        let silent = |why: String| {
            Failure::new(Exit::Unavailable, "no_server", format!("no server answers at {server}: {why}"))
                .hint("`paylatch dev` and `paylatch serve` start one; `admin_listen` says where it is looked for")
        };
        let mut request = Request::get(self.url(server)).header(header::ACCEPT, "text/event-stream");
        // The viewer's token is enough for it.
        if let Some(token) = settings.admin.view_token.as_ref().or(settings.admin.token.as_ref()) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", Secret::expose(token)));
        }
        let request = request.body(Bytes::new()).map_err(|error| silent(error.to_string()))?;
        let answer = client.open(request).await.map_err(|why| silent(why.to_string()))?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::UNAUTHORIZED => {
                Err(refused(server, 401)
                    .hint("`admin_token` or `admin_view_token` has to be the server's own"))
            }
            other => {
                Err(refused(server, other.as_u16()).hint("docs/answers.md says why, and the server's log"))
            }
        }
    }

    fn url(&self, server: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("source", &self.source), ("outcome", &self.outcome)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("{server}/api/v1/live?{}", query.finish())
    }
}

fn refused(server: &str, status: u16) -> Failure {
    Failure::new(Exit::Failed, "not_let_in", format!("{server} answers {status}"))
}

/// Prints each line of the stream until it ends.
async fn tell_all(output: Output, json: bool, mut stream: Incoming) {
    let mut unread = Vec::new();
    while let Ok(Some(Ok(frame))) = timeout(SILENCE_MAX, stream.frame()).await {
        unread.extend_from_slice(frame.data_ref().map_or(&[], |bytes| bytes));
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data: ") {
                tell(output, json, &String::from_utf8_lossy(data));
            }
        }
        if unread.len() > LINE_BYTES_MAX {
            return;
        }
    }
}

fn tell(output: Output, json: bool, data: &str) {
    if let Ok(Missed { missed }) = serde_json::from_str(data) {
        output.note(format_args!("{missed} answers came too fast to be shown"));
    } else if json {
        output.line(data.trim_end());
    } else if let Ok(answered) = serde_json::from_str::<Answered>(data) {
        output.line(answered.line(output));
    }
}

impl Answered {
    /// `11:50:17  stripe  payment_intent.succeeded evt_1  applied  order ord_1003  5.6 ms`
    fn line(&self, output: Output) -> String {
        let at = self.at.parse::<Timestamp>().unwrap_or_default();
        let time = at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string();
        let came = match &self.event {
            Some(event) => format!("{} {event}", self.r#type.as_deref().unwrap_or("an event")),
            None => "a webhook".to_owned(),
        };
        let became = match self.outcome.as_str() {
            REFUSED => output.tone(Tone::Bad, format_args!("{} refused", self.status)),
            outcome => output.tone(Tone::Strong, outcome),
        };
        let order = self.order.as_ref().map(|order| format!("order {order}"));
        let parts = [order, self.reason.clone(), self.detail.clone()];
        let about: String = parts.iter().flatten().map(|part| format!("  {}", printable(part))).collect();
        let (source, came) = (printable(&self.source), printable(&came));
        format!("{time}  {source}  {came}  {became}{about}  {:.1} ms", self.took_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answered, Output};

    #[test]
    fn what_a_sender_chose_does_not_steer_the_terminal_of_who_watches() {
        let data = r#"{"at":"2026-11-28T11:50:17Z","source":"stripe","event":"e\u001b[2J","type":"t\u202e","order":"o\u0007",
            "outcome":"applied","reason":"r\u001b","detail":null,"status":200,"took_ms":5.61}"#;
        let line = serde_json::from_str::<Answered>(data).unwrap().line(Output::new(true));
        assert!(line.contains("applied") && line.ends_with("5.6 ms"), "{line}");
        assert!(!line.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{line:?}");
    }
}
