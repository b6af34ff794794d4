//! Redis servers that speak TLS.

use std::process::Command;

use tempfile::TempDir;

use super::redis::command;
use super::{Redis, Server, binary, free_port, until};
use crate::authority::{Authority, Issued};

/// A Redis that is reached at `port` without TLS by the test, and over TLS at another by those who are tested.
pub(crate) struct TlsRedis {
    pub(crate) plain: Redis,
    pub(crate) tls_port: u16,
}

/// Whether a server wants to see certificates of its clients. Redis does unless it is told otherwise.
#[derive(Clone, Copy)]
pub(crate) enum Clients {
    Certified,
    Anyone,
}

impl TlsRedis {
    pub(crate) fn start(authority: &Authority, clients: Clients) -> Self {
        Self::start_with(authority, &authority.issue("127.0.0.1"), clients, &[])
    }

    pub(crate) fn start_with(
        authority: &Authority,
        issued: &Issued,
        clients: Clients,
        options: &[&str],
    ) -> Self {
        let tls_port = free_port();
        let (number, cert, key, ca) = (
            tls_port.to_string(),
            issued.cert.display().to_string(),
            issued.key.display().to_string(),
            authority.ca().display().to_string(),
        );
        let asked = match clients {
            Clients::Certified => "yes",
            Clients::Anyone => "no",
        };
        let mut all = vec!["--tls-port", &number, "--tls-cert-file", &cert, "--tls-key-file", &key];
        all.extend(["--tls-ca-cert-file", &ca, "--tls-auth-clients", asked]);
        all.extend(options);
        Self { plain: Redis::start_on(free_port(), &all), tls_port }
    }

    pub(crate) fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.tls_port)
    }
}

/// A master and a sentinel that watches it, which speak TLS with each other and with clients.
pub(crate) struct TlsSentinel {
    pub(crate) master: TlsRedis,
    tls_port: u16,
    _server: Server,
    _directory: TempDir,
}

impl TlsSentinel {
    pub(crate) fn start(authority: &Authority) -> Self {
        let issued = authority.issue("127.0.0.1");
        let master = TlsRedis::start_with(authority, &issued, Clients::Anyone, &[]);
        let (directory, port, tls_port) =
            (tempfile::tempdir().expect("a directory"), free_port(), free_port());
        let settings = directory.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nlogfile sentinel.log\ntls-port {tls_port}\ntls-replication yes\n\
             tls-auth-clients no\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
             sentinel monitor orders 127.0.0.1 {} 1\n",
            issued.cert.display(),
            issued.key.display(),
            authority.ca().display(),
            master.tls_port
        );
        std::fs::write(&settings, text).expect("a file");
        let mut server = Command::new(binary("redis-server", "redis-server"));
        server.arg(&settings).arg("--sentinel").current_dir(directory.path());
        let server = Server::start(server);
        until("the sentinel sees the master", || {
            command(port, &["SENTINEL", "MASTER", "orders"])
                .is_some_and(|text| text.contains("num-slaves") && !text.contains("disconnected"))
        });
        Self { master, tls_port, _server: server, _directory: directory }
    }

    pub(crate) fn url(&self) -> String {
        format!("rediss+sentinel://127.0.0.1:{}/orders", self.tls_port)
    }
}
