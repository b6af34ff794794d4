//! Server-Sent Events: one body for all that is told as it happens.
//!
//! A viewer gets a comment at once, so that it knows that it is connected, and one every [`COMMENT_EVERY`], so that neither
//! side and no proxy takes silence for the end. The stream ends as soon as the server is told to end, and the viewer asks again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderName;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::future::ready;
use futures_util::stream::{Stream, StreamExt, once};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::http::observer::AnswerObserver;
use crate::http::{Code, Problem};

/// Streams open at once: half of the admin listener's connections.
const STREAMS_MAX: usize = 32;
/// How often something is sent although nothing happens.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// How soon a viewer should ask again after the end.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Said to nginx, which would keep the lines back until there are many.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// What streams are made of. Cheap to clone: clones share the bound on their number.
#[derive(Debug, Clone)]
pub struct Streams {
    places: Arc<Semaphore>,
    ends: CancellationToken,
    pub(super) answers: AnswerObserver,
}

impl Streams {
    /// Streams that end with `ends`; the live one tells what `answers` sees.
    #[must_use]
    pub fn new(answers: AnswerObserver, ends: CancellationToken) -> Self {
        Self { places: Arc::new(Semaphore::new(STREAMS_MAX)), ends, answers }
    }

    /// Tells `events` for as long as they come and the server runs. A viewer that is slow is waited for: what it misses
    /// meanwhile is the events' own matter.
    pub(super) fn tell(
        &self,
        events: impl Stream<Item = Event> + Send + 'static,
    ) -> Result<Response, Problem> {
        if self.ends.is_cancelled() {
            return Err(Code::ShuttingDown.into());
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Code::TooManyStreams)?;
        let opening = once(ready(Event::default().retry(ASK_AGAIN_AFTER).comment("")));
        let events =
            opening.chain(events).take_until(self.ends.clone().cancelled_owned()).map(move |event| {
                let _held_until_the_end = &place;
                Ok::<_, Infallible>(event)
            });
        let body = Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY));
        Ok(([UNBUFFERED], body).into_response())
    }
}

#[cfg(test)]
impl Default for Streams {
    /// Streams of nothing that never end.
    fn default() -> Self {
        Self::new(AnswerObserver::new(), CancellationToken::new())
    }
}
