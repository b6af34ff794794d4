//! Requests to an endpoint that were sent and are not answered yet.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use metrics::histogram;
use tokio::time::Instant;

use super::message::Message;
use super::sink::Sink;
use super::verdict::Answer;
use crate::order::UnixMicros;

/// Requests in flight, each with its messages.
#[derive(Default)]
pub(super) struct InFlight {
    answers: FuturesUnordered<BoxFuture<'static, (u64, Answer)>>,
    requests: HashMap<u64, SentRequest>,
    /// How many were sent so far: the number of the next one.
    sent: u64,
}

struct SentRequest {
    messages: Vec<Message>,
    sent_at: Instant,
    /// Its answer is late: its orders are stored as waiting, and the page goes on without it.
    lags: bool,
}

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// How many the page still waits for.
    pub(super) fn on_time(&self) -> usize {
        self.requests.values().filter(|request| !request.lags).count()
    }

    pub(super) fn send(
        &mut self,
        sink: &dyn Sink,
        messages: Vec<Message>,
        (endpoint, now): (&str, UnixMicros),
    ) {
        let number = self.sent;
        self.sent += 1;
        let answer = sink.send(&messages, now);
        let seconds = histogram!("paylatch_announcement_attempt_seconds", "endpoint" => endpoint.to_owned());
        let sent_at = Instant::now();
        self.requests.insert(number, SentRequest { messages, sent_at, lags: false });
        self.answers.push(Box::pin(async move {
            let answer = answer.await;
            seconds.record(sent_at.elapsed());
            (number, answer)
        }));
    }

    /// The next answer, with what it is about; never ends while nothing is in flight.
    pub(super) async fn next(&mut self) -> (Vec<Message>, Answer) {
        loop {
            match self.answers.next().await {
                Some((number, answer)) => {
                    if let Some(request) = self.requests.remove(&number) {
                        return (request.messages, answer);
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// When the next request becomes late.
    pub(super) fn lags_at(&self, after: Duration) -> Option<Instant> {
        self.requests.values().filter(|request| !request.lags).map(|request| request.sent_at + after).min()
    }

    /// Lets the page go on without those that were sent before `before`, and tells of their orders. `is_proof`: something that
    /// was sent later was taken, or there is only one, so that it is not the endpoint that is slow.
    pub(super) fn lag(&mut self, before: Instant, taken_at: Option<Instant>) -> Vec<Message> {
        let is_alone = self.requests.len() == 1;
        let mut lagging = Vec::new();
        for request in self.requests.values_mut().filter(|request| !request.lags && request.sent_at <= before)
        {
            if is_alone || taken_at.is_some_and(|taken_at| taken_at > request.sent_at) {
                request.lags = true;
                for message in &mut request.messages {
                    lagging.push(message.clone());
                    (message.waits, message.position) = (true, None);
                }
            }
        }
        lagging
    }
}
