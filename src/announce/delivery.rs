//! Sends what an endpoint is told: signed, over connections that are kept, to addresses that may be reached.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use jiff::Timestamp;

use super::EndpointSettings;
use super::signature::Signer;
use super::verdict::{Answer, retry_after};
use crate::http_client::{HttpClient, Limits, NoAnswer, Reach};
use crate::order::UnixMicros;

/// The longest answer that is read, in bytes; only its status counts.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// What is kept of an answer, in characters, for whoever looks for its cause.
const SAID_CHARS_MAX: usize = 300;

/// The way to one endpoint.
#[derive(Debug)]
pub(super) struct Delivery {
    client: HttpClient,
    signer: Signer,
    url: Uri,
    headers: HeaderMap,
}

impl Delivery {
    /// # Errors
    /// Which setting of the endpoint is wrong, and why.
    pub(super) fn new(settings: &EndpointSettings) -> Result<Self, (&'static str, String)> {
        let url = settings.url.clone();
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
        Ok(Self {
            client: client.map_err(|problem| ("tls_ca_file", problem))?,
            signer: Signer::new(&settings.secrets).map_err(|problem| ("secrets", problem))?,
            url,
            headers,
        })
    }

    /// Tries once. The signature has the time of the attempt: receivers refuse what is minutes old.
    pub(super) async fn send(&self, id: &str, body: Bytes, now: UnixMicros) -> Answer {
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
            Err(NoAnswer::Unreached(why)) => Answer::Unreached(why),
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
