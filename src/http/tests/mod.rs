//! What senders see, over raw sockets: no client library that would tidy up what is sent.

mod fuzz;
mod hostile;
mod keep_alive;
mod limits;
mod peers;
mod slow;
#[cfg(feature = "tls")]
mod tls;
mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::body::BodyLimits;
use super::connection::apart;
use super::health::Health;
use super::listener::{ListenerOptions, serve};
use super::peers::Peer;
use super::public::{nothing_here, with_health};
use super::tls::Tls;
use super::webhooks::admit;

/// The largest body that the tests' listener takes, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// All bodies in work together, in bytes: three of the largest.
const IN_FLIGHT_BYTES_MAX: usize = 3 * BODY_BYTES_MAX;
/// Those of one client.
const OF_CLIENT_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
/// No test waits longer for the server.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running listener.
pub(super) struct World {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl World {
    /// The public listener's probes, beside routes that answer what they were sent instead of storing it.
    async fn start() -> Self {
        Self::serving(routes(Health::new())).await
    }

    pub(super) async fn serving(app: Router) -> Self {
        Self::serving_at_most(1024, app).await
    }

    async fn serving_at_most(connections_max: usize, app: Router) -> Self {
        Self::behind(connections_max, app, None).await
    }

    async fn behind(connections_max: usize, app: Router, tls: Option<Tls>) -> Self {
        // Tests read until the server closes.
        let idle_max = Duration::from_secs(3);
        let options = ListenerOptions { tls, idle_max, ..ListenerOptions::new("public", connections_max) };
        Self::with(options, app).await
    }

    async fn with(options: ListenerOptions, app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve(listener, app, options, shutdown.clone()));
        Self { address, shutdown, served }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// As the client at 127.0.0.`client`.
    async fn connect_from(&self, client: u8) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, client], 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Begins a request, and waits until the server wants its body.
    async fn begin_body(&self, socket: &mut TcpStream, length: usize) {
        let head =
            format!("POST /length HTTP/1.1\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 25];
        timeout(PATIENCE, socket.read_exact(&mut answer)).await.expect("an answer").unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Sends `bytes` and reads until the server closes.
    pub(super) async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut socket = self.connect().await;
        // The server may answer and close before it was sent everything.
        let _ = socket.write_all(bytes.as_ref()).await;
        read_all(&mut socket).await
    }
}

fn routes(health: Health) -> Router {
    let limits = BodyLimits::new(BODY_BYTES_MAX, IN_FLIGHT_BYTES_MAX, OF_CLIENT_BYTES_MAX);
    with_health(Router::new(), health)
        .route("/length", any(async move |request: Request| length(&limits, request).await))
        .route("/panic", get(panics))
        .route("/slow", get(slow))
        .fallback(nothing_here)
}

async fn length(limits: &BodyLimits, request: Request) -> Response {
    let client = *request.extensions().get::<Peer>().unwrap();
    match admit(limits, client, request).await {
        Ok((_, body)) => format!("length={}", body.bytes.len()).into_response(),
        Err(refused) => refused.problem.into_response(),
    }
}

async fn panics() -> &'static str {
    panic!("as the test asked")
}

async fn slow() -> &'static str {
    // How long the answer takes.
    tokio::time::sleep(Duration::from_millis(300)).await;
    "finished"
}

/// Everything that the server sends until it closes, reset or not.
async fn read_all(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the server closes in time").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers in `text`, in order.
pub(super) fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap()).collect()
}

/// The JSON of the last answer in `text`.
pub(super) fn body(text: &str) -> serde_json::Value {
    let (_, body) = text.rsplit_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).expect(body)
}

#[tokio::test]
async fn a_path_without_a_route_is_a_problem_with_a_stable_type_and_code() {
    let world = World::start().await;
    let answer = world.exchange("GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
    assert_eq!(
        body(&answer),
        serde_json::json!({
            "type": "urn:paylatch:error:unknown_path", "title": "Nothing is served at this path",
            "status": 404, "code": "unknown_path",
        })
    );
}

#[tokio::test]
async fn readiness_needs_the_database_and_not_the_lock_service() {
    use super::health::{Database, LockService};
    let health = Health::new();
    let world = World::serving(routes(health.clone())).await;
    let readyz = async || world.exchange("GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n").await;

    let unchecked = readyz().await;
    assert_eq!(statuses(&unchecked), [503]);
    assert!(unchecked.contains("retry-after: "), "{unchecked}");
    assert_eq!(body(&unchecked)["code"], "not_ready");
    assert_eq!(body(&unchecked)["database"], "unchecked");

    assert!(health.database(Database::Ready));
    assert!(!health.database(Database::Ready), "no news");
    assert_eq!(
        body(&readyz().await),
        serde_json::json!({"ready": "yes", "database": "ready", "lock": "ready", "draining": false})
    );

    health.lock_service(LockService::Unavailable);
    let degraded = readyz().await;
    assert_eq!((statuses(&degraded), &body(&degraded)["ready"]), (vec![200], &"degraded".into()));

    health.draining();
    assert_eq!(statuses(&readyz().await), [503]);
}

#[tokio::test]
async fn a_panicking_handler_is_a_500_and_the_next_request_is_served() {
    let world = World::start().await;
    let answer =
        world.exchange("GET /panic HTTP/1.1\r\n\r\nGET /livez HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(statuses(&answer), [500, 200]);
    assert!(answer.contains("\"code\":\"internal\"") && !answer.contains("as the test asked"), "{answer}");
}

#[tokio::test]
async fn shutdown_answers_what_is_in_work_and_closes_what_is_idle() {
    let world = World::start().await;
    let mut idle = world.connect().await;
    let mut busy = world.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\n\r\n").await.unwrap();
    let mut kept = world.connect().await;
    kept.write_all(b"GET /livez HTTP/1.1\r\n\r\n").await.unwrap();
    kept.readable().await.unwrap();

    world.shutdown.cancel();
    let (silence, answer, alive) =
        tokio::join!(read_all(&mut idle), read_all(&mut busy), read_all(&mut kept));
    assert_eq!((silence.as_str(), statuses(&answer), statuses(&alive)), ("", vec![200], vec![200]));
    assert!(answer.ends_with("finished"), "{answer}");
    drop((idle, busy, kept));
    timeout(PATIENCE, world.served).await.expect("serve returns").unwrap();
    assert!(TcpStream::connect(world.address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn work_of_a_handler_that_runs_apart_ends_although_its_client_hangs_up() {
    let [begun, may_end, stored] = [(); 3].map(|()| Arc::new(Semaphore::new(0)));
    let work = (Arc::clone(&begun), Arc::clone(&may_end), Arc::clone(&stored));
    let store = async |Extension(work): Extension<(Arc<Semaphore>, Arc<Semaphore>, Arc<Semaphore>)>| {
        let (begun, may_end, stored) = work;
        begun.add_permits(1);
        may_end.acquire().await.unwrap().forget();
        stored.add_permits(1);
    };
    let app = Router::new().route("/store", get(store)).layer(Extension(work)).layer(from_fn(apart));
    let world = World::serving(app).await;
    for _ in 0..100 {
        let mut socket = world.connect().await;
        socket.write_all(b"GET /store HTTP/1.1\r\n\r\n").await.unwrap();
        timeout(PATIENCE, begun.acquire()).await.expect("the server has it").unwrap().forget();
    }
    may_end.add_permits(100);
    let all = stored.acquire_many(100);
    timeout(PATIENCE, all).await.expect("100 of 100 went on to their end").unwrap().forget();
}
