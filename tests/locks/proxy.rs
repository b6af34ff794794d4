//! A wire that can be cut at a chosen place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

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
    pub(crate) port: u16,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let fault = Arc::new(AtomicU8::new(Fault::None as u8));
        let shared = fault.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
                let (client_reads, client_writes) = client.into_split();
                let (server_reads, server_writes) = server.into_split();
                tokio::spawn(pass_requests(client_reads, server_writes));
                tokio::spawn(pass_replies(server_reads, client_writes, shared.clone()));
            }
        });
        Self { port, fault }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }
}

async fn pass_requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    drop(tokio::io::copy(&mut from, &mut to).await);
}

async fn pass_replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: Arc<AtomicU8>) {
    let mut buffer = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let fault = fault.load(Ordering::SeqCst);
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
