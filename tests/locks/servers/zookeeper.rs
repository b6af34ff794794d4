//! `ZooKeeper` servers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use tempfile::TempDir;
use zookeeper_client::Client;

use super::{LockService, Server, binary, free_port, until};

/// One server that does not flush, with ticks short enough for sessions of a second.
pub(crate) struct ZooKeeper {
    pub(crate) server: Server,
    port: u16,
    directory: TempDir,
}

impl ZooKeeper {
    pub(crate) fn start() -> Self {
        let (directory, port) = (tempfile::tempdir().expect("a directory"), free_port());
        let settings = directory.path().join("zoo.cfg");
        let data = directory.path().join("data");
        let text = format!(
            "tickTime=300\nminSessionTimeout=600\ndataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\n\
             admin.enableServer=false\nforceSync=no\npreAllocSize=1024\nmaxClientCnxns=0\n\
             4lw.commands.whitelist=srvr\n",
            data.display()
        );
        std::fs::write(&settings, text).expect("a file");
        let zookeeper = Self { server: run(directory.path()), port, directory };
        until("ZooKeeper serves", || zookeeper.serves());
        zookeeper
    }

    /// Kills it, and starts it with what it had stored.
    pub(crate) fn restart(&mut self) {
        self.server.stop(Signal::SIGKILL);
        self.server = run(self.directory.path());
        until("ZooKeeper serves", || self.serves());
    }

    /// As if the sessions of all holders had ended.
    pub(crate) async fn delete_every_lease(&self) {
        let root = "/paylatch-lock";
        let client = Client::connect(&format!("127.0.0.1:{}", self.port)).await.expect("a session");
        for name in client.list_children(root).await.expect("the leases") {
            client.delete(&format!("{root}/{name}"), None).await.expect("deleted");
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("zookeeper://127.0.0.1:{}", self.port)
    }

    fn serves(&self) -> bool {
        let mut answer = String::new();
        let asked = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
            stream.write_all(b"srvr")?;
            stream.read_to_string(&mut answer)
        });
        asked.is_ok() && answer.contains("version")
    }
}

impl LockService for ZooKeeper {
    fn backend(&self) -> &'static str {
        "zookeeper"
    }

    fn urls(&self) -> Vec<String> {
        vec![self.url()]
    }
}

fn run(directory: &Path) -> Server {
    let mut command = Command::new(binary("java", "default-jre-headless"));
    command.args(["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &classes()]);
    command.arg("org.apache.zookeeper.server.ZooKeeperServerMain").arg(directory.join("zoo.cfg"));
    command.current_dir(directory).stderr(Stdio::null());
    Server::start(command)
}

/// Where Debian has the server and what it needs.
fn classes() -> String {
    let shelf = Path::new("/usr/share/java");
    let names = [
        "zookeeper",
        "zookeeper-jute",
        "slf4j-api",
        "slf4j-simple",
        "netty-all",
        "metrics-core",
        "snappy-java",
        "commons-cli",
        "commons-io",
    ];
    let files = names.map(|name| shelf.join(format!("{name}.jar")));
    let missing = files.iter().find(|file| !file.is_file());
    assert!(missing.is_none(), "{missing:?} is missing: `apt-get install zookeeper`");
    files.map(|file| file.display().to_string()).join(":")
}
