//! Accepts connections, and bounds their number: of all, and of each peer.
//!
//! `axum::serve` sets no timer, and hyper-util's `auto` builder waits for ever on a client that connects and sends
//! nothing, or one byte. So this loop, and `connection`, are built on hyper's own HTTP/1 connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use metrics::{counter, gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::{Connection, Service};
use super::connections::{ConnectionGuard, Connections};
use super::peers::TrustedProxies;
use super::progress::Progress;
use super::tls::Tls;

/// How long a connection may wait for another request, unless the options say otherwise.
const IDLE_MAX: Duration = Duration::from_secs(75);
/// How long to wait when the process or the machine has no file descriptor for another connection.
const ACCEPT_RETRY_AFTER: Duration = Duration::from_millis(100);
/// How often room is looked for again while no connection can give way.
const ROOM_RETRY_AFTER: Duration = Duration::from_millis(50);

/// What one listener is called, how much it takes, and what it is secured with.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// The listener's name in metrics and logs: `public` or `admin`.
    pub name: &'static str,
    /// Connections open at once. When all are, those that wait for a request give way; while none does, new ones wait in
    /// the kernel's queue.
    pub connections_max: usize,
    /// Connections of one peer open at once; 0 is no limit.
    pub connections_per_peer_max: usize,
    /// How long a connection may wait for another request.
    pub idle_max: Duration,
    /// Whose connections are not counted, and whose word for their client's address is taken.
    pub trusted_proxies: TrustedProxies,
    /// `None` is plain HTTP.
    pub tls: Option<Tls>,
    /// Once cancelled, each answer is the last of its connection.
    pub draining: CancellationToken,
}

impl ListenerOptions {
    /// Plain HTTP for whom nothing is known of.
    #[must_use]
    pub fn new(name: &'static str, connections_max: usize) -> Self {
        Self {
            name,
            connections_max,
            connections_per_peer_max: 0,
            idle_max: IDLE_MAX,
            trusted_proxies: TrustedProxies::default(),
            tls: None,
            draining: CancellationToken::new(),
        }
    }
}

/// Serves `app` until `shutdown`; then stops accepting, ends idle connections, and returns when every request is
/// answered. The caller puts a deadline around it.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    options: ListenerOptions,
    shutdown: CancellationToken,
) {
    let ListenerOptions { name, connections_max, connections_per_peer_max, idle_max, .. } = options;
    let ListenerOptions { trusted_proxies, tls, draining, .. } = options;
    gauge!("paylatch_connections_max", "listener" => name).set(connections_max as f64);
    let slots = Arc::new(Semaphore::new(connections_max));
    let ends = shutdown.child_token();
    let connections = Connections::new(name, connections_per_peer_max, trusted_proxies.clone(), ends);
    let service = Arc::new(Service::new(app, trusted_proxies, draining, shutdown.clone()));
    let tasks = TaskTracker::new();
    let accepting = Accepting { listener, slots, connections, name, idle_max };
    while let Some(open) = shutdown.run_until_cancelled(accepting.next()).await {
        let Open { socket, peer, progress, guard, slot } = open;
        let connection = Connection::new(Arc::clone(&service), peer, progress, guard.ends.clone());
        let tls = tls.clone();
        tasks.spawn(async move {
            let _counted = Counted::new(name);
            connection.begin(socket, tls).await;
            drop((guard, slot));
        });
    }
    drop(accepting);
    tasks.close();
    tasks.wait().await;
}

/// A connection that was accepted, and what counts it among those that may be open.
struct Open {
    socket: TcpStream,
    peer: SocketAddr,
    progress: Arc<Progress>,
    guard: ConnectionGuard,
    slot: Option<OwnedSemaphorePermit>,
}

struct Accepting {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    connections: Connections,
    name: &'static str,
    idle_max: Duration,
}

impl Accepting {
    /// The next connection, once there is room for it. One of a peer that has all it may have is closed.
    async fn next(&self) -> Open {
        loop {
            let (socket, peer) = self.accept().await;
            let progress = Arc::new(Progress::new(self.idle_max));
            if let Some(guard) = self.connections.enter(peer.ip(), &progress) {
                return Open { socket, peer, progress, guard, slot: self.slot().await };
            }
            debug!(listener = self.name, %peer, "closed a connection: its peer has http.connections_per_peer_max of them");
        }
    }

    /// An error of accepting is waited out, never passed on.
    async fn accept(&self) -> (TcpStream, SocketAddr) {
        let (listener, mut told) = (self.name, false);
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_clients(&error) => {
                    debug!(listener, %error, "a connection ended before it began");
                }
                Err(error) => {
                    counter!("paylatch_accept_errors_total", "listener" => listener).increment(1);
                    if !std::mem::replace(&mut told, true) {
                        warn!(listener, %error, "cannot accept connections; raise the limit of open files");
                    }
                    self.connections.make_room();
                    sleep(ACCEPT_RETRY_AFTER).await;
                }
            }
        }
    }

    /// A slot among all that may be open. What is busy now may be waiting in a moment, so room is looked for again.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(slot);
        }
        loop {
            self.connections.make_room();
            if let Ok(slot) = timeout(ROOM_RETRY_AFTER, Arc::clone(&self.slots).acquire_owned()).await {
                return slot.ok();
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
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
