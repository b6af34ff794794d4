//! Several workers at one row, and what befalls them.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::row::{Count, Row};
use super::worker::{Guard, Task};
use crate::servers::{LockService, Postgres, Server};

/// Enough that somebody always waits.
const WORKERS: usize = 4;
/// What should happen happens within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Workers that count.
pub(super) struct Race {
    workers: Vec<Server>,
    task: Task,
    row: Row,
    _postgres: Postgres,
}

/// A worker that stands still between its read and its write.
pub(super) struct Stopped(usize);

impl Race {
    pub(super) async fn start(service: &impl LockService, guard: Guard, ttl: Duration) -> Self {
        let postgres = Postgres::start();
        let mut row = Row::connect(&postgres.url()).await;
        row.create().await;
        let task = Task {
            backend: service.backend().to_owned(),
            urls: service.urls(),
            ttl,
            guard,
            database_url: postgres.url(),
        };
        let workers = (0..WORKERS).map(|_| task.start()).collect();
        let mut race = Self { workers, task, row, _postgres: postgres };
        race.goes_on_for(1).await;
        race
    }

    /// Waits until the database has taken so many more writes.
    pub(super) async fn goes_on_for(&mut self, writes: i64) {
        let goal = self.count().await.taken + writes;
        self.until("the counting goes on", async |race| race.count().await.taken >= goal).await;
    }

    pub(super) async fn until(&mut self, what: &str, mut holds: impl AsyncFnMut(&mut Self) -> bool) {
        let give_up_at = Instant::now() + PATIENCE;
        while !holds(self).await {
            assert!(
                Instant::now() < give_up_at,
                "waited {PATIENCE:?} until {what}: {:?}",
                self.count().await
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn count(&mut self) -> Count {
        self.row.count().await
    }

    /// Stops a worker that has read and not written.
    pub(super) async fn stop_a_holder(&mut self) -> Stopped {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < give_up_at, "no worker is caught between its read and its write");
            let reader = self.row.reader().await;
            let place = self.workers.iter().position(|worker| Some(worker.id()) == reader);
            let Some(place) = place else { continue };
            self.workers[place].freeze();
            if self.row.reader().await == reader {
                return Stopped(place);
            }
            self.workers[place].thaw();
        }
    }

    pub(super) fn let_go(&self, Stopped(place): Stopped) {
        self.workers[place].thaw();
    }

    /// Kills a worker between its read and its write (`kill -9`); another takes its place.
    pub(super) async fn kill_a_holder(&mut self) {
        let Stopped(place) = self.stop_a_holder().await;
        self.workers[place].stop(Signal::SIGKILL);
        self.workers[place] = self.task.start();
    }

    /// Ends the workers in good order, and says what they have counted.
    pub(super) async fn finish(mut self) -> Count {
        self.row.close().await;
        self.until("the workers end", async |race| race.workers.iter_mut().all(Server::has_ended)).await;
        self.count().await
    }
}
