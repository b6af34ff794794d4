//! The limits of the client, against servers that do not keep to them.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{HttpClient, Limits, NoAnswer, Reach, Tls};

const LIMITS: Limits = Limits {
    connect_within: Duration::from_millis(300),
    answer_within: Duration::from_millis(600),
    answer_bytes_max: 16,
};

/// Asks a server that answers every connection with `answer` and then says nothing more.
async fn ask(answer: &'static str) -> Result<Bytes, NoAnswer> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/x", listener.local_addr().expect("bound"));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await.expect("a request");
        stream.write_all(answer.as_bytes()).await.expect("sent");
        std::future::pending::<()>().await;
    });
    let answered = send(&url).await;
    server.abort();
    answered
}

async fn send(url: &str) -> Result<Bytes, NoAnswer> {
    let client = HttpClient::new(LIMITS, &Tls::default()).expect("public authorities");
    let request = Request::get(url).body(Bytes::new()).expect("a URL");
    client.send(request).await.map(http::Response::into_body)
}

#[tokio::test]
async fn an_answer_within_the_limits_is_read() {
    let answer = ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(answer, Ok(Bytes::from_static(b"ok")));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let answer =
        ask("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 5\r\n\r\nmoved")
            .await;
    assert_eq!(answer, Ok(Bytes::from_static(b"moved")));
}

#[tokio::test]
async fn a_server_that_is_not_there_has_heard_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let answer = send(&url).await;
    assert!(matches!(&answer, Err(NoAnswer::Unreached(why)) if why.contains("refused")), "{answer:?}");
}

#[tokio::test]
async fn silence_an_endless_head_and_a_body_that_is_too_long_or_cut_off_leave_it_unknown() {
    for said in [
        "",
        "HTTP/1.1 200 OK\r\nX: y",
        "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n12345678901234567",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345",
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    ] {
        let answer = ask(said).await;
        assert!(matches!(answer, Err(NoAnswer::Unknown(_))), "{said:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_reached_over_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("bound"));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("sent");
    });
    let answer = send(&url).await;
    assert!(matches!(&answer, Err(NoAnswer::Unreached(_))), "{answer:?}");
    server.await.expect("it served");
}

#[tokio::test]
async fn a_name_that_leads_where_it_must_not_is_not_connected_to() {
    let reach = Reach::guarded(false, Vec::new());
    let client = HttpClient::reaching(reach, LIMITS, &Tls::default()).expect("public authorities");
    // The look-up of names takes numbers, too, and makes 169.254.169.254 of these: none of them is an address in a URL.
    for host in ["169.254.169.254", "2852039166", "0xa9fea9fe", "169.254.43518"] {
        let request = Request::get(format!("http://{host}/")).body(Bytes::new()).expect("a URL");
        let answer = client.send(request).await;
        assert!(matches!(&answer, Err(NoAnswer::Unreached(why)) if why.contains("link-local")), "{answer:?}");
    }
}
