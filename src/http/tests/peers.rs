//! Many connections, and many refused requests, of one peer: others are served all the same.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};

use super::{Health, ListenerOptions, World, read_all, routes, statuses};

const ASK: &[u8] = b"GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n";
const ASK_AND_KEEP: &[u8] = b"GET /livez HTTP/1.1\r\n\r\n";
const REFUSED: &[u8] = b"GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n";

async fn world(connections_max: usize, per_peer: usize) -> World {
    let options = ListenerOptions {
        connections_per_peer_max: per_peer,
        ..ListenerOptions::new("public", connections_max)
    };
    World::with(options, routes(Health::new())).await
}

/// What the client at 127.0.0.`client` is answered, and after how long.
async fn ask(world: &World, client: u8, request: &[u8]) -> (Vec<u16>, Duration) {
    let begun = Instant::now();
    let mut socket = world.connect_from(client).await;
    // It may be closed before it was sent anything.
    let _ = socket.write_all(request).await;
    (statuses(&read_all(&mut socket).await), begun.elapsed())
}

#[tokio::test]
async fn a_peer_whose_requests_are_in_work_has_no_more_connections_than_its_share() {
    let world = world(64, 2).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut socket = world.connect_from(2).await;
        world.begin_body(&mut socket, 9).await;
        busy.push(socket);
    }
    assert_eq!(ask(&world, 2, ASK).await.0, Vec::<u16>::new(), "closed without an answer");
    assert_eq!(ask(&world, 3, ASK).await.0, [200]);
}

#[tokio::test]
async fn who_keeps_all_connections_idle_delays_nobody() {
    let world = world(8, 0).await;
    let mut hoard = Vec::new();
    for number in 0..32 {
        let mut socket = world.connect_from(2).await;
        if number % 2 == 0 {
            socket.write_all(ASK_AND_KEEP).await.unwrap();
        }
        hoard.push(socket);
    }
    for client in [2, 3] {
        let (answer, took) = ask(&world, client, ASK).await;
        assert_eq!(answer, [200]);
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

#[tokio::test]
async fn refusals_beyond_a_client_s_ration_are_answered_late_and_what_is_right_at_once() {
    let world = world(256, 0).await;
    let flood = futures_util::future::join_all((0..60).map(|_| ask(&world, 2, REFUSED))).await;
    assert!(flood.iter().all(|(answer, _)| *answer == [404]));
    let late = flood.iter().filter(|(_, took)| *took > Duration::from_millis(900)).count();
    assert!((20..=40).contains(&late), "{late} of 60 were held back");

    let more = async { futures_util::future::join_all((0..40).map(|_| ask(&world, 2, REFUSED))).await };
    let right = async {
        // In the middle of the others, which are held back for a second.
        tokio::time::sleep(Duration::from_millis(200)).await;
        timeout(Duration::from_millis(700), ask(&world, 2, ASK)).await.expect("at once").0
    };
    assert_eq!(tokio::join!(more, right).1, [200]);
    let (_, took) = ask(&world, 3, REFUSED).await;
    assert!(took < Duration::from_millis(700), "another client's first refusal: {took:?}");
}
