//! A Redis of the test's own: on a free port, keeping nothing unless it is asked to.

use std::fs::File;
use std::process::Command;

use nix::sys::signal::Signal;
use redis::Client;
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;

use super::{CANARY, Port, Process, eventually, find, given};

/// A Redis server: a private one, or the one that `PAYLATCH_TEST_REDIS_URL` names.
pub struct Redis {
    url: String,
    private: Option<Private>,
}

struct Private {
    server: Process,
    directory: TempDir,
    port: Port,
    /// It answers only once what it was told is on its disk.
    is_durable: bool,
}

impl Redis {
    /// The given server, or else a private one.
    pub async fn start() -> Self {
        match given("PAYLATCH_TEST_REDIS_URL") {
            Some(url) => Self { url, private: None },
            None => Self::start_private().await,
        }
    }

    /// A private server, for tests that stop it, empty it or look at its keys.
    pub async fn start_private() -> Self {
        Self::start_own(false).await
    }

    /// A private server that keeps what it has answered for, also when it is killed.
    pub async fn start_durable() -> Self {
        Self::start_own(true).await
    }

    async fn start_own(is_durable: bool) -> Self {
        let port = Port::reserve();
        let directory = tempfile::Builder::new().prefix("paylatch-redis-").tempdir().expect("a directory");
        let server = serve(&directory, port.number(), is_durable);
        let redis = Self {
            url: format!("redis://:{CANARY}_redis@127.0.0.1:{}", port.number()),
            private: Some(Private { server, directory, port, is_durable }),
        };
        redis.answers().await;
        redis
    }

    /// How to connect to it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection to it.
    pub async fn connection(&self) -> MultiplexedConnection {
        self.try_connection().await.expect("a connection to Redis")
    }

    /// Stops it where it stands: connections stay open, and nothing answers.
    pub fn freeze(&mut self) {
        self.private().server.freeze();
    }

    /// Lets it run on.
    pub fn thaw(&mut self) {
        self.private().server.thaw();
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.private().server.kill();
    }

    /// Starts it on the same port, empty unless it is durable, and waits until it answers.
    pub async fn start_again(&mut self) {
        let private = self.private();
        private.server = serve(&private.directory, private.port.number(), private.is_durable);
        self.answers().await;
    }

    /// Forgets every key.
    pub async fn flush(&self) {
        let mut connection = self.connection().await;
        redis::cmd("FLUSHALL").exec_async(&mut connection).await.expect("the right to flush");
    }

    fn private(&mut self) -> &mut Private {
        self.private.as_mut().expect("a private Redis: start it with start_private")
    }

    async fn answers(&self) {
        eventually("Redis answers", async || self.try_connection().await.ok()).await;
    }

    /// The same, if it answers.
    pub async fn try_connection(&self) -> redis::RedisResult<MultiplexedConnection> {
        Client::open(self.url.as_str())?.get_multiplexed_async_connection().await
    }
}

fn serve(directory: &TempDir, port: u16, is_durable: bool) -> Process {
    let usual = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(Into::into);
    let program = find("redis-server", &usual).expect(
        "Redis is not installed: redis-server is neither on PATH nor in /usr/bin. \
         Run scripts/test, or `apt-get install redis-server` or `brew install redis`, \
         or name a server in PAYLATCH_TEST_REDIS_URL",
    );
    let log = File::options().create(true).append(true).open(directory.path().join("redis.log"));
    let mut command = Command::new(program);
    command
        .current_dir(directory.path())
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--requirepass",
            &format!("{CANARY}_redis"),
        ])
        .args(["--save", "", "--appendonly", if is_durable { "yes" } else { "no" }])
        .args(["--appendfsync", "always", "--daemonize", "no"])
        .stdout(log.expect("a log file"));
    Process::start(&mut command, Signal::SIGTERM)
}
