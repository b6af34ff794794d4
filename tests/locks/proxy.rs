//! A wire that can be cut at a chosen place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU32, Ordering};

use paylatch::lock::{Attempt, LockSettings, Locks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::conformance::Service;
use crate::servers::eventually;
use crate::{TTL, is_busy, keys, settings, take, take_all};

/// What happens to the server's next answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// The request reaches the server; its answer is lost with the connection.
    CutReply,
    /// The answer is lost, and the connection stays open.
    SwallowReply,
    /// The answer is replaced by bytes that no server sends.
    Garbage,
    /// The answer is replaced by the beginning of one that never ends.
    HalfFrame,
}

/// Passes bytes between clients and one server.
pub(crate) struct Proxy {
    url: String,
    state: Arc<State>,
}

struct State {
    fault: AtomicU8,
    /// Answers to pass before one is cut; none is when this is negative.
    passes: AtomicI32,
    connections: AtomicU32,
    /// A request has gone to the server since its last answer.
    is_waiting: AtomicBool,
}

impl Proxy {
    /// In front of the server of this URL.
    pub(crate) async fn before(server: &str) -> Self {
        let (before, after) = server.split_once("127.0.0.1:").expect("a server on this machine");
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (server, after) = after.split_at(digits);
        let server: u16 = server.parse().expect("a port");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (fault, passes) = (AtomicU8::new(Fault::None as u8), AtomicI32::new(-1));
        let (connections, is_waiting) = (AtomicU32::new(0), AtomicBool::new(false));
        let state = Arc::new(State { fault, passes, connections, is_waiting });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                let (client_reads, client_writes) = client.into_split();
                let (server_reads, server_writes) = server.into_split();
                tokio::spawn(pass_requests(client_reads, server_writes, shared.clone()));
                tokio::spawn(pass_replies(server_reads, client_writes, shared.clone()));
            }
        });
        Self { url: format!("{before}127.0.0.1:{port}{after}"), state }
    }

    /// The server's URL, by way of this.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.state.fault.store(fault as u8, Ordering::SeqCst);
    }

    /// Lets so many answers pass, and cuts the connection before the one that follows.
    pub(crate) fn cut_one_reply_after(&self, passes: i32) {
        self.state.passes.store(passes, Ordering::SeqCst);
    }

    /// Returns when the last request has its answer: the next answer is to a request that is not sent yet.
    pub(crate) async fn is_quiet(&self) {
        eventually("every request has its answer", || !self.state.is_waiting.load(Ordering::SeqCst)).await;
    }

    /// Whether that has happened.
    pub(crate) fn has_cut(&self) -> bool {
        self.state.passes.load(Ordering::SeqCst) < 0
    }

    /// How many there have been.
    pub(crate) fn connections(&self) -> u32 {
        self.state.connections.load(Ordering::SeqCst)
    }
}

async fn pass_requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        state.is_waiting.store(true, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

async fn pass_replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let next = |passes| (passes >= 0).then_some(passes - 1);
        if state.passes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next) == Ok(0) {
            return;
        }
        state.is_waiting.store(false, Ordering::SeqCst);
        let fault = state.fault.load(Ordering::SeqCst);
        let reply: &[u8] = match fault {
            fault if fault == Fault::CutReply as u8 => return,
            fault if fault == Fault::SwallowReply as u8 => continue,
            fault if fault == Fault::Garbage as u8 => b"HTTP/1.1 400 Bad Request\r\n\r\n",
            fault if fault == Fault::HalfFrame as u8 => b"*1\r\n$536870912\r\nxxxx",
            _ => &buffer[..length],
        };
        if to.write_all(reply).await.is_err() {
            return;
        }
    }
}

/// A service behind a wire that is cut once, before each of the first answers in turn.
pub(crate) async fn a_cut_reply_is_asked_for_again(service: &impl Service) {
    let (wire, locks) = patient(service).await;
    let other = service.contender();
    for passes in 0..3 {
        take(&locks, &keys(["probe"])).await.0.release().await;
        wire.is_quiet().await;
        wire.cut_one_reply_after(passes);
        let attempt = locks.acquire_each(&keys(["order"])).await;
        assert!(passes > 0 || wire.has_cut(), "the server acted, and its answer was lost");
        wire.cut_one_reply_after(-1);
        let Attempt::Acquired { lease, busy } = attempt else { panic!("not asked again: {passes}") };
        assert_eq!(busy, Vec::<String>::new(), "what the lost answer granted is its own");
        assert!(is_busy(&other, "order").await);
        lease.release().await;
        assert!(!is_busy(&other, "order").await);
    }
}

/// A service behind a wire that is cut before the answer to a release, which is then sent again.
pub(crate) async fn a_release_that_is_sent_twice_frees_no_later_holder(service: &impl Service) {
    let (wire, locks) = patient(service).await;
    let (next, third) = (service.contender(), service.contender());
    take(&locks, &keys(["probe"])).await.0.release().await;
    let (lease, _) = take(&locks, &keys(["order"])).await;
    wire.is_quiet().await;
    wire.cut_one_reply_after(0);
    drop(lease);
    let held = take_all(&next, &keys(["order"]), TTL * 4).await;
    let cut = async {
        while !wire.has_cut() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TTL, cut).await.expect("the first release was obeyed, and its answer is lost");
    locks.drain().await;
    assert!(is_busy(&third, "order").await, "the second must find that the key is another's");
    held.release().await;
}

/// Locks with time to ask again, over a wire of their own.
async fn patient(service: &impl Service) -> (Proxy, Locks) {
    let wire = Proxy::before(service.urls().last().expect("a server")).await;
    let settings =
        LockSettings { ttl: TTL * 5, call_timeout: TTL * 2, ..settings(service.backend(), &[wire.url()]) };
    (wire, Locks::new(&settings).expect("the settings are right"))
}

/// A service behind a wire that swallows every answer.
pub(crate) async fn a_reply_that_stays_away_leaves_nothing_behind(service: &impl Service) {
    let wire = Proxy::before(service.urls().last().expect("a server")).await;
    let locks = crate::locks(service.backend(), &[wire.url()]);
    take(&locks, &keys(["probe"])).await.0.release().await;
    wire.set(Fault::SwallowReply);
    assert!(matches!(locks.acquire_each(&keys(["order"])).await, Attempt::Unavailable));
    wire.set(Fault::None);
    take_all(&service.contender(), &keys(["order"]), service.lapse()).await.release().await;
}
