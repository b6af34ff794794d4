//! A name for each request, in its answer and in the log: its sender's or the proxy's own, or one that is made here.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, in requests and in answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer one is not taken over.
const BYTES_MAX: usize = 64;

/// What a request is called. The request's own header is left as it is: a provider may have signed it.
#[derive(Debug, Clone)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    /// The one that the request brings, if it is plain, else a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let brought = headers.get(REQUEST_ID).filter(|value| is_plain(value.as_bytes()));
        Self(brought.cloned().unwrap_or_else(made))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.to_str().unwrap_or_default())
    }
}

fn is_plain(id: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= BYTES_MAX && id.iter().all(is_allowed)
}

fn made() -> HeaderValue {
    let id = format!("{:016x}", rand::random::<u64>());
    HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
}
