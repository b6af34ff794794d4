//! The lane of events: what it does with a batch is lease, commit, answer, release.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use crate::backoff::Backoff;
use crate::lock::{Attempt, Lease, Locks};
use crate::store::{Session, Store, StoreError};

use super::lane::{Lane, Queue};
use super::large_orders::LargeOrders;
use super::loaded::Loaded;
use super::optimistic_insert::OptimisticInsert;
use super::pending::{LockWait, Pending, fold_repeats, span_of};
use super::{Refusal, Shared};

/// The waits for a busy order.
const BUSY_RETRY: Backoff = Backoff::new(Duration::from_millis(25), Duration::from_millis(250));

/// One stream of batches, with a database connection of its own.
pub(super) struct EventLane {
    locks: Locks,
    pub(super) database: Store,
    pub(super) session: Session,
    pub(super) optimistic_insert: OptimisticInsert,
    pub(super) large_orders: LargeOrders,
    pub(super) shared: Arc<Shared>,
}

impl Lane for EventLane {
    type Request = Pending;

    fn batch_max(&self) -> usize {
        self.shared.settings.batch_events_max.max(1)
    }

    async fn commit(&mut self, gathered: Vec<Pending>, queue: &mut Queue<Pending>) {
        let (batch, contradicting) = fold_repeats(gathered);
        for pending in contradicting {
            queue.defer(pending, Instant::now());
        }
        let span = span_of(&batch);
        self.lease_and_commit(batch, queue).instrument(span).await;
    }

    fn reopen(&mut self) {
        self.session = self.database.session();
    }
}

impl EventLane {
    pub(super) fn new(store: Store, locks: Locks, shared: Arc<Shared>) -> Self {
        let session = store.session();
        Self {
            locks,
            database: store,
            session,
            optimistic_insert: OptimisticInsert::default(),
            large_orders: LargeOrders::default(),
            shared,
        }
    }

    async fn lease_and_commit(&mut self, batch: Vec<Pending>, queue: &mut Queue<Pending>) {
        let orders: Vec<Option<String>> =
            batch.iter().map(|pending| Some(pending.lock_key.as_ref()?.to_string())).collect();
        let (leased, loaded) = self.lease_and_load(&batch, &orders).await;
        let (batch, lease) = self.free_of(batch, &orders, leased, queue);
        if !batch.is_empty() {
            metrics::histogram!("paylatch_commit_batch_events").record(batch.len() as f64);
            self.commit_leased(batch, loaded).await;
        }
        if let Some(lease) = lease {
            lease.release_in_background().instrument(debug_span!("release")).await;
        }
    }

    /// Asks for the leases of the batch's orders and loads what is stored of them, both at once: if another holder changes
    /// anything before its lease ends, the save notices. A batch with orders that were busy is loaded once they are leased.
    async fn lease_and_load(
        &mut self,
        batch: &[Pending],
        orders: &[Option<String>],
    ) -> (Option<Attempt>, Option<Result<Loaded, StoreError>>) {
        let mut keys: Vec<String> = orders.iter().flatten().cloned().collect();
        keys.sort_unstable();
        keys.dedup();
        let locks = self.locks.clone();
        let lease = async {
            if keys.is_empty() {
                return None;
            }
            Some(locks.acquire_each(&keys).instrument(debug_span!("lease")).await)
        };
        if batch.iter().any(|pending| pending.lock_wait.is_some()) {
            return (lease.await, None);
        }
        let (leased, loaded) = tokio::join!(lease, self.load(batch));
        (leased, Some(loaded))
    }

    /// The events whose orders are leased; those of busy ones are deferred. Without a lock service the batch goes on without a
    /// lease: the database decides.
    fn free_of(
        &self,
        batch: Vec<Pending>,
        orders: &[Option<String>],
        leased: Option<Attempt>,
        queue: &mut Queue<Pending>,
    ) -> (Vec<Pending>, Option<Lease>) {
        let Some(Attempt::Acquired { lease, busy }) = leased else { return (batch, None) };
        let busy: HashSet<String> = busy.into_iter().collect();
        let mut free = Vec::with_capacity(batch.len());
        for (pending, order) in batch.into_iter().zip(orders) {
            if order.as_ref().is_some_and(|order| busy.contains(order)) {
                self.defer(pending, queue);
            } else {
                free.push(pending);
            }
        }
        (free, Some(lease))
    }

    fn defer(&self, mut pending: Pending, queue: &mut Queue<Pending>) {
        let now = Instant::now();
        let (since, tries) = pending.lock_wait.map_or((now, 0), |wait| (wait.since, wait.tries));
        if now.duration_since(since) >= self.shared.settings.lock_wait {
            self.locks.count_busy_timeout();
            return pending.answer(Err(Refusal::LockBusy));
        }
        pending.lock_wait = Some(LockWait { since, tries: tries.saturating_add(1) });
        queue.defer(pending, now + BUSY_RETRY.wait(tries));
    }
}
