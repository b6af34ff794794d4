//! What is told as it happens: which orders changed, and what providers are answered.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::servers::eventually;
use crate::webhooks::payment;
use crate::world::{Plan, World};

/// No test waits longer for a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// All that the live stream tells of an answer.
const FIELDS: [&str; 10] =
    ["at", "detail", "event", "order", "outcome", "reason", "source", "status", "took_ms", "type"];

/// Somebody who watches a stream.
struct Viewer {
    lines: BufReader<TcpStream>,
    status: String,
}

/// One event of a stream.
#[derive(Debug)]
struct Told {
    id: Option<String>,
    name: Option<String>,
    data: Value,
}

impl Viewer {
    /// Asks, and reads up to the first comment, by which the server says that it is there.
    async fn watch(server: SocketAddr, path: &str, header: &str) -> Self {
        let mut viewer = Self::ask(server, path, header).await;
        assert!(viewer.status.contains(" 200 "), "{}", viewer.status);
        while !viewer.line().await.unwrap().starts_with(':') {}
        viewer
    }

    async fn ask(server: SocketAddr, path: &str, header: &str) -> Self {
        let mut socket = TcpStream::connect(server).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut viewer = Self { lines: BufReader::new(socket), status: String::new() };
        viewer.status = viewer.line().await.unwrap();
        viewer
    }

    /// The next line, HTTP's own framing among them; nothing at the end, which the connection may outlive.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.lines.read_line(&mut line)).await.expect("a line in time");
        let is_the_last_chunk = line == "0\r\n";
        (read.unwrap_or_default() > 0 && !is_the_last_chunk).then(|| line.trim_end().to_owned())
    }

    /// The next event; nothing if the stream ends before it.
    async fn next(&mut self) -> Option<Told> {
        let (mut id, mut name) = (None, None);
        loop {
            let line = self.line().await?;
            match line.split_once(": ") {
                Some(("id", text)) => id = Some(text.to_owned()),
                Some(("event", text)) => name = Some(text.to_owned()),
                Some(("data", text)) => {
                    return Some(Told { id, name, data: serde_json::from_str(text).unwrap() });
                }
                Some(_) | None => {}
            }
        }
    }

    async fn has_ended(mut self) {
        while self.next().await.is_some() {}
    }
}

fn admin_of(world: &World) -> SocketAddr {
    world.replicas[0].admin_address()
}

#[tokio::test]
async fn what_a_provider_is_answered_is_told_as_it_happens_without_its_body() {
    let world = Plan::sqlite().start().await;
    let mut all = Viewer::watch(admin_of(&world), "/api/v1/live", "").await;
    let mut refused = Viewer::watch(admin_of(&world), "/api/v1/live?outcome=refused", "").await;
    let mut others = Viewer::watch(admin_of(&world), "/api/v1/live?source=other", "").await;

    let paid = payment("pi_1").of_order("order-1").succeeded();
    world.outcomes(&[&paid, &paid]).await;
    let unsigned = world.replicas[0].post("/webhooks/stripe", &[], paid.body.clone()).await.unwrap();
    assert_eq!(unsigned.status, 401);

    for outcome in ["applied", "duplicate"] {
        let Told { data, .. } = all.next().await.unwrap();
        assert_eq!((&data["outcome"], &data["source"]), (&outcome.into(), &"stripe".into()), "{data}");
        assert_eq!((&data["order"], &data["status"]), (&"order-1".into(), &200.into()), "{data}");
        assert_eq!(data["type"], "payment_intent.succeeded", "{data}");
        let told: Vec<_> = data.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(told, FIELDS, "nothing else of the webhook");
    }
    for viewer in [&mut all, &mut refused] {
        let Told { data, name, .. } = viewer.next().await.unwrap();
        assert_eq!((&data["outcome"], &data["reason"]), (&"refused".into(), &"signature_missing".into()));
        assert_eq!((&data["status"], name), (&401.into(), None));
    }
    world.replicas[0].terminate();
    assert!(others.next().await.is_none(), "another source's viewer is told nothing");
}

#[tokio::test]
async fn a_stream_of_announcements_goes_on_behind_the_last_that_was_seen() {
    for plan in [Plan::postgres(), Plan::sqlite()] {
        let world = plan.set("announce.enabled", "true").start().await;
        let paid = |number: usize| payment(&format!("pi_{number}")).of_order(&format!("order-{number}"));
        world.outcomes(&[&paid(1).succeeded(), &paid(2).succeeded()]).await;

        let path = "/api/v1/announcements/stream";
        let mut first = Viewer::watch(admin_of(&world), path, "").await;
        let told = [first.next().await.unwrap(), first.next().await.unwrap()];
        assert_eq!(told.each_ref().map(|told| &told.data["data"]["order"]), ["order-1", "order-2"]);
        assert_eq!(told[0].data["type"], "order.paid");
        world.outcomes(&[&paid(3).succeeded()]).await;
        assert_eq!(first.next().await.unwrap().data["data"]["order"], "order-3");

        let seen = format!("Last-Event-ID: {}\r\n", told[1].id.as_ref().unwrap());
        let mut again = Viewer::watch(admin_of(&world), path, &seen).await;
        assert_eq!(again.next().await.unwrap().data["data"]["order"], "order-3", "not from the beginning");

        let epoch = world.cli(&["announce", "new-epoch"]).await;
        assert!(epoch.status.success());
        first.has_ended().await;
        let gone = Viewer::ask(admin_of(&world), path, &seen).await;
        assert!(gone.status.contains(" 410 "), "{}", gone.status);
    }
}

#[tokio::test]
async fn streams_need_their_token_are_bounded_in_number_and_end_when_the_server_does() {
    let world = Plan::sqlite()
        .set("admin_token", "'canary_operator_of_streams'")
        .set("admin_view_token", "'canary_viewer_of_streams'")
        .set("announce.token", "'canary_application_of_streams'")
        .start()
        .await;
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let (operator, viewer, application) = (
        bearer("canary_operator_of_streams"),
        bearer("canary_viewer_of_streams"),
        bearer("canary_application_of_streams"),
    );
    let (live, announcements) = ("/api/v1/live", "/api/v1/announcements/stream");
    for (path, header, status) in [
        (live, "", " 401 "),
        (live, application.as_str(), " 401 "),
        (live, viewer.as_str(), " 200 "),
        (announcements, "", " 401 "),
        (announcements, viewer.as_str(), " 200 "),
        (announcements, application.as_str(), " 200 "),
        (announcements, operator.as_str(), " 200 "),
    ] {
        let asked = Viewer::ask(admin_of(&world), path, header).await;
        assert!(asked.status.contains(status), "{path} {header}: {}", asked.status);
    }

    let mut viewers = Vec::new();
    let refused = eventually("no more viewers are let in", async || {
        let asked = Viewer::ask(admin_of(&world), live, &operator).await;
        if asked.status.contains(" 503 ") {
            return Some(asked.status);
        }
        viewers.push(asked);
        None
    });
    assert!(refused.await.contains(" 503 "));
    assert!(viewers.len() <= 32, "{}", viewers.len());

    let begun = std::time::Instant::now();
    world.replicas[0].terminate();
    for viewer in viewers {
        viewer.has_ended().await;
    }
    assert!(world.replicas[0].ended().await.success());
    // Half of what work in flight is given.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
