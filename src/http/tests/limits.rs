//! Sizes: of bodies, heads, URIs, and of all bodies together.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{BODY_BYTES_MAX, World, body, statuses};

fn post(headers: &str, body: &str) -> String {
    format!("POST /length HTTP/1.1\r\nConnection: close\r\n{headers}\r\n{body}")
}

fn chunked(bytes: usize) -> String {
    post("Transfer-Encoding: chunked\r\n", &format!("{bytes:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(bytes)))
}

#[tokio::test]
async fn a_body_at_its_limit_is_read_and_one_byte_more_is_refused() {
    let world = World::start().await;
    let sized = |bytes| post(&format!("Content-Length: {bytes}\r\n"), &"x".repeat(bytes));
    for request in [sized(BODY_BYTES_MAX), chunked(BODY_BYTES_MAX)] {
        let answer = world.exchange(request).await;
        assert!(answer.ends_with(&format!("length={BODY_BYTES_MAX}")), "{answer}");
    }
    for request in [sized(BODY_BYTES_MAX + 1), chunked(BODY_BYTES_MAX + 1)] {
        let answer = world.exchange(request).await;
        assert_eq!(statuses(&answer), [413]);
        assert_eq!(body(&answer)["detail"], format!("at most {BODY_BYTES_MAX} bytes"));
    }
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_a_byte_of_the_body_is_sent() {
    let world = World::start().await;
    let answer = world.exchange(post("Content-Length: 99999999999\r\nExpect: 100-continue\r\n", "")).await;
    assert_eq!(statuses(&answer), [413], "and no 100 Continue");
}

#[tokio::test]
async fn the_answer_reaches_a_client_that_sends_a_large_body_to_its_end_before_it_reads() {
    let world = World::start().await;
    let length = 3_000_000;
    let answer = world.exchange(post(&format!("Content-Length: {length}\r\n"), &"x".repeat(length))).await;
    assert_eq!(statuses(&answer), [413]);
}

#[tokio::test]
async fn an_encoded_body_is_refused_before_it_is_read() {
    let world = World::start().await;
    for encoding in ["gzip", "gzip, gzip", "br", "identity", ""] {
        let answer =
            world.exchange(post(&format!("Content-Encoding: {encoding}\r\nContent-Length: 5\r\n"), "")).await;
        assert_eq!((statuses(&answer), &body(&answer)["code"]), (vec![415], &"content_encoded".into()));
    }
}

#[tokio::test]
async fn heads_are_limited_in_bytes_in_lines_and_in_their_uri() {
    let world = World::start().await;
    let lines = |count| "X-Line: 1\r\n".repeat(count);
    for (name, request, expected) in [
        ("60 lines", post(&lines(60), ""), 200),
        ("100 lines", post(&lines(100), ""), 431),
        ("10,000 lines", post(&lines(10_000), ""), 431),
        ("a signature of 16 KiB", post(&format!("Stripe-Signature: {}\r\n", "v".repeat(16_384)), ""), 200),
        ("a signature of 64 KiB", post(&format!("Stripe-Signature: {}\r\n", "v".repeat(65_536)), ""), 431),
        (
            "a URI of 16 KiB",
            format!("GET /livez?{} HTTP/1.1\r\nConnection: close\r\n\r\n", "q".repeat(16_384)),
            200,
        ),
        (
            "a URI of 70 KiB",
            format!("GET /livez?{} HTTP/1.1\r\nConnection: close\r\n\r\n", "q".repeat(71_680)),
            431,
        ),
    ] {
        let answer = world.exchange(request).await;
        assert_eq!(statuses(&answer), [expected], "{name}");
    }
}

#[tokio::test]
async fn bodies_beyond_the_memory_of_all_are_told_to_come_again_before_they_are_read() {
    let world = World::start().await;
    let mut stalled = Vec::new();
    for client in 2..5 {
        let mut socket = world.connect_from(client).await;
        socket.write_all(&all_but_the_last_byte()).await.unwrap();
        stalled.push(socket);
    }
    for request in [post("Content-Length: 1\r\n", "x"), chunked(1)] {
        let answer = refused_for_memory(&world, &request).await;
        assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    }
    let mut first = stalled.remove(0);
    first.write_all(b"x").await.unwrap();
    let mut answer = [0; 15];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let answer = world.exchange(post("Content-Length: 1\r\n", "x")).await;
    assert!(answer.ends_with("length=1"), "{answer}");
}

/// A request whose body stalls before its end, with nearly all of its memory taken.
fn all_but_the_last_byte() -> Vec<u8> {
    let head = format!("POST /length HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; BODY_BYTES_MAX - 1]].concat()
}

/// The answer once there is no memory: how far others' bodies have come is told by nothing that a test could wait for.
async fn refused_for_memory(world: &World, request: &str) -> String {
    let refused = async {
        loop {
            let answer = world.exchange(request).await;
            if statuses(&answer) == [503] {
                assert_eq!(body(&answer)["code"], "memory_full");
                return answer;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(2), refused).await.expect("the memory is taken")
}

#[tokio::test]
async fn bodies_that_are_announced_and_not_sent_take_no_memory() {
    let world = World::start().await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut socket = world.connect().await;
        world.begin_body(&mut socket, BODY_BYTES_MAX).await;
        idle.push(socket);
    }
    let request = post(&format!("Content-Length: {BODY_BYTES_MAX}\r\n"), &"x".repeat(BODY_BYTES_MAX));
    assert_eq!(statuses(&world.exchange(&request).await), [200]);
}

#[tokio::test]
async fn the_bodies_of_one_client_leave_memory_for_those_of_others() {
    let world = World::start().await;
    let mut greedy = Vec::new();
    for _ in 0..2 {
        let mut socket = world.connect_from(2).await;
        socket.write_all(&all_but_the_last_byte()).await.unwrap();
        greedy.push(socket);
    }
    let third = async {
        loop {
            let mut socket = world.connect_from(2).await;
            let _ = socket.write_all(post("Content-Length: 1\r\n", "x").as_bytes()).await;
            if statuses(&super::read_all(&mut socket).await) == [503] {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(2), third).await.expect("its share is taken");
    let answer = world.exchange(post("Content-Length: 1\r\n", "x")).await;
    assert!(answer.ends_with("length=1"), "{answer}");
}

#[tokio::test]
async fn the_memory_of_a_client_that_hangs_up_is_free_again() {
    let world = World::start().await;
    for _ in 0..20 {
        let mut socket = world.connect().await;
        let head = format!("POST /length HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\nhalf");
        socket.write_all(head.as_bytes()).await.unwrap();
    }
    let request = post(&format!("Content-Length: {BODY_BYTES_MAX}\r\n"), &"x".repeat(BODY_BYTES_MAX));
    // Hanging up is told by the kernel, not by an event that the test could wait for.
    let all_free = async {
        while statuses(&world.exchange(&request).await) != [200] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), all_free).await.expect("free again");
}
