//! The shared state of the admin listener's handlers: the store, the sources, the health, the limits of bodies.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Admin;
use super::attention_count::{AttentionCount, Needs};
use super::last_count::LastCount;
use super::origin::PublicOrigin;
use super::paging::one_of;
use crate::http::body::BodyLimits;
use crate::http::rejections::Rejections;
use crate::http::{Health, Problem, Sources};
use crate::lock::Locks;
use crate::order::Id;
use crate::store::{Store, WaitingCount, WaitingLimits};
use crate::telemetry::Metrics;

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
pub(super) struct AdminState {
    pub(super) store: Store,
    pub(super) sources: Sources,
    pub(super) rejections: Rejections,
    pub(super) health: Health,
    pub(super) locks: Locks,
    pub(super) metrics: Metrics,
    pub(super) limits: Arc<[Limit]>,
    /// After how long money that waits needs a person, and how much does.
    pub(super) waiting_limits: WaitingLimits,
    pub(super) waiting: LastCount<Vec<WaitingCount>>,
    pub(super) public: Arc<PublicOrigin>,
    /// Whether people have to log in.
    pub(super) has_login: bool,
    pub(super) bodies: BodyLimits,
    attention: AttentionCount,
}

impl AdminState {
    pub(super) fn new(admin: &Admin, public: PublicOrigin, has_login: bool) -> Self {
        Self {
            store: admin.store.clone(),
            sources: admin.sources.clone(),
            rejections: admin.rejections.clone(),
            health: admin.health.clone(),
            locks: admin.locks.clone(),
            metrics: admin.metrics.clone(),
            limits: admin.limits.as_slice().into(),
            waiting_limits: admin.waiting,
            waiting: LastCount::default(),
            public: Arc::new(public),
            has_login,
            bodies: BodyLimits::new(BODY_BYTES_MAX, BODIES_BYTES_MAX, BODIES_BYTES_MAX),
            attention: admin.attention.clone(),
        }
    }

    /// How much needs a person, as it was lately; `None` if it was not counted yet.
    pub(super) async fn needs(&self) -> Option<Needs> {
        self.attention.shown(&self.store).await
    }

    /// Something was settled: the next one who looks is to see it.
    pub(super) fn count_again(&self) {
        self.attention.count_again();
    }

    /// Refuses a filter by a source that is neither configured nor stored: its list would be empty, and seem true.
    pub(super) async fn filter_by_source(&self, name: Option<&str>) -> Result<(), Problem> {
        let mut names: BTreeSet<String> = self.source_names().iter().map(ToString::to_string).collect();
        if name.is_none_or(|name| names.contains(name)) {
            return Ok(());
        }
        names.extend(self.store.stored_sources().await?);
        one_of("source", name, names.iter().map(String::as_str))
    }

    /// The names of the configured sources, sorted.
    pub(super) fn source_names(&self) -> Vec<Id> {
        let mut names: Vec<Id> = self.sources.all().iter().map(|source| source.name().clone()).collect();
        names.sort_unstable();
        names
    }
}
