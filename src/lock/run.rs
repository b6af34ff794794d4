//! Work under a lease, for uses beside the intake of webhooks.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Attempt, Lease, Locks, NotHeld};
use crate::backoff::Backoff;

impl Locks {
    /// Runs `work` while all of `keys` are held, and releases them before it returns.
    ///
    /// Waits up to `wait` for other holders. When the lease is lost, `work` is dropped at the point it has reached, and
    /// the answer is [`NotHeld::Lost`]. A lease is no proof: call [`Lease::ensure`] before each effect that cannot be
    /// taken back, and hand [`Lease::fencing_token`] to what can check it.
    ///
    /// ```no_run
    /// # async fn example(settings: &paylatch::lock::LockSettings) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// let locks = paylatch::lock::Locks::new(settings)?;
    /// let keys = ["report/2026-11".to_owned()];
    /// let sent = locks.run(&keys, Duration::from_secs(5), async |lease| {
    ///     lease.ensure(Duration::from_millis(250))?;
    ///     Ok::<_, paylatch::lock::NotHeld>("sent")
    /// });
    /// println!("{}", sent.await??);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NotHeld`]. What `work` itself answers, errors included, comes inside `Ok`.
    pub async fn run<T>(
        &self,
        keys: &[String],
        wait: Duration,
        work: impl AsyncFnOnce(&Lease) -> T,
    ) -> Result<T, NotHeld> {
        let lease = self.acquire_all(keys, wait).await?;
        let result = tokio::select! {
            done = work(&lease) => Ok(done),
            () = lease.lost() => Err(NotHeld::Lost),
        };
        lease.release().await;
        result
    }

    /// Takes all of `keys` or none, waiting up to `wait` for other holders.
    ///
    /// What is free while another key is busy is released before the next try, so that batches that overlap cannot
    /// wait for each other.
    ///
    /// # Errors
    /// [`NotHeld::Busy`] or [`NotHeld::Unavailable`].
    pub async fn acquire_all(&self, keys: &[String], wait: Duration) -> Result<Lease, NotHeld> {
        let give_up_at = Instant::now() + wait;
        let mut tries: u32 = 0;
        loop {
            let Attempt::Acquired { lease, busy } = self.acquire_each(keys).await else {
                return Err(NotHeld::Unavailable);
            };
            if busy.is_empty() {
                return Ok(lease);
            }
            lease.release().await;
            let left = give_up_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.count_busy_timeout();
                return Err(NotHeld::Busy { keys: busy });
            }
            sleep(RETRY.wait(tries).min(left)).await;
            tries = tries.saturating_add(1);
        }
    }
}

const RETRY: Backoff = Backoff::new(Duration::from_millis(25), Duration::from_millis(250));
