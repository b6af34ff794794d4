//! Announcements as signed webhooks, over connections that are kept, to addresses that may be reached.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use jiff::Timestamp;

use super::Sink;
use super::signature::Signer;
use crate::announce::EndpointSettings;
use crate::announce::message::{self, Message};
use crate::announce::verdict::{Answer, retry_after};
use crate::http_client::{HttpClient, Limits, NoAnswer, Reach};
use crate::order::UnixMicros;

/// The longest answer that is read, in bytes; only its status counts.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What is kept of an answer, in characters, for whoever looks for its cause.
const SAID_CHARS_MAX: usize = 300;

/// A web server that is told.
#[derive(Debug)]
pub(super) struct Webhook {
    to: Arc<Recipient>,
    /// The body is always an array, for several may come at once.
    is_array: bool,
}

#[derive(Debug)]
struct Recipient {
    client: HttpClient,
    signer: Signer,
    url: Uri,
    headers: HeaderMap,
}

impl Webhook {
    /// # Errors
    /// Which setting of the endpoint is wrong, and why.
    pub(super) fn new(settings: &EndpointSettings) -> Result<Self, (&'static str, String)> {
        let url = address(settings.url.expose()).map_err(|problem| ("url", problem))?;
        let is_encrypted = url.scheme_str() == Some("https");
        let reach = Reach::guarded(is_encrypted, settings.allow.clone());
        reach.check_host(url.host().unwrap_or_default()).map_err(|problem| ("url", problem))?;
        let limits = Limits {
            connect_within: settings.connect_timeout,
            answer_within: settings.timeout,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let client = HttpClient::reaching(reach, limits, &settings.tls);
        let mut headers = settings.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("paylatch/", env!("CARGO_PKG_VERSION"))));
        let to = Recipient {
            client: client.map_err(|problem| ("tls_ca_file", problem))?,
            signer: Signer::new(&settings.secrets).map_err(|problem| ("secrets", problem))?,
            url,
            headers,
        };
        Ok(Self { to: Arc::new(to), is_array: settings.batch_max > 1 })
    }
}

impl Sink for Webhook {
    fn send(&self, messages: &[Message], now: UnixMicros) -> BoxFuture<'static, Answer> {
        let (id, body) = (message::id(messages), message::body(messages, self.is_array));
        let to = Arc::clone(&self.to);
        Box::pin(async move { to.post(&id, body, now).await })
    }
}

/// An address with a password in it would show the password where it is asked.
fn address(url: &str) -> Result<Uri, String> {
    let uri: Option<Uri> = url.parse().ok();
    let is_good = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    let uri = uri.filter(is_good).ok_or(
        "is no URL; expected one such as https://shop.internal/paylatch, or redis://host/?stream=NAME",
    )?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("has a user in it; expected `Authorization` in headers_file instead".to_owned());
    }
    Ok(uri)
}

impl Recipient {
    /// Asks once. The signature has the time of the attempt: receivers refuse what is minutes old.
    async fn post(&self, id: &str, body: Bytes, now: UnixMicros) -> Answer {
        let timestamp = now.0.div_euclid(1_000_000);
        let signature = self.signer.sign(id, timestamp, &body);
        let mut request = Request::new(body);
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        for (name, value) in [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string().as_str()),
            ("webhook-signature", signature.as_str()),
        ] {
            match HeaderValue::from_str(value) {
                Ok(value) => drop(request.headers_mut().insert(name, value)),
                Err(error) => return Answer::Unknown(format!("{name}: {error}")),
            }
        }
        match self.client.send(request).await {
            Ok(answer) => self.understood(&answer, now),
            Err(NoAnswer::Unknown(why)) => Answer::Unknown(why),
            Err(NoAnswer::Unreached(why)) => Answer::Away(why),
        }
    }

    fn understood(&self, answer: &Response<Bytes>, now: UnixMicros) -> Answer {
        let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let now = Timestamp::from_microsecond(now.0).unwrap_or_default();
        let status = answer.status();
        let said = if status.is_success() { String::new() } else { self.kept(answer.body()) };
        Answer::Status {
            status: status.as_u16(),
            retry_after: asked.and_then(|asked| retry_after(asked, now)),
            said,
        }
    }

    /// The beginning of an answer, without what steers a terminal, and without our own secrets if it gives them back.
    fn kept(&self, body: &[u8]) -> String {
        let text = String::from_utf8_lossy(body);
        let mut text: String =
            text.trim().chars().take(SAID_CHARS_MAX).flat_map(char::escape_debug).collect();
        for header in self.headers.values().filter(|value| value.is_sensitive()) {
            if let Ok(value) = header.to_str() {
                text = text.replace(value, "[secret]");
            }
        }
        text
    }
}
