//! Malformed and ambiguous HTTP: never two requests read from one, never a request that another party reads otherwise.

use super::{World, statuses};

/// A body that is itself a request: what a smuggler wants to be read as the next one.
const SMUGGLED: &str = "GET /livez HTTP/1.1\r\nX: y\r\n\r\n";

struct Case {
    name: &'static str,
    request: Vec<u8>,
    expected: &'static [u16],
}

fn case(name: &'static str, request: impl Into<Vec<u8>>, expected: &'static [u16]) -> Case {
    Case { name, request: request.into(), expected }
}

/// All at once: who is answered and says no more is closed after five seconds.
async fn wrongly_answered(world: &World, cases: impl IntoIterator<Item = Case>) -> Vec<String> {
    let asked = cases.into_iter().map(async |Case { name, request, expected }| {
        let answer = world.exchange(&request).await;
        (statuses(&answer) != expected).then(|| format!("{name}: expected {expected:?}: {answer}"))
    });
    futures_util::future::join_all(asked).await.into_iter().flatten().collect()
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table, of a line or a few for each case")]
async fn ambiguous_lengths_are_refused_or_end_the_connection() {
    let world = World::start().await;
    let length = SMUGGLED.len();
    let chunk = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let post = |headers: &str, body: &str| format!("POST /length HTTP/1.1\r\nHost: h\r\n{headers}\r\n{body}");
    let cases = [
        case(
            "length and chunked",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunk),
            &[200],
        ),
        case(
            "chunked and length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &chunk),
            &[200],
        ),
        case(
            "two lengths",
            post(&format!("Content-Length: {length}\r\nContent-Length: 5\r\n"), SMUGGLED),
            &[400],
        ),
        case("one length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), &[200]),
        case("a length in hexadecimal", post("Content-Length: 0x5\r\n", "hello"), &[400]),
        case("a length with a space in it", post("Content-Length: 1 1\r\n", SMUGGLED), &[400]),
        case("an empty length", post("Content-Length:\r\n", SMUGGLED), &[400]),
        case("a signed length", post("Content-Length: +5\r\n", "hello"), &[400]),
        case("a negative length", post("Content-Length: -5\r\n", "hello"), &[400]),
        case("a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), &[400]),
        case("chunked before identity", post("Transfer-Encoding: chunked, identity\r\n", &chunk), &[400]),
        case(
            "codings on two lines",
            post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", &chunk),
            &[200],
        ),
        case(
            "chunked on a folded line",
            post("Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n", &chunk),
            &[400],
        ),
        case("a space before the colon of chunked", post("Transfer-Encoding : chunked\r\n", &chunk), &[400]),
        case(
            "chunked in HTTP/1.0",
            format!("POST /length HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
            &[400],
        ),
        case(
            "a body where none is read",
            format!("GET /livez HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}"),
            &[200],
        ),
        case(
            "chunks ended by bare line feeds",
            post("Transfer-Encoding: chunked\r\n", "5\nhello\n0\n\n"),
            &[400],
        ),
        case("an unknown coding", post("Transfer-Encoding: xchunked\r\n", &chunk), &[400]),
        case("a space before the colon", post("Content-Length : 5\r\n", "hello"), &[400]),
        case("a folded header", post("X-Folded: a\r\n b\r\n", ""), &[400]),
        case(
            "a chunk size that is no number",
            post("Transfer-Encoding: chunked\r\n", "5z\r\nhello\r\n0\r\n\r\n"),
            &[400],
        ),
        case(
            "a chunk longer than its size",
            post("Transfer-Encoding: chunked\r\n", "2\r\nhello\r\n0\r\n\r\n"),
            &[400],
        ),
        case(
            "a chunk size beyond 64 bits",
            post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\nx\r\n"),
            &[400],
        ),
        case(
            "a chunk extension of 100 KB",
            post(
                "Transfer-Encoding: chunked\r\n",
                &format!("5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(100_000)),
            ),
            &[400],
        ),
        case(
            "1,000 trailers",
            post("Transfer-Encoding: chunked\r\n", &format!("0\r\n{}\r\n", "T: t\r\n".repeat(1_000))),
            &[400],
        ),
    ];
    assert_eq!(wrongly_answered(&world, cases).await, Vec::<String>::new());
}

#[tokio::test]
async fn bytes_that_no_head_may_hold_are_refused() {
    let world = World::start().await;
    let close = "Connection: close\r\n\r\n";
    let cases = [
        case("bare line feeds", "GET /livez HTTP/1.1\nConnection: close\n\n", &[200]),
        case("no Host", format!("GET /livez HTTP/1.1\r\n{close}"), &[200]),
        case("a NUL in a value", format!("GET /livez HTTP/1.1\r\nX: a\0b\r\n{close}"), &[400]),
        case("a NUL in a name", format!("GET /livez HTTP/1.1\r\nX\0: a\r\n{close}"), &[400]),
        case("a NUL in the path", format!("GET /live\0z HTTP/1.1\r\n{close}"), &[400]),
        case(
            "high bytes in a value",
            [b"GET /livez HTTP/1.1\r\nX: \xff\xfe\r\n", close.as_bytes()].concat(),
            &[200],
        ),
        case(
            "high bytes in a name",
            [b"GET /livez HTTP/1.1\r\n\xff: x\r\n", close.as_bytes()].concat(),
            &[400],
        ),
        case(
            "a bare carriage return in a value",
            format!("GET /livez HTTP/1.1\r\nX: a\rb\r\n{close}"),
            &[400],
        ),
        case("a tab in a method", format!("G\tET /livez HTTP/1.1\r\n{close}"), &[400]),
        case("a space in a path", format!("GET /live z HTTP/1.1\r\n{close}"), &[400]),
        case("a version of the future", format!("GET /livez HTTP/1.2\r\n{close}"), &[400]),
        case("no version", "GET /livez\r\n\r\n", &[400]),
        case("HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", &[]),
        case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
    ];
    assert_eq!(wrongly_answered(&world, cases).await, Vec::<String>::new());
}

#[tokio::test]
async fn paths_are_matched_as_they_are() {
    let world = World::start().await;
    for (path, expected) in [
        ("/livez?x=1", 200),
        ("//livez", 404),
        ("/./livez", 404),
        ("/x/../livez", 404),
        ("/livez/", 404),
        ("/livez;x", 404),
        ("/LIVEZ", 404),
        ("/%2e/livez", 404),
        ("/%6civez", 404),
        ("/livez%00", 404),
        ("/livez%2f", 404),
        ("/..%2flivez", 404),
        ("http://elsewhere/livez", 200),
    ] {
        let answer = world.exchange(format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(statuses(&answer), [expected], "{path}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_each_with_its_own_body() {
    let world = World::start().await;
    let mut requests = String::new();
    for length in 0..50 {
        let close = if length == 49 { "Connection: close\r\n" } else { "" };
        requests += &format!(
            "POST /length HTTP/1.1\r\nContent-Length: {length}\r\n{close}\r\n{}",
            "x".repeat(length)
        );
    }
    let answer = world.exchange(requests).await;
    let lengths: Vec<&str> =
        answer.split("length=").skip(1).map(|rest| rest.split("HTTP").next().unwrap()).collect();
    let expected: Vec<String> = (0..50).map(|length: usize| length.to_string()).collect();
    assert_eq!(lengths, expected);
}

#[tokio::test]
async fn a_path_that_is_only_read_takes_no_other_method() {
    let world = World::start().await;
    let answer = world.exchange("DELETE /readyz HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(statuses(&answer), [405]);
    assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
}
