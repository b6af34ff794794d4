//! An HTTP/1.1 connection of our own: one write and usually one read for a webhook.

use std::time::Duration;

use httparse::{EMPTY_HEADER, Response, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::plan::Target;

/// For a connection to open.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// From a request's first byte to its answer's last: longer than any provider waits.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Bytes of an answer, head and body.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Header lines of an answer.
const HEADERS_MAX: usize = 32;

/// A kept-alive connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// What was read of the present answer.
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<'c> {
    pub(super) status: u16,
    pub(super) body: &'c [u8],
    /// The server closes the connection after this answer.
    pub(super) is_last: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// No connection, or it broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Nothing came in time.
    #[error("no answer within {} s", ANSWER_MAX.as_secs())]
    TooSlow,
    /// What came is not understood.
    #[error("the answer is not understood: {0}")]
    Malformed(&'static str),
}

/// Where an answer's parts are.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) status: u16,
    pub(super) body_from: usize,
    pub(super) body_to: usize,
    pub(super) is_last: bool,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Self, Unanswered> {
        let connect = TcpStream::connect((target.host.as_str(), target.port));
        let stream = timeout(CONNECT_MAX, connect).await.map_err(|_| Unanswered::TooSlow)??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::with_capacity(1024) })
    }

    /// Sends a request and reads its answer.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Unanswered> {
        let exchange = async {
            self.stream.write_all(request).await?;
            self.read_answer().await
        };
        let shape = timeout(ANSWER_MAX, exchange).await.map_err(|_| Unanswered::TooSlow)??;
        let body = self.read.get(shape.body_from..shape.body_to).unwrap_or_default();
        Ok(Answer { status: shape.status, body, is_last: shape.is_last })
    }

    async fn read_answer(&mut self) -> Result<Shape, Unanswered> {
        self.read.clear();
        loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(Unanswered::Malformed("it ends too early"));
            }
            if let Some(shape) = Shape::of(&self.read)? {
                return Ok(shape);
            }
            if self.read.len() > ANSWER_BYTES_MAX {
                return Err(Unanswered::Malformed("it is too long"));
            }
        }
    }
}

impl Shape {
    /// `None` until all of it was read.
    pub(super) fn of(read: &[u8]) -> Result<Option<Self>, Unanswered> {
        let mut headers = [EMPTY_HEADER; HEADERS_MAX];
        let mut head = Response::new(&mut headers);
        let Status::Complete(body_from) =
            head.parse(read).map_err(|_| Unanswered::Malformed("it is not HTTP"))?
        else {
            return Ok(None);
        };
        let header = |name: &str| {
            head.headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name))
                .map(|header| header.value)
        };
        let length: usize = header("content-length")
            .and_then(|value| std::str::from_utf8(value).ok()?.trim().parse().ok())
            .ok_or(Unanswered::Malformed("it has no Content-Length"))?;
        let body_to = body_from + length.min(ANSWER_BYTES_MAX);
        let is_last = header("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
        let status = head.code.unwrap_or_default();
        Ok((read.len() >= body_to).then_some(Self { status, body_from, body_to, is_last }))
    }
}
