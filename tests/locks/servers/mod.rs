//! Servers that belong to one test: on free ports, with a directory of their own, stopped by their process id.

mod etcd;
mod postgres;
mod redis;
mod tls;
#[cfg(feature = "zookeeper")]
mod zookeeper;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

pub(crate) use etcd::Etcd;
pub(crate) use postgres::{PgBouncer, Postgres};
pub(crate) use redis::{Cluster, Nodes, Redis, Sentinel};
pub(crate) use tls::{Clients, TlsRedis, TlsSentinel};
#[cfg(feature = "zookeeper")]
pub(crate) use zookeeper::ZooKeeper;

/// A lock service that runs, as the settings name it.
pub(crate) trait LockService {
    /// `lock.backend`.
    fn backend(&self) -> &'static str;

    /// `lock.urls`.
    fn urls(&self) -> Vec<String>;
}

/// A process that ends with its owner.
pub(crate) struct Server {
    process: Child,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self { process: process.unwrap_or_else(|error| panic!("{command:?} does not start: {error}")) }
    }

    /// Stops the process where it is; its sockets stay open. Returns when it stands still.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)).expect("a process of ours");
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Ends the process in good order, as its own signal handler does it.
    pub(crate) fn stop(&mut self, signal: Signal) {
        self.signal(signal);
        drop(self.process.wait());
    }

    /// Whether it has ended, in good order.
    pub(crate) fn has_ended(&mut self) -> bool {
        let status = self.process.try_wait().expect("a process of ours");
        status.is_some_and(|status| {
            assert!(status.success(), "{status}");
            true
        })
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the server is running");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().try_into().expect("a process id"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Finds an executable on PATH or where distributions put it.
pub(crate) fn binary(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is missing: `apt-get install {package}` or `brew install {package}`")
        })
}

/// A port that nobody listens on, nor on the one 10,000 above it, where a node of a Redis Cluster has its bus. Below the
/// ephemeral range, so that no outgoing connection takes it meanwhile.
pub(crate) fn free_port() -> u16 {
    loop {
        let port: u16 = rand::random_range(10_000..20_000);
        if [port, port + 10_000].into_iter().all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
}

/// Waits for what a server does. It stops the test's own tasks meanwhile: for what these do, see [`eventually`].
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let give_up_at = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < give_up_at, "waited 20 s until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for what tasks of the test itself do.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let give_up_at = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < give_up_at, "waited 20 s until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
