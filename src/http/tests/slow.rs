//! Clients that take their time: each shape is closed within some ten seconds, and no other client notices.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{Health, ListenerOptions, World, read_all, routes, statuses};

const CLOSED_WITHIN: Duration = Duration::from_secs(12);
const HALF_A_HEADER: &str = "POST /length HTTP/1.1\r\nHost: slow\r\nX-Half: ";
const HALF_A_BODY: &str = "POST /length HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf";

/// Sends `first`, then `drop` every second, until the server closes; returns its answer.
async fn drip(world: &World, first: &str, drop: &str) -> String {
    let begun = Instant::now();
    let socket = world.connect().await.into_std().unwrap();
    let mut writer = TcpStream::from_std(socket.try_clone().unwrap()).unwrap();
    let mut reader = TcpStream::from_std(socket).unwrap();
    writer.write_all(first.as_bytes()).await.unwrap();
    let dripping = async {
        while !drop.is_empty() && writer.write_all(drop.as_bytes()).await.is_ok() {
            // The pace of a slow client.
            sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    let answer = tokio::select! {
        answer = read_all(&mut reader) => answer,
        () = dripping => unreachable!("it waits for ever"),
    };
    let took = begun.elapsed();
    assert!(took < CLOSED_WITHIN, "{first:?} and {drop:?}: open for {took:?}");
    answer
}

#[tokio::test]
async fn every_slow_shape_is_closed_within_twelve_seconds() {
    let options =
        ListenerOptions { idle_max: Duration::from_secs(11), ..ListenerOptions::new("public", 1024) };
    let world = World::with(options, routes(Health::new())).await;
    let keep_alive = "GET /livez HTTP/1.1\r\n\r\n";
    let (silent, one_byte, half_header, header_drip, half_body, body_drip, idle) = tokio::join!(
        drip(&world, "", ""),
        drip(&world, "P", ""),
        drip(&world, HALF_A_HEADER, ""),
        drip(&world, HALF_A_HEADER, "x"),
        drip(&world, HALF_A_BODY, ""),
        drip(&world, HALF_A_BODY, "x"),
        drip(&world, keep_alive, ""),
    );
    for answer in [silent, one_byte, half_header, header_drip] {
        assert_eq!(answer, "", "no request, no answer");
    }
    for answer in [half_body, body_drip] {
        assert_eq!(statuses(&answer), [408]);
        assert!(answer.contains("\"code\":\"body_too_slow\""), "{answer}");
    }
    assert_eq!(statuses(&idle), [200]);
}

#[tokio::test]
async fn slow_clients_at_the_connection_limit_delay_others_only_until_they_are_closed() {
    let world = World::serving_at_most(4, routes(Health::new())).await;
    let mut hoard = Vec::new();
    for _ in 0..4 {
        let mut socket = world.connect().await;
        socket.write_all(HALF_A_HEADER.as_bytes()).await.unwrap();
        hoard.push(socket);
    }
    let begun = Instant::now();
    let answer = world.exchange("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(statuses(&answer), [200]);
    assert!(begun.elapsed() < CLOSED_WITHIN, "{:?}", begun.elapsed());
}
