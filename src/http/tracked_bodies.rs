//! Bodies that update their connection's progress: a request's body, once all of it is read; an answer's body, once it is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Error;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};

use super::progress::{Doing, Progress};

/// A request in work, until its answer is written; then its connection waits for another.
#[derive(Debug)]
pub(super) struct InWork(Arc<Progress>);

impl InWork {
    pub(super) fn begin(progress: &Arc<Progress>) -> Self {
        progress.set(Doing::Busy);
        Self(Arc::clone(progress))
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.set(Doing::Idle);
    }
}

/// The body of a request.
pub(super) struct TrackedRequestBody {
    body: Incoming,
    progress: Arc<Progress>,
}

impl TrackedRequestBody {
    pub(super) fn new(body: Incoming, progress: &Arc<Progress>) -> Self {
        progress.set_body_is_unread(!body.is_end_stream());
        Self { body, progress: Arc::clone(progress) }
    }
}

impl HttpBody for TrackedRequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) {
            self.progress.set_body_is_unread(false);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer.
pub(super) struct TrackedAnswerBody {
    body: Body,
    _in_work: InWork,
}

impl TrackedAnswerBody {
    pub(super) fn new(body: Body, in_work: InWork) -> Self {
        Self { body, _in_work: in_work }
    }
}

impl HttpBody for TrackedAnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
