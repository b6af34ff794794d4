//! The members of an etcd cluster, and which of them is asked.
//!
//! They are asked by the JSON gateway: the gRPC interface over HTTP/1.1, without a compiler for protocol buffers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http_client::{HttpClient, Limits, NoAnswer, Tls};
use crate::lock::contract::Failure;
use crate::secret::Secret;

/// The members of a cluster. Questions go to one of them, and to the next after it failed.
#[derive(Debug)]
pub(super) struct Members {
    client: HttpClient,
    urls: Vec<String>,
    turn: AtomicUsize,
}

impl Members {
    pub(super) fn count(&self) -> usize {
        self.urls.len()
    }

    pub(super) fn new(urls: Vec<String>, within: Duration, tls: &Tls) -> Result<Self, String> {
        let limits =
            Limits { connect_within: within, answer_within: within, answer_bytes_max: ANSWER_BYTES_MAX };
        Ok(Self { client: HttpClient::new(limits, tls)?, urls, turn: AtomicUsize::new(0) })
    }

    /// Asks `member`; without one the member whose turn it is, and the others as long as nobody is reached.
    pub(super) async fn ask(
        &self,
        member: Option<usize>,
        path: &str,
        body: &Value,
        token: Option<&Secret>,
    ) -> Result<Response<Bytes>, Failure> {
        if let Some(member) = member {
            return self.ask_one(member, path, body, token).await;
        }
        let mut answer = Err(Failure::Unsent("no member".to_owned()));
        for _ in &self.urls {
            let turn = self.turn.load(Ordering::Relaxed);
            answer = self.ask_one(turn, path, body, token).await;
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

    async fn ask_one(
        &self,
        member: usize,
        path: &str,
        body: &Value,
        token: Option<&Secret>,
    ) -> Result<Response<Bytes>, Failure> {
        let url = self.urls.get(member % self.urls.len()).map_or("", String::as_str);
        let mut request =
            Request::post(format!("{url}{path}")).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.expose());
        }
        let request =
            request.body(body.to_string().into()).map_err(|error| Failure::Unsent(error.to_string()))?;
        self.client.send(request).await.map_err(|why| match why {
            NoAnswer::Unreached(reason) => Failure::Unsent(reason),
            NoAnswer::Unknown(reason) => Failure::Unanswered(reason),
        })
    }
}

/// What an answer says, unless it complains.
pub(super) fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, Failure> {
    if answer.status() == StatusCode::OK {
        return serde_json::from_slice(answer.body())
            .map_err(|error| Failure::Refused(format!("unreadable: {error}")));
    }
    Err(Failure::Refused(format!("{}: {}", answer.status(), complaint(answer))))
}

/// What an answer says beside a status other than 200.
pub(super) fn complaint(answer: &Response<Bytes>) -> String {
    #[derive(Default, Deserialize)]
    struct Complaint {
        #[serde(default)]
        message: String,
    }
    serde_json::from_slice::<Complaint>(answer.body()).unwrap_or_default().message
}

/// A list of all that is held fits; an answer without end does not.
const ANSWER_BYTES_MAX: usize = 16 << 20;
