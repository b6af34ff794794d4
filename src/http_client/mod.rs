//! The program's one HTTP client: HTTP/1.1, over TLS where the URL says so, with a limit on time and bytes. It follows no
//! redirect and asks nothing twice that may have been heard.

mod reach;
mod tls;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use self::reach::GuardedResolver;
pub(crate) use self::reach::Reach;
pub(crate) use self::tls::{Identity, Tls, Trust};

/// Asks servers, over connections that are kept for the next request. Cheap to clone: clones share them.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    connections: Client<HttpsConnector<HttpConnector<GuardedResolver>>, Full<Bytes>>,
    limits: Limits,
    reach: Reach,
}

/// What one request may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// For a connection to open.
    pub(crate) connect_within: Duration,
    /// For everything, from connecting to the last byte of the answer.
    pub(crate) answer_within: Duration,
    /// The longest body that is read.
    pub(crate) answer_bytes_max: usize,
}

/// Connections that nobody uses are closed after this.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// No connection: the server has heard nothing.
    #[error("{0}")]
    Unreached(String),
    /// The request was sent, or a part of it: nobody knows what the server did.
    #[error("{0}")]
    Unknown(String),
}

impl HttpClient {
    /// # Errors
    /// What is wrong with the certificates in `tls`.
    pub(crate) fn new(limits: Limits, tls: &Tls) -> Result<Self, String> {
        Self::reaching(Reach::default(), limits, tls)
    }

    /// One that connects only to addresses in its `reach`.
    ///
    /// # Errors
    /// What is wrong with the certificates in `tls`.
    pub(crate) fn reaching(reach: Reach, limits: Limits, tls: &Tls) -> Result<Self, String> {
        let mut tcp = HttpConnector::new_with_resolver(GuardedResolver::new(reach.clone()));
        tcp.enforce_http(false); // TLS is put on top of it
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect_within));
        let connector = HttpsConnector::from((tcp, tls::client_config(tls)?));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_MAX);
        Ok(Self { connections: builder.build(connector), limits, reach })
    }

    /// Sends `request`, whose URI is a whole URL, and reads the answer. A request that is cut off closes its connection, so
    /// that a late answer meets nobody.
    ///
    /// # Errors
    /// [`NoAnswer`]. An answer of any status is one.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        self.in_time(self.exchange(request)).await
    }

    /// Sends `request`, and gives the answer once its head is there: the body of a stream has no end to wait for.
    ///
    /// # Errors
    /// [`NoAnswer`]. An answer of any status is one.
    pub(crate) async fn open(&self, request: Request<Bytes>) -> Result<Response<Incoming>, NoAnswer> {
        self.in_time(self.begin(request)).await
    }

    async fn in_time<T>(&self, answer: impl Future<Output = Result<T, NoAnswer>>) -> Result<T, NoAnswer> {
        let late = || NoAnswer::Unknown(format!("no answer within {:?}", self.limits.answer_within));
        timeout(self.limits.answer_within, answer).await.unwrap_or_else(|_| Err(late()))
    }

    async fn begin(&self, request: Request<Bytes>) -> Result<Response<Incoming>, NoAnswer> {
        let host = request.uri().host().unwrap_or_default();
        self.reach.check_host(host).map_err(NoAnswer::Unreached)?;
        self.connections.request(request.map(Full::new)).await.map_err(|error| {
            let reason = causes(&error);
            if error.is_connect() { NoAnswer::Unreached(reason) } else { NoAnswer::Unknown(reason) }
        })
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = Limited::new(body, self.limits.answer_bytes_max).collect().await;
        let body = body.map_err(|error| NoAnswer::Unknown(format!("the answer broke off: {error}")))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// What stands behind an error of the client: itself says only whether it was connecting or sending.
fn causes(error: &dyn Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(present) = cause {
        causes.push(present.to_string());
        cause = present.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

#[cfg(test)]
mod tests;
