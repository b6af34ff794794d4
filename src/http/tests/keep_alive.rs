//! Connections that are kept: for how long, and how their end is told.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, advance, pause, resume, sleep, timeout};

use super::{BODY_BYTES_MAX, Health, ListenerOptions, World, read_all, routes, statuses};

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\n\r\n";

/// One answer, whose connection may go on.
async fn ask(socket: &mut TcpStream, request: &[u8]) -> String {
    socket.write_all(request).await.unwrap();
    let mut answer = vec![0; 4_096];
    let length = timeout(super::PATIENCE, socket.read(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn says_close(answer: &str) -> bool {
    answer.contains("connection: close\r\n")
}

/// Lets time pass for the server at once. Nothing is on its way meanwhile: sockets know no virtual time.
async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

async fn idle_for(idle: Duration) -> World {
    let options = ListenerOptions { idle_max: idle, ..ListenerOptions::new("public", 1024) };
    World::with(options, routes(Health::new())).await
}

#[tokio::test]
async fn a_connection_waits_for_its_next_request_as_long_as_the_setting_says() {
    let world = idle_for(Duration::from_millis(1_500)).await;
    let mut socket = world.connect().await;
    for _ in 0..3 {
        assert_eq!(statuses(&ask(&mut socket, LIVEZ).await), [200]);
        pass(Duration::from_millis(900)).await;
    }
    assert_eq!(statuses(&ask(&mut socket, LIVEZ).await), [200]);
    let begun = Instant::now();
    assert_eq!(read_all(&mut socket).await, "");
    let waited = begun.elapsed();
    assert!(waited > Duration::from_millis(1_200) && waited < Duration::from_secs(4), "{waited:?}");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_limits_of_a_head() {
    let world = idle_for(Duration::from_secs(75)).await;
    let mut socket = world.connect().await;
    assert_eq!(statuses(&ask(&mut socket, LIVEZ).await), [200]);
    pass(Duration::from_secs(11)).await;
    assert_eq!(statuses(&ask(&mut socket, LIVEZ).await), [200]);
}

#[tokio::test]
async fn a_connection_of_a_certain_age_ends_with_an_answer_that_says_so() {
    let world = idle_for(Duration::from_secs(75)).await;
    let mut socket = world.connect().await;
    assert!(!says_close(&ask(&mut socket, LIVEZ).await));
    pass(Duration::from_secs(61)).await;
    let last = ask(&mut socket, LIVEZ).await;
    assert!(says_close(&last), "{last}");
    assert_eq!(read_all(&mut socket).await, "");
}

#[tokio::test]
async fn an_answer_to_a_request_whose_body_was_not_read_says_that_the_connection_ends() {
    let world = World::start().await;
    for (head, status) in [
        ("POST /nothing HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 404),
        ("GET /length HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 405),
        ("POST /length HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", 415),
        ("POST /length HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        ("POST /length HTTP/1.1\r\nContent-Length: 5\r\n\r\nhalf", 408),
    ] {
        let mut socket = world.connect().await;
        let answer = ask(&mut socket, head.as_bytes()).await;
        assert_eq!(statuses(&answer), [status]);
        assert!(says_close(&answer), "{answer}");
    }
    let mut socket = world.connect().await;
    let read = ask(&mut socket, b"POST /length HTTP/1.1\r\nContent-Length: 5\r\n\r\nwhole").await;
    assert!(!says_close(&read), "{read}");
}

#[tokio::test]
async fn a_client_that_goes_on_sending_after_its_answer_is_read_to_its_end_for_a_reset_could_cost_it_the_answer()
 {
    let world = World::start().await;
    let mut socket = world.connect().await;
    let length = 20 * BODY_BYTES_MAX;
    let head = format!("POST /length HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    assert_eq!(statuses(&ask(&mut socket, head.as_bytes()).await), [413]);
    for _ in 0..20 {
        socket.write_all(&vec![b'x'; BODY_BYTES_MAX]).await.expect("no reset");
        // The pace of a client that goes on sending.
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn while_it_drains_each_answer_is_the_last_of_its_connection_and_new_ones_are_still_taken() {
    let options = ListenerOptions::new("public", 1024);
    let draining = options.draining.clone();
    let world = World::with(options, routes(Health::new())).await;
    let mut kept = world.connect().await;
    assert!(!says_close(&ask(&mut kept, LIVEZ).await));

    draining.cancel();

    for socket in [&mut kept, &mut world.connect().await] {
        let answer = ask(socket, LIVEZ).await;
        assert_eq!(statuses(&answer), [200]);
        assert!(says_close(&answer), "{answer}");
        assert_eq!(read_all(socket).await, "");
    }
}
