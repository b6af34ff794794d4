//! etcd servers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{Clients, LockService, Server, binary, free_port, until};
use crate::authority::{Authority, Issued};

/// A cluster of one member that does not flush.
pub(crate) struct Etcd {
    pub(crate) server: Server,
    port: u16,
    tls_port: u16,
    peer_port: u16,
    options: Vec<String>,
    directory: TempDir,
}

impl Etcd {
    pub(crate) fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// Besides without TLS, for the test, it is reached over TLS.
    pub(crate) fn start_over_tls(authority: &Authority, clients: Clients) -> Self {
        let Issued { cert, key } = authority.issue("127.0.0.1");
        let mut options =
            vec![format!("--cert-file={}", cert.display()), format!("--key-file={}", key.display())];
        if matches!(clients, Clients::Certified) {
            // With this alone etcd asks for certificates already.
            options.push(format!("--trusted-ca-file={}", authority.ca().display()));
            options.push("--client-cert-auth".to_owned());
        }
        Self::start_with(options)
    }

    fn start_with(options: Vec<String>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let [port, tls_port, peer_port] = [(); 3].map(|()| free_port());
        let server = run(directory.path(), [port, tls_port, peer_port], &options);
        let etcd = Self { server, port, tls_port, peer_port, options, directory };
        until("etcd has a leader", || etcd.is_healthy());
        etcd
    }

    /// Has it ask for users: `paylatch`, who may touch what begins with `paylatch/`, and `root`. Both have one password.
    pub(crate) fn ask_for_users(&self, password: &str) {
        let prefix = [("key", "paylatch/"), ("range_end", "paylatch0")]
            .map(|(name, text)| format!("\"{name}\":\"{}\"", BASE64.encode(text)))
            .join(",");
        for (path, body) in [
            ("role/add", r#"{"name":"root"}"#.to_owned()),
            ("role/add", r#"{"name":"locks"}"#.to_owned()),
            ("role/grant", format!(r#"{{"name":"locks","perm":{{"permType":"READWRITE",{prefix}}}}}"#)),
            ("user/add", format!(r#"{{"name":"root","password":"{password}"}}"#)),
            ("user/add", format!(r#"{{"name":"paylatch","password":"{password}"}}"#)),
            ("user/grant", r#"{"user":"root","role":"root"}"#.to_owned()),
            ("user/grant", r#"{"user":"paylatch","role":"locks"}"#.to_owned()),
            ("enable", "{}".to_owned()),
        ] {
            let answer = self.request("POST", &format!("/v3/auth/{path}"), &body).expect("an answer");
            assert!(answer.contains("200 OK"), "{path}: {answer}");
        }
    }

    /// Changes a role, by which every token of a time before ends.
    pub(crate) fn change_a_role(&self, password: &str) {
        let body = format!(r#"{{"name":"root","password":"{password}"}}"#);
        let answer = self.request("POST", "/v3/auth/authenticate", &body).expect("an answer");
        let token = answer.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = format!("Authorization: {}\r\n", token.expect("a token"));
        let answer = self.send("POST", "/v3/auth/role/add", &token, r#"{"name":"new"}"#).expect("an answer");
        assert!(answer.contains("200 OK"), "{answer}");
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.tls_port)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills it, and starts it with what it had stored.
    pub(crate) fn restart(&mut self) {
        self.server.stop(Signal::SIGKILL);
        let ports = [self.port, self.tls_port, self.peer_port];
        self.server = run(self.directory.path(), ports, &self.options);
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
        self.send(method, path, "", body)
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let length = body.len();
        stream.write_all(
            format!("{method} {path} HTTP/1.0\r\n{headers}Content-Length: {length}\r\n\r\n{body}").as_bytes(),
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

fn run(directory: &Path, [port, tls_port, peer_port]: [u16; 3], options: &[String]) -> Server {
    let peers = format!("http://127.0.0.1:{peer_port}");
    let mut clients = format!("http://127.0.0.1:{port}");
    if !options.is_empty() {
        clients.push_str(&format!(",https://127.0.0.1:{tls_port}"));
    }
    let mut command = Command::new(binary("etcd", "etcd-server"));
    command.arg("--data-dir").arg(directory).args(["--name", "one", "--logger", "zap", "--unsafe-no-fsync"]);
    command.args(["--bcrypt-cost", "4"]).args(options);
    command.args(["--log-level", "error", "--initial-cluster", &format!("one={peers}")]);
    command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
    command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
    command.stderr(Stdio::null());
    Server::start(command)
}
