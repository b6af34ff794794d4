//! The shared state of the admin listener's handlers: the store, the sources, the health, the limits of bodies.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::origin::PublicOrigin;
use crate::http::body::BodyLimits;
use crate::http::rejections::Rejections;
use crate::http::{Health, Sources, received_now};
use crate::lock::Locks;
use crate::order::Id;
use crate::store::{Counts, Store};
use crate::telemetry::Metrics;

/// How long a count of what needs a person is shown before it is counted again.
const COUNTED_FOR: Duration = Duration::from_secs(10);
/// The largest form or body, in bytes: an id and a note, with every character escaped.
const BODY_BYTES_MAX: usize = 32 * 1024;
/// All of them that are being read, in bytes.
const BODIES_BYTES_MAX: usize = 32 * BODY_BYTES_MAX;

/// A limit of the settings, and the gauge of how much of it is in use.
#[derive(Debug, Clone)]
pub struct Limit {
    /// The setting's name.
    pub setting: &'static str,
    /// How much there may be.
    pub max: usize,
    /// The metric's name, with its labels if it has some.
    pub gauge: &'static str,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) sources: Sources,
    pub(super) rejections: Rejections,
    pub(super) health: Health,
    pub(super) locks: Locks,
    pub(super) metrics: Metrics,
    pub(super) limits: Arc<[Limit]>,
    pub(super) public: Arc<PublicOrigin>,
    /// Whether people have to log in.
    pub(super) has_login: bool,
    pub(super) bodies: BodyLimits,
    counted: Arc<Mutex<Option<(Instant, Counts)>>>,
}

/// What a desk is made of.
pub(super) struct Parts {
    pub(super) store: Store,
    pub(super) sources: Sources,
    pub(super) rejections: Rejections,
    pub(super) health: Health,
    pub(super) locks: Locks,
    pub(super) metrics: Metrics,
    pub(super) limits: Vec<Limit>,
}

impl Desk {
    pub(super) fn new(parts: Parts, public: PublicOrigin, has_login: bool) -> Self {
        let Parts { store, sources, rejections, health, locks, metrics, limits } = parts;
        Self {
            store,
            sources,
            rejections,
            health,
            locks,
            metrics,
            limits: limits.into(),
            public: Arc::new(public),
            has_login,
            bodies: BodyLimits::new(BODY_BYTES_MAX, BODIES_BYTES_MAX, BODIES_BYTES_MAX),
            counted: Arc::default(),
        }
    }

    /// How much needs a person, as it was lately; `None` if it could not be counted.
    pub(super) async fn needs(&self) -> Option<Counts> {
        let lately = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        match lately {
            Some((at, counts)) if at.elapsed() < COUNTED_FOR => Some(counts),
            Some(_) | None => {
                let counts = self.store.counts(received_now()).await.ok()?;
                *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), counts));
                Some(counts)
            }
        }
    }

    /// Something was settled: the next one who looks is to see it.
    pub(super) fn count_again(&self) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The names of the configured sources, sorted.
    pub(super) fn source_names(&self) -> Vec<Id> {
        let mut names: Vec<Id> = self.sources.all().iter().map(|source| source.name().clone()).collect();
        names.sort_unstable();
        names
    }
}
