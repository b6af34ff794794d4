//! etcd servers.

use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Server, binary, free_port, until};

/// A cluster of one member that does not flush.
pub(crate) struct Etcd {
    pub(crate) server: Server,
    port: u16,
    _directory: TempDir,
}

impl Etcd {
    pub(crate) fn start() -> Self {
        let (directory, port, peers) = (tempfile::tempdir().expect("a directory"), free_port(), free_port());
        let clients = format!("http://127.0.0.1:{port}");
        let peers = format!("http://127.0.0.1:{peers}");
        let mut command = Command::new(binary("etcd", "etcd-server"));
        command.arg("--data-dir").arg(directory.path()).args([
            "--name",
            "one",
            "--logger",
            "zap",
            "--unsafe-no-fsync",
        ]);
        command.args(["--log-level", "error", "--initial-cluster", &format!("one={peers}")]);
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        command.stderr(Stdio::null());
        let etcd = Self { server: Server::start(command), port, _directory: directory };
        until("etcd has a leader", || etcd.is_healthy());
        etcd
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn is_healthy(&self) -> bool {
        use std::io::{Read, Write};
        let mut answer = String::new();
        let asked = std::net::TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
            stream.read_to_string(&mut answer)
        });
        asked.is_ok() && answer.contains("\"health\":\"true\"")
    }
}
