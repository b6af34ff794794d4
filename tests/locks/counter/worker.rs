//! A worker: this very test program, started again as a process of its own, so that it can be stopped and killed.

use std::process::Command;
use std::time::Duration;

use paylatch::lock::{LockSettings, Locks, Tls};
use paylatch::secret::Secret;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::row::Row;
use crate::servers::{Postgres, Server};

/// What stands between a worker and an update that it must not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Guard {
    /// Nothing, not even a lock.
    NoLock,
    /// A lease that is taken, and never looked at again.
    Nothing,
    /// A lease that must last for half its TTL yet when it comes to writing.
    Ensure,
    /// The row's version.
    Version,
    /// The lease's fencing token.
    Fence,
}

/// What a worker is told.
#[derive(Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) backend: String,
    pub(super) urls: Vec<String>,
    pub(super) ttl: Duration,
    pub(super) guard: Guard,
    pub(super) database_url: String,
}

impl Task {
    /// Starts a worker.
    pub(super) fn start(&self) -> Server {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "counter::worker::a_worker_ends_when_all_is_counted", "--include-ignored"]);
        command.env(TASK, serde_json::to_string(self).expect("JSON"));
        Server::start(command)
    }

    fn locks(&self) -> Locks {
        let settings = LockSettings {
            backend: self.backend.clone(),
            urls: self.urls.iter().map(Secret::new).collect(),
            ttl: self.ttl,
            call_timeout: self.ttl / 2,
            retry_after: Duration::from_millis(50),
            tls: Tls::default(),
        };
        Locks::new(&settings).expect("the settings of the test are right")
    }

    /// Counts up, again and again, until told to end.
    async fn work(&self) {
        let mut row = Row::connect(&self.database_url).await;
        let (locks, key) = (self.locks(), ["counter".to_owned()]);
        loop {
            let mut lease = None;
            if self.guard != Guard::NoLock {
                let Ok(held) = locks.acquire_all(&key, Duration::from_secs(1)).await else {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                };
                lease = Some(held);
            }
            let fence = lease.as_ref().and_then(|lease| lease.fencing_token(&key[0])).unwrap_or_default();
            let fence = i64::try_from(fence).expect("a token below 2^63");
            if let Some(seen) = row.read(self.guard, fence).await {
                if seen.is_over {
                    return;
                }
                sleep(Duration::from_millis(rand::random_range(10..30))).await;
                let lasts = |margin| lease.as_ref().is_some_and(|lease| lease.ensure(margin).is_ok());
                if self.guard != Guard::Ensure || lasts(self.ttl / 2) {
                    row.write(self.guard, fence, seen).await;
                }
            }
            if let Some(lease) = lease {
                lease.release().await;
            }
        }
    }
}

/// Alone it has one thing to do: to find that all is over.
#[tokio::test]
#[ignore = "run by scripts/test --all, and by the other tests here as their workers"]
async fn a_worker_ends_when_all_is_counted() {
    if let Some(task) = std::env::var_os(TASK) {
        let task: Task = serde_json::from_str(task.to_str().expect("text")).expect("a task");
        return task.work().await;
    }
    let postgres = Postgres::start();
    let mut row = Row::connect(&postgres.url()).await;
    row.create().await;
    row.close().await;
    let alone = Task {
        backend: "local".to_owned(),
        urls: Vec::new(),
        ttl: Duration::from_secs(1),
        guard: Guard::Version,
        database_url: postgres.url(),
    };
    alone.work().await;
    assert_eq!(row.count().await.taken, 0);
}

/// The variable that has a worker's [`Task`].
const TASK: &str = "PAYLATCH_TEST_WORKER";
