//! Reads the next page of announcements, and sorts those to be sent now from those that wait.

use std::time::Duration;

use metrics::gauge;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Delivery, Ended};
use crate::announce::message::Message;
use crate::announce::progress::later;
use crate::order::UnixMicros;
use crate::store::{Page, Resync, ToTell};

/// A save ends in less.
const HELD_UP_MAX: Duration = Duration::from_secs(5);

impl Delivery<'_> {
    pub(super) async fn read(&mut self) -> Result<Page, Ended> {
        let owned = (&*self.settings.name, self.owned.term);
        let page = self.context.page(owned, self.owned.cursor, self.owned.resync.as_ref());
        page.await?.ok_or(Ended::Lost)
    }

    /// A save that has drawn a number and does not end holds up everything after it.
    pub(super) fn note_watermark(&mut self, is_final: bool) {
        if is_final {
            self.final_at = Instant::now();
        }
        let age = self.final_at.elapsed();
        gauge!("paylatch_announcement_watermark_age_seconds").set(if is_final {
            0.0
        } else {
            age.as_secs_f64()
        });
        if !is_final && age > HELD_UP_MAX {
            warn!(
                seconds = age.as_secs(),
                "a transaction that does not end holds up all announcements; `pg_locks` shows whose it is"
            );
        }
    }

    /// Takes the page up; tells how far the telling of all orders has come once it is told.
    pub(super) fn begin(&mut self, page: Page) -> Option<Resync> {
        let Page { to_tell, epoch, cursor, fell_off, resync, .. } = page;
        let mut to_send = Vec::with_capacity(to_tell.len());
        let begins_anew = fell_off || epoch != self.owned.epoch;
        if fell_off {
            warn!(
                endpoint = self.settings.name,
                "the endpoint's cursor fell off the log of changes: it is told of all orders again"
            );
        } else if begins_anew {
            info!(
                endpoint = self.settings.name,
                epoch, "another epoch has begun: the endpoint is told of all orders again"
            );
        }
        self.owned.epoch = epoch;
        if begins_anew {
            self.owned.resync = Some(Resync::default());
            self.must_note = true;
        }
        let now = (self.context.now)();
        let positions = to_tell.iter().filter_map(|one| one.position).collect();
        self.progress.begin(positions, cursor);
        for one in to_tell {
            self.sort(one, now, &mut to_send);
        }
        self.progress.send(to_send);
        if begins_anew { self.owned.resync.clone() } else { resync }
    }

    /// Sends it, or says why not now.
    fn sort(&mut self, one: ToTell, now: UnixMicros, to_send: &mut Vec<Message>) {
        let is_provisional = one.announcement.data.is_provisional();
        let waiting = one.waiting.clone();
        let held_until = one.changed_at.map(|at| later(at, self.context.relay.provisional_after));
        let message = Message::new(one);
        let version = (message.epoch, message.version);
        let is_known = waiting.is_none()
            && message.position.is_some()
            && self.recent.get(&message.subject) == Some(&version);
        let is_tried_later = waiting.as_ref().is_some_and(|waiting| {
            !waiting.is_due && !waiting.was_given_up && (!waiting.is_provisional || is_provisional)
        });
        if self.progress.awaits(&message.subject) {
            self.progress.raise(message);
        } else if !self.settings.types.want(&message.type_name) {
            self.count("dropped", 1);
            self.progress.drop(message);
        } else if is_known {
            self.progress.drop(message);
        } else if is_tried_later {
            self.progress.raise(message);
        } else if let Some(until) =
            held_until.filter(|until| is_provisional && waiting.is_none() && *until > now)
        {
            self.progress.hold(&message, until, now);
        } else {
            to_send.push(message);
        }
    }
}
