//! A TCP proxy in front of a database: holds back or cuts off a reply at the moment that a test needs.
//!
//! A moment is named by text that the request carries, such as an event's id: what is sent between a replica and
//! Postgres contains its parameters as they are. So nothing in the product needs to know that it is watched.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes bytes on, until told otherwise.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    traps: Mutex<Vec<Trap>>,
    flow: watch::Sender<Flow>,
}

/// What happens to all connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// Bytes pass.
    Open,
    /// Bytes vanish on their way; connections stay open.
    BlackHole,
    /// Connections are cut, and new ones too.
    Cut,
}

/// What happens to the reply that a trap waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Held,
    CutOff,
}

#[derive(Clone)]
struct Trap {
    request: String,
    passes: Arc<Mutex<usize>>,
    fate: Fate,
    stage: Arc<watch::Sender<Stage>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    Set,
    Sprung,
    Released,
}

/// A reply that the server has given and the client has not seen.
pub struct Reply {
    stage: Arc<watch::Sender<Stage>>,
}

impl Reply {
    /// Waits until the server has replied.
    pub async fn is_there(&self) {
        let mut stage = self.stage.subscribe();
        let sprung = stage.wait_for(|stage| *stage >= Stage::Sprung);
        let waited = tokio::time::timeout(std::time::Duration::from_secs(10), sprung).await;
        waited.expect("the request that the test waits for").expect("a proxy that runs");
    }

    /// Lets the client see it.
    pub fn release(&self) {
        self.stage.send_replace(Stage::Released);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.release();
    }
}

impl Proxy {
    /// A proxy in front of `server`.
    pub async fn start(server: (String, u16)) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared { traps: Mutex::new(Vec::new()), flow: watch::Sender::new(Flow::Open) });
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&shared)));
        Self { port, shared, accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Holds back the reply to the next request that contains `text`.
    pub fn hold_reply_to(&self, text: &str) -> Reply {
        self.set(text, 0, Fate::Held)
    }

    /// Lets `passes` requests that contain `text` pass, and cuts the connection before the reply to the next one.
    pub fn cut_reply_to(&self, text: &str, passes: usize) -> Reply {
        self.set(text, passes, Fate::CutOff)
    }

    /// From now on nothing arrives, in neither direction.
    pub fn black_hole(&self) {
        self.shared.flow.send_replace(Flow::BlackHole);
    }

    /// Cuts all connections; new ones are cut too.
    pub fn cut(&self) {
        self.shared.flow.send_replace(Flow::Cut);
    }

    /// Lets everything pass again.
    pub fn restore(&self) {
        self.shared.flow.send_replace(Flow::Open);
    }

    fn set(&self, text: &str, passes: usize, fate: Fate) -> Reply {
        let stage = Arc::new(watch::Sender::new(Stage::Set));
        let passes = Arc::new(Mutex::new(passes));
        let trap = Trap { request: text.to_owned(), passes, fate, stage: Arc::clone(&stage) };
        self.shared.traps.lock().expect("no panic").push(trap);
        Reply { stage }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.flow.send_replace(Flow::Cut);
    }
}

impl Shared {
    /// The trap that this request springs. A trap springs once.
    fn caught(&self, request: &[u8]) -> Option<Trap> {
        let mut traps = self.traps.lock().expect("no panic");
        let at = traps.iter().position(|trap| trap.catches(request))?;
        Some(traps.remove(at))
    }

    async fn opened(&self) {
        let _ = self.flow.subscribe().wait_for(|flow| *flow != Flow::BlackHole).await;
    }

    async fn is_cut(&self) {
        let _ = self.flow.subscribe().wait_for(|flow| *flow == Flow::Cut).await;
    }
}

impl Trap {
    fn catches(&self, request: &[u8]) -> bool {
        let wanted = self.request.as_bytes();
        if !request.windows(wanted.len()).any(|window| window == wanted) {
            return false;
        }
        let mut passes = self.passes.lock().expect("no panic");
        let is_now = *passes == 0;
        *passes = passes.saturating_sub(1);
        is_now
    }
}

async fn accept(listener: TcpListener, server: (String, u16), shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let (server, shared) = (server.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            tokio::select! {
                () = connect(client, &server, &shared) => {}
                () = shared.is_cut() => {}
            }
        });
    }
}

async fn connect(client: TcpStream, server: &(String, u16), shared: &Shared) {
    shared.opened().await;
    let Ok(server) = TcpStream::connect((server.0.as_str(), server.1)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let caught = Mutex::new(None);
    tokio::select! {
        () = pass_requests(from_client, to_server, shared, &caught) => {}
        () = pass_replies(from_server, to_client, shared, &caught) => {}
    }
}

async fn pass_requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    shared: &Shared,
    caught: &Mutex<Option<Trap>>,
) {
    let mut request = vec![0; 1 << 20];
    while let Ok(length @ 1..) = client.read(&mut request).await {
        shared.opened().await;
        if let Some(trap) = shared.caught(&request[..length]) {
            *caught.lock().expect("no panic") = Some(trap);
        }
        if server.write_all(&request[..length]).await.is_err() {
            return;
        }
    }
}

async fn pass_replies(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    shared: &Shared,
    caught: &Mutex<Option<Trap>>,
) {
    let mut reply = vec![0; 1 << 20];
    while let Ok(length @ 1..) = server.read(&mut reply).await {
        shared.opened().await;
        let trap = caught.lock().expect("no panic").take();
        if let Some(trap) = trap {
            trap.stage.send_if_modified(|stage| {
                let is_set = *stage == Stage::Set;
                if is_set {
                    *stage = Stage::Sprung;
                }
                is_set
            });
            if trap.fate == Fate::CutOff {
                return;
            }
            let _ = trap.stage.subscribe().wait_for(|stage| *stage == Stage::Released).await;
        }
        if client.write_all(&reply[..length]).await.is_err() {
            return;
        }
    }
}
