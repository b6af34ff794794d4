//! Redis servers.

use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Server, binary, free_port, until};

/// A Redis server without persistence.
pub(crate) struct Redis {
    pub(crate) server: Server,
    pub(crate) port: u16,
    _directory: TempDir,
}

impl Redis {
    pub(crate) fn start() -> Self {
        Self::start_on(free_port(), &[])
    }

    pub(crate) fn start_on(port: u16, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(binary("redis-server", "redis-server"));
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.args(["--logfile", "redis.log"]).args(options).current_dir(directory.path());
        let redis = Self { server: Server::start(command), port, _directory: directory };
        until("redis-server answers", || redis.command(&["PING"]).is_some());
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs one command and returns its answer as text; an error answer is `None`.
    pub(crate) fn command(&self, words: &[&str]) -> Option<String> {
        let client = ::redis::Client::open(self.url()).expect("an address");
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
        let mut command = ::redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query::<::redis::Value>(&mut connection).ok().map(|value| format!("{value:?}"))
    }

    /// The keys of all leases.
    pub(crate) fn leases(&self) -> Vec<String> {
        let client = ::redis::Client::open(self.url()).expect("an address");
        let mut connection =
            client.get_connection_with_timeout(Duration::from_secs(1)).expect("a connection");
        ::redis::cmd("KEYS").arg("paylatch:lock:*").query(&mut connection).expect("the keys")
    }
}
