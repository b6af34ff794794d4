//! Accepts connections, bounds each in number and time, and closes them in order.
//!
//! `axum::serve` sets no timer, and hyper-util's `auto` builder waits for ever on a client that connects and sends
//! nothing, or one byte. hyper's own HTTP/1 connection with a timer closes both, so this loop is built on it.

use std::convert::Infallible;
use std::io;
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
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::{counter, gauge};
use tokio::io::{AsyncRead, AsyncWrite, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, error, warn};

use super::problem::{Code, Problem};
use super::request_id::{REQUEST_ID, RequestId};
use super::tls::Tls;

/// For the handshake of a TLS connection.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// For a request's head, counted from the connection's start or the last answer: so an idle connection ends, too.
const HEAD_READ_MAX: Duration = Duration::from_secs(5);
/// Bytes of a request's head, and of what is buffered of its body.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Header lines of a request.
const HEADERS_MAX: usize = 64;
/// Past this age, a connection's next answer is its last.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);
/// Past this age, a connection is cut: all that is left is a client that does not read its answers.
const CONNECTION_CUT_AFTER: Duration = Duration::from_secs(90);
/// How long a client that is still sending has for reading its answer before the connection is reset.
const LINGER_MAX: Duration = Duration::from_secs(1);
/// How long to wait when the process or the machine has no file descriptor for another connection.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);

/// What one listener is called, how much it takes, and what it is secured with.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// The listener's name in metrics and logs: `public` or `admin`.
    pub name: &'static str,
    /// Connections open at once; more wait in the kernel's queue until one ends.
    pub connections_max: usize,
    /// `None` is plain HTTP.
    pub tls: Option<Tls>,
}

/// Serves `app` until `shutdown`; then stops accepting, ends idle connections, and returns when every request is
/// answered. The caller puts a deadline around it.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    options: ListenerOptions,
    shutdown: CancellationToken,
) {
    let ListenerOptions { name, connections_max, tls } = options;
    let slots = Arc::new(Semaphore::new(connections_max));
    let tasks = TaskTracker::new();
    gauge!("paylatch_connections_max", "listener" => name).set(connections_max as f64);
    while let Some(open) = shutdown.run_until_cancelled(accept(&listener, &slots, name)).await {
        let Open { socket, peer, slot } = open;
        let connection = Connection { app: app.clone(), peer, begun: Instant::now() };
        let held = timeout(CONNECTION_CUT_AFTER, connection.begin(socket, tls.clone(), shutdown.clone()));
        tasks.spawn(async move {
            let _counted = Counted::new(name);
            if held.await.is_err() {
                debug!(listener = name, "cut a connection whose client does not read");
            }
            drop(slot);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// A connection that was accepted, and its slot among those that may be open.
struct Open {
    socket: TcpStream,
    peer: SocketAddr,
    slot: Option<OwnedSemaphorePermit>,
}

/// The next connection, once there is room for it. An error of accepting is waited out, never passed on.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>, name: &'static str) -> Open {
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => return Open { socket, peer, slot },
            Err(error) if is_the_clients(&error) => {
                debug!(listener = name, %error, "a connection ended before it began");
            }
            Err(error) => {
                counter!("paylatch_accept_errors_total", "listener" => name).increment(1);
                if !std::mem::replace(&mut told, true) {
                    warn!(listener = name, %error, "cannot accept connections; raise the limit of open files");
                }
                sleep(ACCEPT_RETRY_AFTER).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One connection and what its requests are answered with.
#[derive(Clone)]
struct Connection {
    app: Router,
    peer: SocketAddr,
    begun: Instant,
}

impl Connection {
    /// Secures the connection if it is to be, and serves it.
    async fn begin(self, socket: TcpStream, tls: Option<Tls>, shutdown: CancellationToken) {
        let _ = socket.set_nodelay(true);
        let Some(tls) = tls else { return self.serve(socket, shutdown).await };
        let handshake = timeout(HANDSHAKE_MAX, tls.accept(socket));
        let why = match shutdown.run_until_cancelled(handshake).await {
            Some(Ok(Ok(secured))) => return self.serve(secured, shutdown).await,
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(_)) => format!("not done within {} s", HANDSHAKE_MAX.as_secs()),
            None => return,
        };
        counter!("paylatch_tls_handshakes_failed_total").increment(1);
        debug!(peer = %self.peer, why, "no TLS handshake");
    }

    /// Answers requests until either side ends the connection.
    async fn serve(self, socket: impl AsyncRead + AsyncWrite + Unpin + Send, shutdown: CancellationToken) {
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_READ_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            // A sender may close its side, or leave, as soon as it has sent: what was sent whole is taken all the same.
            .half_close(true)
            .serve_connection(TokioIo::new(socket), service_fn(|request| self.clone().answer(request)));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = shutdown.cancelled() => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        if let Err(error) = &ended {
            debug!(%error, "connection ended");
        }
        if !ended.is_err_and(|error| error.is_timeout()) {
            linger(connection.into_parts().io.into_inner()).await;
        }
    }

    /// Runs the handler; a panic is a 500. The handler ends with its connection: what must go on when a client hangs up is
    /// in the hands of another task by then, a lane or [`apart`].
    async fn answer(self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let mut request = request.map(Body::new);
        let id = RequestId::of(request.headers());
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(id.clone());
        let answered = AssertUnwindSafe(self.app.oneshot(request)).catch_unwind().await;
        let mut response = answered.map_or_else(|_| failed(&id), |Ok(response)| response);
        response.headers_mut().insert(REQUEST_ID, id.header());
        if self.begun.elapsed() > CONNECTION_AGE_MAX {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
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

/// One in the gauge of open connections.
struct Counted(&'static str);

impl Counted {
    fn new(listener: &'static str) -> Self {
        gauge!("paylatch_connections", "listener" => listener).increment(1.0);
        Self(listener)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!("paylatch_connections", "listener" => self.0).decrement(1.0);
    }
}
