//! etcd's JSON gateway: its gRPC interface over plain HTTP, without a compiler for protocol buffers.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::lock::contract::Failure;
use crate::secret::Secret;

/// The members of one etcd cluster. Calls go to one of them, and to the next after it failed.
#[derive(Debug)]
pub(super) struct Gateway {
    client: Client<HttpConnector, Full<Bytes>>,
    members: Vec<String>,
    turn: AtomicUsize,
    call_timeout: Duration,
}

impl Gateway {
    pub(super) fn new(urls: &[Secret], call_timeout: Duration) -> Result<Self, String> {
        let members = urls.iter().map(|url| member(url.expose())).collect::<Result<Vec<_>, _>>()?;
        if members.is_empty() {
            return Err(format!("lock.urls is empty, {EXPECTED}"));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(call_timeout));
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client, members, turn: AtomicUsize::new(0), call_timeout })
    }

    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    /// Asks the member whose turn it is, and the others as long as nobody is reached.
    pub(super) async fn call<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        let mut answer = Err(Failure::Unsent("no member".to_owned()));
        for _ in &self.members {
            let turn = self.turn.load(Ordering::Relaxed);
            answer = self.call_member(turn, path, body).await;
            if let Err(Failure::Unsent(_) | Failure::Unanswered(_)) = answer {
                // Of several calls that fail together, one moves on.
                let _ = self.turn.compare_exchange(turn, turn + 1, Ordering::Relaxed, Ordering::Relaxed);
            }
            if !matches!(answer, Err(Failure::Unsent(_))) {
                break;
            }
        }
        answer
    }

    pub(super) async fn call_member<T: DeserializeOwned>(
        &self,
        turn: usize,
        path: &str,
        body: &Value,
    ) -> Result<T, Failure> {
        let answer = self.exchange(turn, path, body).await?;
        let (status, body) = (answer.status(), answer.into_body());
        if status == StatusCode::OK {
            return serde_json::from_slice(&body)
                .map_err(|error| Failure::Refused(format!("unreadable: {error}")));
        }
        let complaint: Complaint = serde_json::from_slice(&body).unwrap_or_default();
        Err(Failure::Refused(format!("{status}: {}", complaint.message)))
    }

    /// A member's clock, since the Unix epoch, as the head of any of its answers tells it.
    pub(super) async fn date(&self, turn: usize) -> Result<Duration, Failure> {
        let answer = self.exchange(turn, "/v3/maintenance/status", &Value::Object(Map::new())).await?;
        let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let seconds = date.map(|date| date.timestamp().as_second().unsigned_abs());
        seconds
            .map(Duration::from_secs)
            .ok_or_else(|| Failure::Refused("an answer without a date".to_owned()))
    }

    async fn exchange(&self, turn: usize, path: &str, body: &Value) -> Result<Response<Bytes>, Failure> {
        let member = self.members.get(turn % self.members.len()).map_or("", String::as_str);
        let request = Request::post(format!("{member}{path}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body.to_string()))
            .map_err(|error| Failure::Unsent(error.to_string()))?;
        // A call that is cut off closes its connection: it is not used again.
        match timeout(self.call_timeout, self.send(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(Failure::Unanswered(format!("no answer within {} ms", self.call_timeout.as_millis())))
            }
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
        let response = self.client.request(request).await.map_err(|error| {
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            if error.is_connect() { Failure::Unsent(reason) } else { Failure::Unanswered(reason) }
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| Failure::Unanswered(error.to_string()))?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}

/// What the gateway says beside a status other than 200.
#[derive(Default, Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
}

fn member(url: &str) -> Result<String, String> {
    let uri: Uri = url.parse().map_err(|_| format!("lock.urls: {EXPECTED}"))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    match (uri.scheme_str(), authority) {
        (Some("http"), Some(authority)) => Ok(format!("http://{authority}")),
        (Some(_) | None, _) => Err(format!("lock.urls: {EXPECTED}")),
    }
}

const EXPECTED: &str = "expected http://host:2379 for each member, without user, password and TLS, \
     for lock.backend = \"etcd\"";
/// A list of all that is held fits; an answer without end does not.
const ANSWER_BYTES_MAX: usize = 16 << 20;
