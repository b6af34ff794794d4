//! Group commit: the one mechanism that carries the load.
//!
//! A webhook's events go to *lanes*, chosen by what is leased for them, so that lanes never wait for each other. A lane takes
//! everything that has gathered while its last batch was being committed, and commits it as the next batch:
//!
//! ```text
//! gather -> lease -> load -> fold -> save -> answer -> release
//! ```
//!
//! There is no timer: the commit in flight is the timer. An idle service commits singly at the latency of one or two
//! statements; a busy one commits hundreds with one flush. Lanes are tasks of their own: a provider that hangs up cannot cut
//! one. Shutdown is ownership: when the last [`Intake`] is dropped, the queues close and the lanes drain.
//!
//! What a process keeps between two batches, and what ends it:
//!
//! ```text
//!  webhook --> DedupCache --duplicate--> receipt        filled after each commit; of one epoch; 10 min, 400,000 ids
//!                  | new: lock key, lane
//!                  v
//!               EventLane --order busy--> deferred      tried again with jitter until lock.wait_ms
//!                  |
//!                  |  not in the cache, and the last 16 such inserts for each succeeded?
//!                  |      yes: OptimisticInsert, no load        no: load
//!                  |  order at its limit (LargeOrders, 1 min)?  yes: parked, only the event is looked up
//!                  v
//!               decide -> save --fails--> retry: again, split, dead, or 503
//!
//!  epoch (store): ends when a connection is lost or opened, or the look of each second finds another server or none;
//!                 with it end the cache and the streak of optimistic inserts
//!  upkeep:        each second looks at the server, notes a Milestone, writes the Tally of duplicates
//! ```

mod lane;

mod assign;
mod commit;
mod dedup_cache;
mod event_lane;
mod generations;
mod large_orders;
mod load;
mod loaded;
mod milestones;
mod optimistic_insert;
mod pending;
mod reader;
mod retry;
mod tally;
mod upkeep;

mod redemptions;
mod refusal;
mod replace;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use metrics::Gauge;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::lock::Locks;
use crate::order::{Event, Fingerprint, Key, Receipt, Redeemed, Redemption};
use crate::store::Store;

pub use self::assign::{Assignment, assign};
use self::dedup_cache::{DedupCache, Found};
use self::event_lane::EventLane;
use self::generations::{EventDigest, Hashes};
use self::lane::hand_over;
use self::milestones::Milestones;
use self::pending::{Answer, Pending, Room};
pub use self::reader::Reader;
use self::redemptions::{RedemptionLane, RedemptionRequest};
pub use self::refusal::Refusal;
pub use self::replace::{Replaced, replace};
use self::tally::Tally;

/// The limits of intake.
#[derive(Debug, Clone)]
pub struct IntakeSettings {
    /// How many batches are in work at once.
    pub lanes: usize,
    /// Events in a batch.
    pub batch_events_max: usize,
    /// Events that were taken in and not answered yet.
    pub queue_events_max: usize,
    /// Bytes of their bodies.
    pub queue_bytes_max: usize,
    /// From a webhook's last body byte to its answer.
    pub deadline: Duration,
    /// How long a busy order is waited for.
    pub lock_wait: Duration,
    /// Events of one order, beyond which its further ones are parked.
    pub order_events_max: u32,
}

/// Events of one webhook. A webhook with more than `queue_events_max` is admitted alone, and then finds room.
const WEBHOOK_EVENTS_MAX: usize = 16_384;

/// Takes events and answers receipts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    lanes: Vec<mpsc::Sender<Pending>>,
    redemptions: mpsc::Sender<RedemptionRequest>,
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    queued: Gauge,
    shared: Arc<Shared>,
}

/// What the lanes and the handles have in common.
#[derive(Debug)]
struct Shared {
    settings: IntakeSettings,
    reader: Reader,
    cache: DedupCache,
    tally: Tally,
    milestones: Milestones,
}

impl Intake {
    /// Starts the lanes, which read stored events by `reader`. The task that is returned ends when all clones are dropped and every lane has drained;
    /// sooner, with a panic, when a lane keeps failing: then the process should end.
    #[must_use]
    pub fn start(
        settings: &IntakeSettings,
        locks: &Locks,
        store: &Store,
        reader: Reader,
    ) -> (Self, JoinHandle<()>) {
        let lanes = settings.lanes.clamp(1, store.lanes_max());
        let shared = Arc::new(Shared {
            settings: IntakeSettings { lanes, ..settings.clone() },
            reader,
            cache: DedupCache::new(store.epochs().clone()),
            tally: Tally::default(),
            milestones: Milestones::default(),
        });
        let mut tasks = JoinSet::new();
        let senders = (0..lanes).map(|_| {
            let lane = EventLane::new(store.clone(), locks.clone(), Arc::clone(&shared));
            lane::start(&mut tasks, settings.queue_events_max + WEBHOOK_EVENTS_MAX, lane)
        });
        let lanes = senders.collect();
        let redeemer = RedemptionLane::new(store.clone());
        let redemptions = lane::start(&mut tasks, settings.queue_events_max.max(1), redeemer);
        let intake = Self {
            lanes,
            redemptions,
            events: Arc::new(Semaphore::new(settings.queue_events_max)),
            bytes: Arc::new(Semaphore::new(settings.queue_bytes_max)),
            queued: metrics::gauge!("paylatch_queue_events"),
            shared: Arc::clone(&shared),
        };
        let session = store.session();
        let ended = tokio::spawn(async move { upkeep::keep(&shared, session, tasks).await });
        (intake, ended)
    }

