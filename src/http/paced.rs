//! A socket with deadlines: it gives up on a peer that does not send its request, or does not read its answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::progress::Progress;

/// For a peer to take what is sent to it, once the kernel takes no more of it.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// The socket, its clocks, and what the connection is doing.
#[derive(Debug)]
pub(super) struct Paced<S> {
    socket: S,
    progress: Arc<Progress>,
    read_clock: Pin<Box<Sleep>>,
    write_clock: Option<Pin<Box<Sleep>>>,
    is_overdue: bool,
}

impl<S> Paced<S> {
    pub(super) fn new(socket: S, progress: Arc<Progress>) -> Self {
        let read_clock = Box::pin(sleep_until(Instant::now()));
        Self { socket, progress, read_clock, write_clock: None, is_overdue: false }
    }

    /// Whether it gave up.
    pub(super) fn is_overdue(&self) -> bool {
        self.is_overdue
    }

    pub(super) fn into_socket(self) -> S {
        self.socket
    }

    /// Waits for the peer until what it has to do is overdue.
    fn await_peer(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Some(deadline) = self.progress.deadline() else { return Poll::Pending };
        if self.read_clock.deadline() != deadline {
            self.read_clock.as_mut().reset(deadline);
        }
        ready!(self.read_clock.as_mut().poll(context));
        Poll::Ready(self.overdue())
    }

    /// Waits for the peer to read. The clock runs until all that there is to send is sent, not until a byte is.
    fn await_reader(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let begin = || Box::pin(sleep_until(Instant::now() + WRITE_MAX));
        ready!(self.write_clock.get_or_insert_with(begin).as_mut().poll(context));
        Poll::Ready(self.overdue())
    }

    fn overdue(&mut self) -> io::Error {
        self.is_overdue = true;
        io::ErrorKind::TimedOut.into()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.socket).poll_read(context, buffer) {
            Poll::Pending => self.await_peer(context).map(Err),
            Poll::Ready(read) => {
                if buffer.filled().len() > before {
                    self.progress.received();
                }
                Poll::Ready(read)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write(context, bytes) {
            Poll::Pending => self.await_reader(context).map(Err),
            written @ Poll::Ready(_) => written,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write_vectored(context, pieces) {
            Poll::Pending => self.await_reader(context).map(Err),
            written @ Poll::Ready(_) => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.socket).poll_flush(context) {
            Poll::Pending => self.await_reader(context).map(Err),
            flushed @ Poll::Ready(_) => {
                self.write_clock = None;
                flushed
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.socket).poll_shutdown(context) {
            Poll::Pending => self.await_reader(context).map(Err),
            ended @ Poll::Ready(_) => ended,
        }
    }
}
