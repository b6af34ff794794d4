//! Delivers to one endpoint while this process owns it: reads a page of announcements, sends it, saves the cursor, and again.

mod ahead;
mod context;
mod read;
mod save;
mod send;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::ahead::Ahead;
pub(super) use self::context::{DeliveryContext, Ended};
use super::EndpointSettings;
use super::breaker::Breaker;
use super::in_flight::InFlight;
use super::pace::Pace;
use super::progress::Progress;
use super::sink::{self, Sink};
use crate::backoff::Backoff;
use crate::order::UnixMicros;
use crate::store::{OwnedEndpoint, Subject};

/// How long after a commit the log is read: others commit at the same time, and are read with it.
const GATHER: Duration = Duration::from_millis(5);
/// When nothing came for so long, the log is looked at less often; commits of this process wake all the same.
const QUIET_AFTER: Duration = Duration::from_secs(10);
const QUIET_POLL: Duration = Duration::from_secs(1);
/// Orders that are remembered to have been told; of more, all are forgotten.
const RECENT_MAX: usize = 10_000;
/// Between attempts while nobody knows whether the endpoint or its orders are at fault.
const DOUBT: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// An endpoint that this process owns.
pub(super) struct Delivery<'t> {
    context: &'t DeliveryContext,
    latest_settings: &'t watch::Receiver<Arc<EndpointSettings>>,
    owned: OwnedEndpoint,
    /// Until when the endpoint is ours, whatever happens.
    until: Instant,
    settings: Arc<EndpointSettings>,
    /// The way there; none while the settings lead nowhere.
    sink: Option<Arc<dyn Sink>>,
    breaker: Breaker,
    pace: Pace,
    progress: Progress,
    in_flight: InFlight,
    /// The version of each order that it was told of lately: one that changed often within a page or two is told once.
    recent: HashMap<Subject, (i64, i64)>,
    /// When the endpoint last took something.
    taken_at: Option<Instant>,
    told_at: Option<UnixMicros>,
    error: Option<String>,
    /// When there was last something to tell.
    busy_at: Instant,
    has_read: bool,
    /// When the log was last final to its end.
    final_at: Instant,
    /// The row is to be written whatever else is new.
    must_note: bool,
    /// From where on the next page may be read before this one is answered.
    next_from: Option<i64>,
    ahead: Option<Ahead>,
}

impl<'t> Delivery<'t> {
    pub(super) fn new(
        context: &'t DeliveryContext,
        latest_settings: &'t watch::Receiver<Arc<EndpointSettings>>,
        owned: OwnedEndpoint,
        until: Instant,
    ) -> Self {
        let settings = Arc::clone(&latest_settings.borrow());
        let (now, clock) = (Instant::now(), (context.now)());
        let probe_in = owned
            .probe_at
            .map(|at| Duration::from_micros(at.0.saturating_sub(clock.0).max(0).unsigned_abs()));
        Self {
            breaker: Breaker::restored(
                settings.in_flight_max,
                owned.failures,
                probe_in.map(|wait| now + wait),
            ),
            pace: Pace::new(settings.rate_max, now),
            progress: Progress::new(settings.retries.clone(), owned.cursor),
            in_flight: InFlight::default(),
            sink: sink::open(&settings).ok(),
            settings,
            context,
            latest_settings,
            owned,
            until,
            recent: HashMap::new(),
            taken_at: None,
            told_at: None,
            error: None,
            busy_at: now,
            has_read: false,
            final_at: now,
            must_note: false,
            next_from: None,
            ahead: None,
        }
    }

    /// Delivers until the endpoint is lost to another process, or this one ends.
    pub(super) async fn go_on(&mut self, stop: &CancellationToken) -> Ended {
        loop {
            if stop.is_cancelled() {
                return Ended::Stopped;
            }
            // Enabled before the log is read, so that a save during the reading wakes this task, too.
            let saved = self.context.store.saved();
            tokio::pin!(saved);
            saved.as_mut().enable();
            self.take_settings();
            let wait_until = match self.round(stop).await {
                Ok(None) => continue,
                Ok(Some(wait_until)) => wait_until,
                Err(ended) => return ended,
            };
            let can_be_woken =
                !self.owned.is_paused && self.breaker.is_closed() && !self.progress.is_in_doubt();
            self.progress.abandon();
            tokio::select! {
                () = saved, if can_be_woken => sleep_until(Instant::now() + GATHER).await,
                () = sleep_until(wait_until.min(self.renews_at())) => {}
                (messages, answer) = self.in_flight.next() => self.settle(messages, answer),
                () = stop.cancelled() => {}
            }
        }
    }

    /// Reads one page, tells it and notes it; says until when to wait if there is nothing more.
    async fn round(&mut self, stop: &CancellationToken) -> Result<Option<Instant>, Ended> {
        self.renew().await?;
        // Before the page is read: what late answers made due is in it.
        self.note_what_came().await?;
        let now = Instant::now();
        if self.owned.is_paused || self.sink.is_none() {
            return Ok(Some(now + QUIET_POLL));
        }
        if self.breaker.room(self.in_flight.len(), now) == 0 {
            return Ok(Some(self.breaker.opens_at().unwrap_or(now + QUIET_POLL).max(now)));
        }
        let page = match self.read_before().await? {
            Some(page) => page,
            None => self.read().await?,
        };
        self.note_watermark(page.is_final);
        self.has_read = true;
        let (at_end, has_news) = (page.at_end, !page.to_tell.is_empty());
        self.next_from = Self::next_from(&page);
        let resync = self.begin(page);
        self.deliver(stop).await?;
        let is_answered = !self.progress.has_more() && self.in_flight.on_time() == 0;
        let is_whole =
            is_answered && !self.progress.is_in_doubt() && self.breaker.is_closed() && !self.owned.is_paused;
        self.judge_ahead(is_whole, resync.as_ref());
        self.note(resync, is_whole).await?;
        if self.progress.is_in_doubt() && self.breaker.is_closed() {
            return Ok(Some(Instant::now() + DOUBT.wait(self.breaker.failures())));
        }
        if has_news {
            self.busy_at = Instant::now();
        }
        let has_more = is_whole && (!at_end || self.owned.resync.is_some());
        let is_quiet = self.busy_at.elapsed() > QUIET_AFTER;
        let poll = self.context.relay.poll;
        let wait = if is_quiet { poll.max(QUIET_POLL) } else { poll };
        Ok((!has_more).then(|| Instant::now() + wait))
    }

    /// Whether a page was read since this process owns the endpoint.
    pub(in crate::announce) fn has_read(&self) -> bool {
        self.has_read
    }

    fn renews_at(&self) -> Instant {
        self.until - self.context.relay.lease + self.context.asks_every()
    }

    /// Keeps the endpoint, if it is time to.
    async fn renew(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        if now < self.renews_at() {
            return Ok(());
        }
        let DeliveryContext { store, owner, relay, .. } = self.context;
        match store.own_endpoint(&self.settings.name, owner, relay.lease).await {
            Ok(Some(owned)) if owned.term == self.owned.term => {
                self.until = now + relay.lease;
                Ok(())
            }
            Ok(_) => Err(Ended::Lost),
            Err(error) if Instant::now() >= self.until => Err(error.into()),
            Err(_) => Ok(()),
        }
    }

    /// Takes settings that were read again.
    fn take_settings(&mut self) {
        let settings = Arc::clone(&self.latest_settings.borrow());
        if !Arc::ptr_eq(&settings, &self.settings) {
            if let Ok(sink) = sink::open(&settings) {
                self.sink = Some(sink);
            }
            self.settings = settings;
        }
    }
}
