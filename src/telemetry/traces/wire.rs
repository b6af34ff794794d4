//! Carries encoded spans to the collector, and says once per outage that it cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpError, Request, Response};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::http_client::{HttpClient, Limits, Tls};

/// The longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An HTTP client that may be asked from any thread: its work runs in the runtime that made it.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    client: HttpClient,
    runtime: Handle,
    is_out: Arc<AtomicBool>,
}

impl Wire {
    pub(super) fn new(delivery_max: Duration) -> Result<Self, String> {
        let limits = Limits {
            connect_within: delivery_max,
            answer_within: delivery_max,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let client = HttpClient::new(limits, &Tls::default())?;
        Ok(Self { client, runtime: Handle::current(), is_out: Arc::default() })
    }

    async fn deliver(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.send(request).await.map_err(HttpError::from);
        self.tell(&answer);
        answer
    }

    fn tell(&self, answer: &Result<Response<Bytes>, HttpError>) {
        let why = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status().as_u16())),
            Err(error) => Some(error.to_string()),
        };
        match (why, &self.is_out) {
            (Some(why), out) if !out.swap(true, Ordering::Relaxed) => {
                warn!(why, "the collector takes no traces; they are dropped until it does");
            }
            (None, out) if out.swap(false, Ordering::Relaxed) => info!("the collector takes traces again"),
            _ => {}
        }
    }
}

#[async_trait]
impl opentelemetry_http::HttpClient for Wire {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.spawn(self.clone().deliver(request)).await?
    }
}
