//! `/livez` and `/readyz`: what the server's own checks last found, never a question to the database.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::watch;

use super::problem::{Code, Problem};

/// The database as the last check found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Database {
    /// Not checked yet.
    Unchecked,
    /// Answers, and may be used.
    Ready,
    /// Does not answer.
    Away,
    /// Answers, but must not be used: its schema is not current, or it cannot keep what it is given.
    Unfit,
}

/// The lock service as the last call found it. Without it, it is slower, and still right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockService {
    /// Answers.
    Ready,
    /// Does not answer.
    Unavailable,
}

/// What `/readyz` tells. Cheap to clone: the server's checks write what the listener reads.
#[derive(Debug, Clone)]
pub struct Health(Arc<watch::Sender<Parts>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    database: Database,
    lock: LockService,
    draining: bool,
}

impl Health {
    /// Nothing is checked yet, so nothing is ready.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a start, not a default to fall back to")]
    pub fn new() -> Self {
        let parts = Parts { database: Database::Unchecked, lock: LockService::Ready, draining: false };
        Self(Arc::new(watch::Sender::new(parts)))
    }

    /// Records what a check of the database found; tells whether that is news.
    pub fn database(&self, found: Database) -> bool {
        self.0.send_if_modified(|parts| std::mem::replace(&mut parts.database, found) != found)
    }

    /// Records how the lock service was last seen; tells whether that is news.
    pub fn lock_service(&self, found: LockService) -> bool {
        self.0.send_if_modified(|parts| std::mem::replace(&mut parts.lock, found) != found)
    }

    /// What was found last, in words: of the database, of the lock service, and whether no webhooks should be routed here.
    pub(super) fn seen(&self) -> (&'static str, &'static str, bool) {
        let Parts { database, lock, draining } = *self.0.borrow();
        let database = match database {
            Database::Unchecked => "unchecked",
            Database::Ready => "ready",
            Database::Away => "away",
            Database::Unfit => "unfit",
        };
        let lock = match lock {
            LockService::Ready => "ready",
            LockService::Unavailable => "unavailable",
        };
        (database, lock, draining)
    }

    /// From here on no webhooks should be routed here.
    pub fn draining(&self) {
        self.0.send_modify(|parts| parts.draining = true);
    }
}

#[derive(Serialize)]
struct Report {
    ready: Readiness,
    database: Database,
    lock: LockService,
    draining: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Readiness {
    Yes,
    Degraded,
    No,
}

/// The process runs.
pub(super) async fn livez() -> &'static str {
    "alive\n"
}

/// Whether webhooks can be stored here now, and what is wrong.
pub(super) async fn readyz(State(health): State<Health>) -> Response {
    let Parts { database, lock, draining } = *health.0.borrow();
    let ready = match (database, draining, lock) {
        (Database::Ready, false, LockService::Ready) => Readiness::Yes,
        (Database::Ready, false, LockService::Unavailable) => Readiness::Degraded,
        (Database::Ready, true, _) | (Database::Unchecked | Database::Away | Database::Unfit, ..) => {
            Readiness::No
        }
    };
    let report = Report { ready, database, lock, draining };
    match report.ready {
        Readiness::Yes | Readiness::Degraded => Json(report).into_response(),
        Readiness::No if database == Database::Unfit => {
            Problem::new(Code::DatabaseUnfit).with_members(report)
        }
        Readiness::No => Problem::new(Code::NotReady).with_members(report),
    }
}
