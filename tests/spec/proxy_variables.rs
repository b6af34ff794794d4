//! Variables of the environment that name a proxy divert nothing: whom we tell, ask or show traces to is in the settings alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;

use crate::lock_servers::Etcd;
use crate::receiver::{Receiver, SECRET};
use crate::servers::eventually;
use crate::told_endpoints::{paid, telling};
#[cfg(feature = "otlp")]
use crate::traces::Collector;
use crate::world::Plan;

/// As the clients that honour them spell them, in lower case, too.
const VARIABLES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// A port of which only is counted who connects to it.
struct Door {
    port: u16,
    visitors: Arc<AtomicUsize>,
}

impl Door {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, visitors) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&visitors);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { port, visitors }
    }

    fn visitors(&self) -> usize {
        self.visitors.load(Ordering::Relaxed)
    }
}

/// A world whose environment names this door as the proxy for everything.
fn proxied(plan: Plan, proxy: &Door) -> Plan {
    let url = format!("http://127.0.0.1:{}", proxy.port);
    VARIABLES
        .iter()
        .fold(plan, |plan, name| plan.environment(name, &url).environment(&name.to_lowercase(), &url))
}

#[tokio::test]
async fn no_request_of_the_server_or_of_its_commands_goes_to_the_proxy_of_the_environment() {
    let (proxy, over_tls, receiver) = (Door::open().await, Door::open().await, Receiver::start().await);
    let plan = telling(proxied(Plan::sqlite(), &proxy), &receiver)
        .set("endpoints.encrypted.url", &format!("'https://127.0.0.1:{}/'", over_tls.port))
        .set("endpoints.encrypted.secrets", &format!("['{SECRET}']"));
    #[cfg(feature = "otlp")]
    let collector = Collector::default();
    #[cfg(feature = "otlp")]
    let plan = plan.set("otlp.endpoint", &format!("'http://{}'", collector.listen().await));
    let world = plan.start().await;

    world.send(&paid("order-1")).await;
    receiver.hears_of("order-1", 1).await;
    eventually("TLS is spoken to whom the settings name", async || (over_tls.visitors() > 0).then_some(()))
        .await;
    for command in [
        &["healthcheck"][..],
        &["endpoints", "test", "shop"],
        &["send", "stripe", "payment_intent.succeeded", "--order", "order-2"],
    ] {
        let done = world.cli(command).await;
        assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    #[cfg(feature = "otlp")]
    eventually("spans arrive", async || (!collector.spans().is_empty()).then_some(())).await;
    assert_eq!(proxy.visitors(), 0);
}

#[tokio::test]
#[ignore = "run by scripts/test --all"]
async fn leases_of_etcd_are_not_asked_for_by_the_proxy_of_the_environment() {
    let (proxy, etcd) = (Door::open().await, Etcd::start());
    let world = proxied(Plan::sqlite(), &proxy).locked_by(&etcd).start().await;
    world.send(&paid("order-1")).await;
    let acquired = ["backend=\"etcd\"", "result=\"acquired\""];
    assert!(world.replicas[0].metric("paylatch_lock_acquire_total", &acquired).await >= 1.0);
    assert_eq!(proxy.visitors(), 0);
}
