//! Sends webhooks as a provider does, and reads the answers.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Connections;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::replica::assert_no_secret;

/// Providers wait longer; a promise of the product says that they need not.
const PATIENCE: Duration = Duration::from_secs(15);

/// An HTTP client.
#[derive(Clone)]
pub struct Client {
    connections: Connections<HttpConnector, Full<Bytes>>,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub fn new() -> Self {
        Self { connections: Connections::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request, and gives what became of it: an answer, or none.
    pub async fn request(
        &self,
        method: Method,
        (server, path): (SocketAddr, &str),
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<Answer, String> {
        let uri: Uri = format!("http://{server}{path}").parse().expect("a URL");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let answer = async {
            let answer = self.connections.request(request).await.map_err(|error| format!("{error:?}"))?;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
            assert_no_secret(&format!("{:?}\n{}", head.headers, String::from_utf8_lossy(&body)));
            Ok(Answer { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(PATIENCE, answer).await.map_err(|_| "no answer within 15 s".to_owned())?
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The outcome of the webhook's only event.
    pub fn outcome(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        let answer = self.json();
        answer["receipts"][0]["outcome"].as_str().expect("an outcome").to_owned()
    }

    /// The stable word of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().expect("a code").to_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
