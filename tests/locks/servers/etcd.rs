//! etcd servers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{LockService, Server, binary, free_port, until};

/// A cluster of one member that does not flush.
pub(crate) struct Etcd {
    pub(crate) server: Server,
    port: u16,
    peer_port: u16,
    directory: TempDir,
}

impl Etcd {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (port, peer_port) = (free_port(), free_port());
        let etcd = Self { server: run(directory.path(), port, peer_port), port, peer_port, directory };
        until("etcd has a leader", || etcd.is_healthy());
        etcd
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills it, and starts it with what it had stored.
    pub(crate) fn restart(&mut self) {
        self.server.stop(Signal::SIGKILL);
        self.server = run(self.directory.path(), self.port, self.peer_port);
        until("etcd has a leader", || self.is_healthy());
    }

    /// As if the TTL of every lease had passed.
    pub(crate) fn end_every_lease(&self) {
        let leases = self.request("POST", "/v3/lease/leases", "{}").expect("an answer");
        for id in leases.split("\"ID\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            self.request("POST", "/v3/lease/revoke", &format!("{{\"ID\":\"{id}\"}}")).expect("an answer");
        }
    }

    fn is_healthy(&self) -> bool {
        self.request("GET", "/health", "").is_ok_and(|answer| answer.contains("\"health\":\"true\""))
    }

    fn request(&self, method: &str, path: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let length = body.len();
        stream.write_all(
            format!("{method} {path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl LockService for Etcd {
    fn backend(&self) -> &'static str {
        "etcd"
    }

    /// The first member is away.
    fn urls(&self) -> Vec<String> {
        vec![format!("http://127.0.0.1:{}", free_port()), self.url()]
    }
}

fn run(directory: &Path, port: u16, peer_port: u16) -> Server {
    let (clients, peers) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer_port}"));
    let mut command = Command::new(binary("etcd", "etcd-server"));
    command.arg("--data-dir").arg(directory).args(["--name", "one", "--logger", "zap", "--unsafe-no-fsync"]);
    command.args(["--log-level", "error", "--initial-cluster", &format!("one={peers}")]);
    command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
    command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
    command.stderr(Stdio::null());
    Server::start(command)
}
