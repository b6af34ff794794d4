//! A name for each request, in its answer and in the log: its sender's or the proxy's own, or one that is made here.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, in requests and in answers.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer one is not taken over.
const BYTES_MAX: usize = 64;

/// What a request is called. The request's own header is left as it is: a provider may have signed it.
#[derive(Debug, Clone)]
pub(super) enum RequestId {
    /// By the request itself, if it is plain.
    Brought(HeaderValue),
    /// Here.
    Made(u64),
}

impl RequestId {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let brought = headers.get(REQUEST_ID).filter(|value| is_plain(value.as_bytes()));
        brought.map_or_else(|| Self::Made(rand::random()), |value| Self::Brought(value.clone()))
    }

    pub(super) fn header(&self) -> HeaderValue {
        match self {
            Self::Brought(value) => value.clone(),
            Self::Made(_) => HeaderValue::from_str(&self.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("unnamed")),
        }
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Brought(value) => f.write_str(value.to_str().unwrap_or_default()),
            Self::Made(number) => write!(f, "{number:016x}"),
        }
    }
}

fn is_plain(id: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= BYTES_MAX && id.iter().all(is_allowed)
}
