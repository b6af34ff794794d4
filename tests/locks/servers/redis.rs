//! Redis servers.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{LockService, Server, binary, free_port, until};

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
        // A master otherwise waits for 5 s whether more replicas come, before it copies itself to the first one.
        command.args(["--repl-diskless-sync-delay", "0"]);
        command.args(["--logfile", "redis.log"]).args(options).current_dir(directory.path());
        let redis = Self { server: Server::start(command), port, _directory: directory };
        until("redis-server answers", || redis.command(&["PING"]).is_some());
        redis
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs one command and returns its answer for a test to look into; an error answer is `None`.
    pub(crate) fn command(&self, words: &[&str]) -> Option<String> {
        command(self.port, words)
    }

    fn text(&self, words: &[&str]) -> String {
        let client = ::redis::Client::open(self.url()).expect("an address");
        let mut connection =
            client.get_connection_with_timeout(Duration::from_secs(1)).expect("a connection");
        ::redis::cmd(words[0]).arg(&words[1..]).query(&mut connection).expect("a text")
    }

    /// Whether it takes writes.
    fn is_master(&self) -> bool {
        self.command(&["ROLE"]).is_some_and(|role| role.contains("master"))
    }

    /// The keys of all leases.
    pub(crate) fn leases(&self) -> Vec<String> {
        let client = ::redis::Client::open(self.url()).expect("an address");
        let mut connection =
            client.get_connection_with_timeout(Duration::from_secs(1)).expect("a connection");
        ::redis::cmd("KEYS").arg("paylatch:lock:*").query(&mut connection).expect("the keys")
    }
}

pub(super) fn command(port: u16, words: &[&str]) -> Option<String> {
    let client = ::redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("an address");
    let mut connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut command = ::redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query::<::redis::Value>(&mut connection).ok().map(|value| format!("{value:?}"))
}

impl LockService for Redis {
    fn backend(&self) -> &'static str {
        "redis"
    }

    fn urls(&self) -> Vec<String> {
        vec![self.url()]
    }
}

/// Three servers that know nothing of each other.
pub(crate) struct Nodes(pub(crate) [Redis; 3]);

impl Nodes {
    pub(crate) fn start() -> Self {
        Self([(); 3].map(|()| Redis::start()))
    }
}

impl LockService for Nodes {
    fn backend(&self) -> &'static str {
        "redlock"
    }

    fn urls(&self) -> Vec<String> {
        self.0.iter().map(Redis::url).collect()
    }
}

/// Three masters with all slots, and a replica of the first.
pub(crate) struct Cluster {
    pub(crate) masters: [Redis; 3],
    pub(crate) replica: Redis,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let (masters, replica) = cluster();
        Self { masters, replica }
    }

    /// Kills the first master and waits until its replica has taken its place.
    pub(crate) fn fail_over(&mut self) {
        self.masters[0].server.stop(Signal::SIGKILL);
        until("the replica is promoted", || {
            let in_order = self.masters[1].command(&["CLUSTER", "INFO"]);
            self.replica.is_master() && in_order.is_some_and(|info| info.contains("cluster_state:ok"))
        });
    }
}

impl LockService for Cluster {
    fn backend(&self) -> &'static str {
        "redis"
    }

    /// Not all of them: the others are found.
    fn urls(&self) -> Vec<String> {
        self.masters[1..].iter().map(|node| node.url().replace("redis://", "redis+cluster://")).collect()
    }
}

fn cluster() -> ([Redis; 3], Redis) {
    let node =
        || Redis::start_on(free_port(), &["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]);
    let (masters, replica) = ([node(), node(), node()], node());
    for (node, (first, last)) in masters.iter().zip([("0", "5460"), ("5461", "10922"), ("10923", "16383")]) {
        node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]).expect("slots");
    }
    for node in masters[1..].iter().chain([&replica]) {
        masters[0].command(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string()]).expect("met");
    }
    let nodes = || masters.iter().chain([&replica]);
    until("all nodes know each other", || {
        nodes().all(|node| {
            node.command(&["CLUSTER", "INFO"]).is_some_and(|info| {
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:4")
            })
        })
    });
    let id = masters[0].text(&["CLUSTER", "MYID"]);
    until("the replica follows", || replica.command(&["CLUSTER", "REPLICATE", &id]).is_some());
    until("the replica is in step", || {
        replica.command(&["INFO", "replication"]).is_some_and(|info| info.contains("master_link_status:up"))
    });
    (masters, replica)
}

/// A master, its replica, and a sentinel that watches them.
pub(crate) struct Sentinel {
    pub(crate) master: Redis,
    pub(crate) replica: Redis,
    port: u16,
    _server: Server,
    _directory: TempDir,
}

impl Sentinel {
    pub(crate) fn start() -> Self {
        let master = Redis::start();
        let master_port = master.port.to_string();
        let replica = Redis::start_on(free_port(), &["--replicaof", "127.0.0.1", &master_port]);
        until("the replica is in step", || {
            replica
                .command(&["INFO", "replication"])
                .is_some_and(|info| info.contains("master_link_status:up"))
        });
        let (directory, port) = (tempfile::tempdir().expect("a directory"), free_port());
        let settings = directory.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nlogfile sentinel.log\n\
             sentinel monitor orders 127.0.0.1 {master_port} 1\n\
             sentinel down-after-milliseconds orders 500\nsentinel failover-timeout orders 2000\n"
        );
        std::fs::write(&settings, text).expect("a file");
        let mut command = Command::new(binary("redis-server", "redis-server"));
        command.arg(&settings).arg("--sentinel").current_dir(directory.path());
        let server = Server::start(command);
        let sentinel = Self { master, replica, port, _server: server, _directory: directory };
        until("the sentinel knows the replica", || {
            sentinel.command(&["SENTINEL", "MASTER", "orders"]).is_some_and(|text| knows_one_replica(&text))
        });
        sentinel
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/orders", self.port)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Option<String> {
        command(self.port, words)
    }

    /// Kills the master and waits until its replica has taken its place.
    pub(crate) fn fail_over(&mut self) {
        self.master.server.stop(Signal::SIGKILL);
        until("the replica is promoted", || self.replica.is_master());
    }
}

impl LockService for Sentinel {
    fn backend(&self) -> &'static str {
        "redis"
    }

    /// The first of them is away.
    fn urls(&self) -> Vec<String> {
        vec![format!("redis+sentinel://127.0.0.1:{}/orders", free_port()), self.url()]
    }
}

fn knows_one_replica(master: &str) -> bool {
    master
        .split_once("num-slaves")
        .is_some_and(|(_, rest)| rest.chars().find(char::is_ascii_digit) == Some('1'))
}
