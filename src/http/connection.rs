//! One connection: its requests are answered one after the other, and it is ended in order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite, sink};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{debug, error};

use super::paced::Paced;
use super::peers::{Peer, TrustedProxies};
use super::problem::{Code, Problem};
use super::progress::{Doing, Progress};
use super::rate_limit::RateLimit;
use super::request_id::{REQUEST_ID, RequestId};
use super::tls::Tls;
use super::tracked_bodies::{InWork, TrackedAnswerBody, TrackedRequestBody};

/// For the handshake of a TLS connection.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Bytes of a request's head, and of what is buffered of its body.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Header lines of a request.
const HEADERS_MAX: usize = 64;
/// Past this age, a connection's next answer is its last.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);
/// How long a client that is still sending has for reading its answer before the connection is reset.
const LINGER_MAX: Duration = Duration::from_secs(1);
/// Refusals (4xx) of one client that are answered at once, a second.
const REFUSALS_PER_S: u32 = 20;
/// How long the answers beyond those are held back: so a client's connections, times so many a second, are all that it can
/// have refused, and a webhook that verifies never waits for it.
const HELD_BACK_FOR: Duration = Duration::from_secs(1);

/// What the requests of all connections of a listener are answered with.
#[derive(Debug)]
pub(super) struct Service {
    app: Router,
    trusted_proxies: TrustedProxies,
    refusals: RateLimit,
    draining: CancellationToken,
    shutdown: CancellationToken,
}

impl Service {
    pub(super) fn new(
        app: Router,
        trusted_proxies: TrustedProxies,
        draining: CancellationToken,
        shutdown: CancellationToken,
    ) -> Self {
        let refusals = RateLimit::new(REFUSALS_PER_S, u32::MAX, Duration::from_secs(1));
        Self { app, trusted_proxies, refusals, draining, shutdown }
    }
}

/// One connection.
pub(super) struct Connection {
    service: Arc<Service>,
    peer: SocketAddr,
    begun: Instant,
    progress: Arc<Progress>,
    /// Cancelled when it has to end: because it gives way, or with the listener.
    ends: CancellationToken,
}

impl Connection {
    pub(super) fn new(
        service: Arc<Service>,
        peer: SocketAddr,
        progress: Arc<Progress>,
        ends: CancellationToken,
    ) -> Self {
        Self { service, peer, begun: Instant::now(), progress, ends }
    }

    /// Secures the connection if it is to be, and serves it.
    pub(super) async fn begin(self, socket: TcpStream, tls: Option<Tls>) {
        let _ = socket.set_nodelay(true);
        let Some(tls) = tls else { return self.serve(socket).await };
        let handshake = timeout(HANDSHAKE_MAX, tls.accept(socket));
        let why = match self.ends.run_until_cancelled(handshake).await {
            Some(Ok(Ok(secured))) => return self.serve(secured).await,
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(_)) => format!("not done within {} s", HANDSHAKE_MAX.as_secs()),
            None => return,
        };
        counter!("paylatch_tls_handshakes_failed_total").increment(1);
        debug!(peer = %self.peer, why, "the TLS handshake failed");
    }

    /// Answers requests until either side ends the connection.
    async fn serve(self, socket: impl AsyncRead + AsyncWrite + Unpin + Send) {
        self.progress.set(Doing::Fresh);
        let mut connection = http1::Builder::new()
            // `Paced` has the clocks: hyper's does not tell a connection that waits from a head that is late.
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            // A sender may close its side, or leave, as soon as it has sent: what was sent whole is taken all the same.
            .half_close(true)
            .serve_connection(
                TokioIo::new(Paced::new(socket, Arc::clone(&self.progress))),
                service_fn(|request| self.answer(request)),
            );
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.ends.cancelled() => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                if self.gives_way() && self.progress.get().0 == Doing::Head {
                    return;
                }
                (&mut connection).await
            }
        };
        if let Err(error) = &ended {
            debug!(%error, "connection ended");
        }
        let paced = connection.into_parts().io.into_inner();
        if !paced.is_overdue() && !self.gives_way() {
            linger(paced.into_socket()).await;
        }
    }

    /// Whether it ends to make room, and not with its listener.
    fn gives_way(&self) -> bool {
        self.ends.is_cancelled() && !self.service.shutdown.is_cancelled()
    }

    /// Runs the handler; a panic is a 500. The handler ends with its connection: what must go on when a client hangs up is
    /// in the hands of another task by then, a lane or [`apart`].
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<TrackedAnswerBody>, Infallible> {
        let in_work = InWork::begin(&self.progress);
        let mut request = request.map(|body| Body::new(TrackedRequestBody::new(body, &self.progress)));
        let client = self.service.trusted_proxies.client(self.peer.ip(), request.headers());
        let id = RequestId::of(request.headers());
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(id.clone());
        let answered = AssertUnwindSafe(self.service.app.clone().oneshot(request)).catch_unwind().await;
        let mut response = answered.map_or_else(|_| failed(&id), |Ok(response)| response);
        if response.status().is_client_error() {
            self.hold_back(client).await;
        }
        response.headers_mut().insert(REQUEST_ID, id.header());
        if self.is_last_answer() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| TrackedAnswerBody::new(body, in_work)))
    }

    /// Holds back the refusal of a client that has had too many of them in this second.
    async fn hold_back(&self, client: Peer) {
        if self.service.refusals.take(client, Instant::now()) {
            return;
        }
        counter!("paylatch_refusals_held_back_total").increment(1);
        self.progress.set(Doing::HeldBack);
        let _ended_before = self.ends.run_until_cancelled(sleep(HELD_BACK_FOR)).await;
        self.progress.set(Doing::Busy);
    }

    /// Said in the answer wherever the connection ends after it, so that its client sends nothing more into it.
    fn is_last_answer(&self) -> bool {
        self.begun.elapsed() > CONNECTION_AGE_MAX
            || self.progress.body_is_unread()
            || self.service.draining.is_cancelled()
            || self.ends.is_cancelled()
    }
}

fn failed(request: &RequestId) -> Response {
    counter!("paylatch_handler_panics_total").increment(1);
    error!(%request, "a handler failed");
    Problem::new(Code::Internal).into_response()
}

/// A layer for handlers that change something themselves: they go on to their end although their client hangs up.
pub(super) async fn apart(request: Request<Body>, handler: Next) -> Response {
    let ended = tokio::spawn(handler.run(request)).await;
    ended.unwrap_or_else(|failure| resume_unwind(failure.into_panic()))
}

/// Reads away what a client still sends after the last answer. Closing before would reset the connection, and the
/// answer (413, say) could be lost with it.
async fn linger(mut socket: impl AsyncRead + Unpin) {
    let _ = timeout(LINGER_MAX, tokio::io::copy(&mut socket, &mut sink())).await;
}
