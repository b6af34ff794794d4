//! Signs webhooks and sends them over HTTP, as a provider would.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Uri, header};
use serde::Deserialize;
use tokio::time::sleep;

use super::context::now_seconds;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use crate::config::Settings;
use crate::http_client::{HttpClient, Limits, Tls};
use crate::provider::{Signed, Source};

/// A provider has its answer within 5 s; twice that means that nothing answers.
const LIMITS: Limits = Limits {
    connect_within: Duration::from_secs(5),
    answer_within: Duration::from_secs(10),
    answer_bytes_max: 4 * 1024 * 1024,
};
/// How often a webhook is sent again after 503.
const RETRIES_MAX: usize = 5;
/// The longest `Retry-After` that is honoured.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);

/// Sends webhooks of one source to one URL. Cheap to clone: connections are shared.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    client: HttpClient,
    url: Uri,
    source: Source,
}

/// What became of one webhook that was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// The file that it came from.
    pub(super) fixture: String,
    /// The answer, or why there is none.
    pub(super) answer: Result<Answer, String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) receipts: Vec<Receipt>,
    /// What a refusal says.
    pub(super) title: String,
}

/// What the server says about one event.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Receipt {
    pub(super) event: String,
    pub(super) order: Option<String>,
    pub(super) outcome: String,
    pub(super) reason: Option<String>,
}

/// The body of an answer, of either kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnswerBody {
    receipts: Vec<Receipt>,
    title: String,
}

impl Sent {
    /// Whether the server took it.
    pub(super) fn is_accepted(&self) -> bool {
        self.answer.as_ref().is_ok_and(|answer| (200..300).contains(&answer.status))
    }

    /// Why it did not.
    pub(super) fn why(&self) -> String {
        match &self.answer {
            Ok(answer) => format!("{} {}", answer.status, answer.title),
            Err(problem) => problem.clone(),
        }
    }
}

impl Sender {
    pub(super) fn new(source: Source, url: Uri) -> Result<Self, Failure> {
        let client = HttpClient::new(LIMITS, &Tls::default());
        let client = client.map_err(|why| Failure::new(Exit::Failed, "no_client", why))?;
        Ok(Self { client, url, source })
    }

    /// Sends all `fixtures` with at most `concurrency` at once, and calls `progress` after each. The results are in the
    /// order of the fixtures.
    pub(super) async fn send_all(
        &self,
        fixtures: Vec<Fixture>,
        concurrency: usize,
        progress: impl Fn() + Clone + Send + 'static,
    ) -> Vec<Sent> {
        let count = fixtures.len();
        let shared = std::sync::Arc::new((fixtures, AtomicUsize::new(0)));
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..concurrency.clamp(1, count.max(1)) {
            let (sender, shared, progress) = (self.clone(), shared.clone(), progress.clone());
            workers.spawn(async move {
                let (fixtures, next) = &*shared;
                let mut sent = Vec::new();
                loop {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fixture) = fixtures.get(position) else { return sent };
                    sent.push((position, sender.send(fixture).await));
                    progress();
                }
            });
        }
        let mut sent: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
        sent.sort_by_key(|(position, _)| *position);
        sent.into_iter().map(|(_, sent)| sent).collect()
    }

    /// Sends one webhook; after 503 again, when the server says so.
    async fn send(&self, fixture: &Fixture) -> Sent {
        let mut retries = 0;
        let answer = loop {
            match self.attempt(fixture).await {
                Ok((answer, Some(retry_after))) if answer.status == 503 && retries < RETRIES_MAX => {
                    retries += 1;
                    sleep(retry_after.min(RETRY_AFTER_MAX)).await;
                }
                Ok((answer, _)) => break Ok(answer),
                Err(problem) => break Err(problem),
            }
        };
        Sent { fixture: fixture.name(), answer }
    }

    /// Signs anew, for the signature tells the time.
    async fn attempt(&self, fixture: &Fixture) -> Result<(Answer, Option<Duration>), String> {
        let path_and_query = self.url.path_and_query().map_or("/", |path| path.as_str());
        let Signed { headers, body } =
            self.source.sign_again(path_and_query, &fixture.headers, &fixture.body, now_seconds());
        let mut request = Request::post(&self.url);
        for (name, value) in content_type(&headers, &body).iter().chain(&headers) {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        let answer = self.client.send(request).await.map_err(|why| why.to_string())?;
        let retry_after = answer.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let AnswerBody { receipts, title } = serde_json::from_slice(answer.body()).unwrap_or_default();
        let status = answer.status().as_u16();
        Ok((Answer { status, receipts, title }, retry_after.map(Duration::from_secs)))
    }
}

/// The header that says what the body is, unless the provider's own headers do.
pub(super) fn content_type(headers: &[(String, String)], body: &[u8]) -> Option<(String, String)> {
    let is_told = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => "application/json",
        Some(b'<') => "application/xml",
        Some(_) | None => "application/x-www-form-urlencoded",
    };
    (!is_told).then(|| ("Content-Type".to_owned(), kind.to_owned()))
}

/// Where `source`'s webhooks go: `url` as it is, or with the usual path if it has none; else the configured listener.
pub(super) fn webhook_url(url: Option<&str>, settings: &Settings, source: &Source) -> Result<Uri, Failure> {
    let scheme = if settings.http.tls.is_some() { "https" } else { "http" };
    let own = format!("{scheme}://{}", settings.listen);
    let text = url.unwrap_or(&own);
    let wrong = |problem: &str| {
        Failure::new(Exit::Usage, "wrong_url", format!("{text:?} {problem}"))
            .hint("expected a URL such as http://127.0.0.1:8080")
    };
    let parsed: Uri = text.parse().map_err(|_| wrong("is no URL"))?;
    let (Some(scheme), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
        return Err(wrong("names no server"));
    };
    if parsed.path() == "/" && parsed.query().is_none() {
        let with_path = format!("{scheme}://{authority}/webhooks/{}", source.name());
        return with_path.parse().map_err(|_| wrong("is no URL"));
    }
    Ok(parsed)
}
