//! Sends a page, and updates the breaker, the progress and the metrics by each answer.

use std::time::Duration;

use metrics::{counter, histogram};
use rand::random;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Delivery, Ended, RECENT_MAX};
use crate::announce::message::Message;
use crate::announce::progress::{Moment, later};
use crate::announce::verdict::{Answer, Verdict, judge};
use crate::order::UnixMicros;

/// An answer that takes longer holds up no page while others come.
pub(super) const LAGS_AFTER: Duration = Duration::from_secs(1);

impl Delivery<'_> {
    /// Sends what there is, as much at once as may be, until all is answered, or the endpoint takes nothing.
    pub(super) async fn deliver(&mut self, stop: &CancellationToken) -> Result<(), Ended> {
        loop {
            self.send_what_may_be_sent(stop);
            if !self.progress.has_more() {
                self.read_ahead();
            }
            let now = Instant::now();
            let is_over = !self.progress.has_more() || self.owned.is_paused || !self.breaker.is_closed();
            if stop.is_cancelled() || (is_over && self.in_flight.on_time() == 0) {
                return Ok(());
            }
            let lags_at =
                self.in_flight.lags_at(LAGS_AFTER).filter(|at| !self.progress.has_more() && *at > now);
            let paced_at = Some(self.pace.next_at()).filter(|at| *at > now && self.progress.has_more());
            let wake_at = [lags_at, paced_at].into_iter().flatten().fold(self.renews_at(), Instant::min);
            tokio::select! {
                (messages, answer) = self.in_flight.next() => self.settle(messages, answer),
                () = sleep_until(wake_at) => {}
                () = stop.cancelled() => return Ok(()),
            }
            if !self.progress.has_more() {
                self.let_lag();
            }
            self.renew().await?;
        }
    }

    fn send_what_may_be_sent(&mut self, stop: &CancellationToken) {
        let Some(sink) = self.sink.clone() else { return };
        let now = Instant::now();
        while !stop.is_cancelled()
            && !self.owned.is_paused
            && now < self.until
            && self.pace.next_at() <= now
            && self.breaker.room(self.in_flight.len(), now) > 0
        {
            let batch_max = if self.breaker.is_closed() { self.settings.batch_max } else { 1 };
            let Some(messages) = self.progress.next(batch_max) else { return };
            self.breaker.sent();
            self.pace.sent(messages.len(), now);
            self.in_flight.send(&*sink, messages, (&self.settings.name, (self.context.now)()));
        }
    }

    fn let_lag(&mut self) {
        let now = Instant::now();
        let Some(before) = now.checked_sub(LAGS_AFTER) else { return };
        let clock = (self.context.now)();
        let until = later(clock, self.settings.timeout);
        for message in self.in_flight.lag(before, self.taken_at) {
            self.progress.lags(&message, until, clock);
        }
    }

    /// Draws the consequences of an answer.
    pub(super) fn settle(&mut self, messages: Vec<Message>, answer: Answer) {
        let moment = Moment { now: (self.context.now)(), chance: random() };
        let now = Instant::now();
        let verdict = judge(&answer);
        if verdict != Verdict::Told {
            self.error = Some(answer.told());
        }
        match verdict {
            Verdict::Told => {
                self.breaker.succeeded();
                (self.taken_at, self.told_at) = (Some(now), Some(moment.now));
                self.count_told(&messages, moment.now);
                self.remember(&messages);
                self.progress.told(messages, moment);
            }
            Verdict::Refused => {
                self.count("order_failed", messages.len());
                if !self.progress.is_proven() {
                    self.fails(None, moment.chance);
                }
                self.progress.refused(messages, answer, moment, !self.breaker.is_closed());
            }
            Verdict::Failing(retry_after) => {
                self.count("endpoint_failed", messages.len());
                self.fails(retry_after, moment.chance);
                self.progress.failed(messages, &answer, moment, !self.breaker.is_closed());
            }
            Verdict::Gone => {
                warn!(
                    endpoint = self.settings.name,
                    "the endpoint answered 410 and is paused; `paylatch endpoints resume NAME` starts it again"
                );
                self.owned.is_paused = true;
            }
        }
    }

    fn remember(&mut self, messages: &[Message]) {
        if self.recent.len() + messages.len() > RECENT_MAX {
            self.recent.clear();
        }
        let told = messages.iter().map(|message| (message.subject.clone(), (message.epoch, message.version)));
        self.recent.extend(told);
    }

    fn fails(&mut self, retry_after: Option<Duration>, chance: f64) {
        let was_closed = self.breaker.is_closed();
        self.breaker.failed(retry_after, Instant::now(), chance);
        if was_closed && !self.breaker.is_closed() {
            let error = self.error.as_deref().unwrap_or_default();
            warn!(
                endpoint = self.settings.name,
                error, "the endpoint takes nothing: it is only probed until it answers"
            );
        }
    }

    pub(super) fn count(&self, result: &'static str, orders: usize) {
        let labels = [("endpoint", self.settings.name.clone()), ("result", result.to_owned())];
        counter!("paylatch_announcements_total", &labels).increment(orders as u64);
    }

    fn count_told(&self, messages: &[Message], now: UnixMicros) {
        self.count("told", messages.len());
        let seconds = histogram!("paylatch_announcement_seconds", "endpoint" => self.settings.name.clone());
        for at in messages.iter().filter_map(|message| message.changed_at) {
            seconds.record(Duration::from_micros(now.0.saturating_sub(at.0).max(0).unsigned_abs()));
        }
    }
}
