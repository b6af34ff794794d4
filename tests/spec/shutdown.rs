//! SIGTERM: what is in work is finished and answered, and then the process ends.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::under_load;
use crate::webhooks::payment;
use crate::world::{Plan, World};

const SHUTDOWN_MAX: Duration = Duration::from_secs(10);

#[tokio::test]
async fn every_event_acknowledged_before_the_end_is_in_the_database() {
    for world in World::on_each_database().await {
        let deliveries = under_load(&world.replicas, async |traffic| {
            traffic.goes_on_for(100).await;
            world.replicas[0].terminate();
            traffic.goes_on_for(50).await;
        })
        .await;

        let started = Instant::now();
        let status = world.replicas[0].ended().await;
        assert!(status.success(), "{status}");
        assert!(started.elapsed() < SHUTDOWN_MAX);
        for delivery in deliveries.iter().filter(|delivery| delivery.is_acknowledged()) {
            assert!(world.event(&delivery.webhook.id).await.is_some(), "{} is lost", delivery.webhook.id);
        }
    }
}

#[tokio::test]
async fn an_event_that_is_being_saved_is_answered_before_the_end() {
    let world = World::start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let reply = world.proxies[0].hold_reply_to(&webhook.id);
    let end = async {
        reply.is_there().await;
        world.replicas[0].terminate();
        reply.release();
    };
    let (answer, ()) = tokio::join!(world.replicas[0].send(&webhook), end);

    assert_eq!(answer.outcome(), "applied");
    assert!(world.replicas[0].ended().await.success());
}

#[tokio::test]
async fn a_silent_client_does_not_keep_the_process_alive() {
    let world = Plan::sqlite().start().await;
    let _silent = TcpStream::connect(world.replicas[0].address()).await.unwrap();

    let started = Instant::now();
    world.replicas[0].terminate();
    let status = world.replicas[0].ended().await;

    assert!(status.success(), "{status}");
    assert!(started.elapsed() < SHUTDOWN_MAX, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_client_that_drips_its_body_does_not_keep_the_process_alive() {
    let world = Plan::sqlite().start().await;
    let mut slow = TcpStream::connect(world.replicas[0].address()).await.unwrap();
    slow.write_all(b"POST /webhooks/stripe HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf").await.unwrap();

    let started = Instant::now();
    world.replicas[0].terminate();
    let drip = async {
        while slow.write_all(b"x").await.is_ok() {
            // The pace of a slow client.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let (status, ()) = tokio::join!(world.replicas[0].ended(), drip);

    assert!(status.success(), "{status}");
    assert!(started.elapsed() < SHUTDOWN_MAX + Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_and_says_that_work_was_cut() {
    let world = World::start().await;
    let replica = &world.replicas[0];
    let webhook = payment("pi_1").succeeded();

    let reply = world.proxies[0].hold_reply_to(&webhook.id);
    let end = async {
        reply.is_there().await;
        replica.terminate();
        replica.says("ending: no new webhooks are taken").await;
        replica.terminate();
        replica.ended().await
    };
    let (answer, status) = tokio::join!(replica.try_send(&webhook), end);

    // Either its connection was cut, or it learnt just before that its lane was.
    assert!(answer.as_ref().is_ok_and(|answer| answer.status == 503) || answer.is_err(), "{answer:?}");
    assert_eq!(status.code(), Some(1), "{}", replica.output());
    reply.release();
    replica.start_again().await;
    assert_eq!(world.deliver(&webhook).await.status, 200, "its provider sends it again");
    world.audit_is_clean().await;
}

#[tokio::test]
async fn while_it_drains_webhooks_are_taken_and_readyz_says_that_no_more_should_come() {
    let world = Plan::sqlite().set("http.drain_ms", "3000").start().await;
    let replica = &world.replicas[0];
    let started = Instant::now();
    replica.terminate();
    replica.says("draining").await;

    let ready = replica.request(http::Method::GET, "/readyz").await.unwrap();
    let answer = replica.send(&payment("pi_1").succeeded()).await;

    assert_eq!((ready.status.as_u16(), &ready.json()["draining"]), (503, &true.into()));
    assert_eq!((answer.outcome().as_str(), answer.header("connection")), ("applied", Some("close")));
    let status = replica.ended().await;
    assert!(status.success(), "{status}");
    assert!(started.elapsed() > Duration::from_millis(2_900), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_page_and_a_stream_that_are_open_end_with_the_drain_and_do_not_lengthen_it() {
    let world = Plan::sqlite().set("http.drain_ms", "1000").start().await;
    let replica = &world.replicas[0];
    let open = async |path: &str, until: &str| {
        let mut socket = TcpStream::connect(replica.admin_address()).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(until) {
            assert!(socket.read_buf(&mut read).await.unwrap() > 0, "{}", String::from_utf8_lossy(&read));
        }
        socket
    };
    let mut opened = [open("/live", "</html>").await, open("/api/v1/live", "\n:").await];

    let started = Instant::now();
    replica.terminate();
    replica.says("draining").await;
    let answer = replica.send(&payment("pi_1").succeeded()).await;
    assert_eq!(answer.outcome(), "applied", "what watches does not keep a webhook out");
    for socket in &mut opened {
        // Closed or reset: either way nothing comes any more.
        let _ =
            tokio::time::timeout(Duration::from_secs(3), socket.read_to_end(&mut Vec::new())).await.unwrap();
    }
    let status = replica.ended().await;

    assert!(status.success(), "{status}");
    let took = started.elapsed();
    assert!((Duration::from_millis(950)..Duration::from_secs(3)).contains(&took), "{took:?}");
}
