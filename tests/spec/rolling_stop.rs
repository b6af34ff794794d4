//! Replicas are stopped one after the other behind a proxy, and no webhook is refused: with the very files of
//! `deploy/proxies` that the documentation gives.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use http::Method;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::servers::{Port, Process, eventually};
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// As many as shops have on their way at once in a rush.
const SENDERS: usize = 6;
/// Each replica is stopped twice.
const STOPS: usize = 4;
/// Between two stops so many webhooks are answered.
const WEBHOOKS_BETWEEN_STOPS: usize = 60;

#[tokio::test]
#[ignore = "needs nginx: run by scripts/test --all"]
async fn nginx_loses_no_webhook_while_replicas_are_stopped() {
    no_webhook_is_lost("nginx.conf", |configuration, directory| {
        let pid = directory.join("nginx.pid");
        let mut nginx = Command::new("/usr/sbin/nginx");
        nginx.arg("-p").arg(directory).arg("-c").arg(configuration);
        nginx.args(["-e", "stderr", "-g", &format!("daemon off; pid {};", pid.display())]);
        nginx
    })
    .await;
}

#[tokio::test]
#[ignore = "needs haproxy: run by scripts/test --all"]
async fn haproxy_loses_no_webhook_while_replicas_are_stopped() {
    no_webhook_is_lost("haproxy.cfg", |configuration, _| {
        let mut haproxy = Command::new("/usr/sbin/haproxy");
        haproxy.args(["-db", "-q", "-f"]).arg(configuration);
        haproxy
    })
    .await;
}

async fn no_webhook_is_lost(file: &str, command: impl FnOnce(&Path, &Path) -> Command) {
    let world = Plan::postgres().replicas(2).start().await;
    let proxy = ReverseProxy::start(file, &world, command).await;
    let is_over = AtomicBool::new(false);

    let senders = join_all((0..SENDERS).map(|sender| send(sender, proxy.address, &is_over)));
    let stops = async {
        for stop in 0..STOPS {
            answered(&world, WEBHOOKS_BETWEEN_STOPS).await;
            let replica = &world.replicas[stop % 2];
            replica.terminate();
            assert!(replica.ended().await.success());
            answered(&world, WEBHOOKS_BETWEEN_STOPS).await;
            replica.start_again().await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let (refused, ()) = tokio::join!(senders, stops);

    let refused: Vec<String> = refused.into_iter().flatten().collect();
    assert!(refused.is_empty(), "{} of {}: {refused:?}", refused.len(), world.count("events").await);
    world.audit_is_clean().await;
}

/// Waits until so many more webhooks are stored.
async fn answered(world: &World, webhooks: usize) {
    let goal = world.count("events").await + i64::try_from(webhooks).expect("a small number");
    eventually("the traffic goes on", async || (world.count("events").await >= goal).then_some(())).await;
}

/// Sends one webhook after the other through the proxy, and gives those answers that were no 200.
async fn send(sender: usize, proxy: SocketAddr, is_over: &AtomicBool) -> Vec<String> {
    let client = Client::new();
    let mut refused = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let webhook =
            payment(&format!("pi_{sender}_{number}")).of_order(&format!("o{sender}-{number}")).succeeded();
        let place = (proxy, "/webhooks/stripe");
        match client.request(Method::POST, place, &webhook.signed(), webhook.body.clone()).await {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => {
                refused.push(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)))
            }
            Err(error) => refused.push(error),
        }
    }
    refused
}

/// A reverse proxy of the machine's, with a file of `deploy/proxies`.
struct ReverseProxy {
    address: SocketAddr,
    _process: Process,
    _directory: TempDir,
    _port: Port,
}

impl ReverseProxy {
    async fn start(file: &str, world: &World, command: impl FnOnce(&Path, &Path) -> Command) -> Self {
        let directory = tempfile::Builder::new().prefix("paylatch-edge-").tempdir().expect("a directory");
        let port = Port::reserve();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
        let configuration = directory.path().join(file);
        fs::write(&configuration, addressed(file, address, world)).expect("a file");
        let log = fs::File::create(directory.path().join("log")).expect("a file");
        let mut command = command(&configuration, directory.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        let process = Process::start(&mut command, Signal::SIGTERM);
        eventually("the proxy listens", async || TcpStream::connect(address).await.ok()).await;
        Self { address, _process: process, _directory: directory, _port: port }
    }
}

/// The file as it is, but for the addresses.
fn addressed(file: &str, listen: SocketAddr, world: &World) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/proxies").join(file);
    let text = fs::read_to_string(path).expect("a configuration");
    let [first, second] = [0, 1].map(|replica: usize| world.replicas[replica].address().to_string());
    let replaced = text
        .replace("paylatch-1:8080", &first)
        .replace("paylatch-2:8080", &second)
        .replace("listen 8080", &format!("listen {listen}"))
        .replace("bind :8080", &format!("bind {listen}"));
    assert!(!replaced.contains("8080"), "an address was overlooked");
    replaced
}