    /// The receipts of a webhook that was delivered before, if this process knows that all its events are durable.
    #[must_use]
    pub fn find_duplicate(&self, webhook: &Fingerprint) -> Option<Vec<Receipt>> {
        let duplicates = self.shared.cache.find_duplicate(webhook)?;
        let counted = duplicates.into_iter().map(|(event, receipt)| {
            self.shared.tally.count(&event);
            receipt
        });
        Some(counted.collect())
    }

    /// [`Intake::process`], remembering the webhook for [`Intake::find_duplicate`].
    ///
    /// # Errors
    /// As there.
    pub async fn process_webhook(
        &self,
        webhook: Fingerprint,
        events: Vec<Event>,
        last_byte_at: Instant,
    ) -> Result<Vec<Receipt>, Refusal> {
        let hashes = self.hashes(&events);
        let told = events.iter().zip(&hashes).map(|(event, hashes)| EventDigest::of(event, hashes)).collect();
        let receipts = self.process_hashed(events, hashes, last_byte_at).await?;
        self.shared.cache.remember_webhook(&webhook, told);
        Ok(receipts)
    }

    /// Makes events durable and tells what became of each, in their order.
    ///
    /// Dropping the future does not stop the work. Called with no events, it answers no receipts.
    ///
    /// # Errors
    /// [`Refusal`] when one of them is not known to be durable; the others may be.
    pub async fn process(&self, events: Vec<Event>, last_byte_at: Instant) -> Result<Vec<Receipt>, Refusal> {
        let hashes = self.hashes(&events);
        self.process_hashed(events, hashes, last_byte_at).await
    }

    async fn process_hashed(
        &self,
        events: Vec<Event>,
        hashes: Vec<Hashes>,
        last_byte_at: Instant,
    ) -> Result<Vec<Receipt>, Refusal> {
        let deadline = last_byte_at + self.shared.settings.deadline;
        let found = self.shared.cache.look_up(&events, &hashes);
        let room = self.room_for(&events, &found)?;
        let mut answers = Vec::with_capacity(events.len());
        for ((event, hashes), found) in events.into_iter().zip(hashes).zip(found) {
            answers.push(match found {
                Found::Duplicate(receipt) => {
                    self.shared.tally.count(event.key());
                    Answer::Known(receipt)
                }
                Found::New { lock_key } => {
                    let lane = self.lane_of(lock_key.as_ref().unwrap_or(event.key()))?;
                    let room = room.clone().ok_or(Refusal::QueueFull)?;
                    let (pending, answer) = Pending::new((event, hashes), lock_key, deadline, room);
                    hand_over(lane, pending)?;
                    answer
                }
            });
        }
        let mut receipts = Vec::with_capacity(answers.len());
        for answer in answers {
            receipts.push(answer.receipt(deadline).await?);
        }
        Ok(receipts)
    }

    fn hashes(&self, events: &[Event]) -> Vec<Hashes> {
        events.iter().map(|event| self.shared.cache.hashes(event)).collect()
    }

    /// Redeems a coupon, in a group with all who ask at the same time.
    ///
    /// # Errors
    /// [`Refusal`] when it is not known to be durable. Asked again, a redeemer who was served holds the coupon.
    pub async fn redeem(&self, redemption: Redemption, asked_at: Instant) -> Result<Redeemed, Refusal> {
        let deadline = asked_at + self.shared.settings.deadline;
        redemptions::redeem(&self.redemptions, redemption, deadline).await
    }

    /// Takes room for those events that are not known; known ones need none.
    fn room_for(&self, events: &[Event], found: &[Found]) -> Result<Option<Arc<Room>>, Refusal> {
        let is_new = |found: &Found| matches!(found, Found::New { .. });
        let new = || events.iter().zip(found).filter(|(_, found)| is_new(found)).map(|(event, _)| event);
        let (count, bytes) = (new().count(), new().map(|event| event.evidence().body.len()).sum::<usize>());
        (count > 0).then(|| self.room(count, bytes).map(Arc::new)).transpose()
    }

    /// A webhook that is larger than all the room there is gets all of it, or it could never be taken.
    fn room(&self, events: usize, bytes: usize) -> Result<Room, Refusal> {
        let take = |semaphore: &Arc<Semaphore>, wanted: usize, all: usize| {
            let permits = u32::try_from(wanted.min(all)).unwrap_or(u32::MAX);
            Arc::clone(semaphore).try_acquire_many_owned(permits).map_err(|_| Refusal::QueueFull)
        };
        let settings = &self.shared.settings;
        let events = take(&self.events, events, settings.queue_events_max)?;
        let bytes = take(&self.bytes, bytes, settings.queue_bytes_max)?;
        Ok(Room::new(events, bytes, &self.queued))
    }

    /// Events that need one lease are in one lane; an event without a payment goes by its own id.
    fn lane_of(&self, leased: &Key) -> Result<&mpsc::Sender<Pending>, Refusal> {
        let lane = FixedState::default().hash_one(leased) % self.lanes.len().max(1) as u64;
        let lane = usize::try_from(lane).unwrap_or_default();
        self.lanes.get(lane).ok_or(Refusal::ShuttingDown)
    }
}
