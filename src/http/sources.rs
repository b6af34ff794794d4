//! The configured sources by name, replaced as a whole when the settings are read again.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::order::{Id, Outcome};
use crate::provider::Source;

/// The sources that webhooks are taken for. Cheap to clone; all clones see a replacement.
#[derive(Debug, Clone)]
pub struct Sources(Arc<RwLock<HashMap<Id, Source>>>);

impl Sources {
    /// Starts with `sources`.
    #[must_use]
    pub fn new(sources: HashMap<Id, Source>) -> Self {
        count_from_zero(&sources);
        Self(Arc::new(RwLock::new(sources)))
    }

    /// Takes `sources` from the next webhook on; those in work keep the source that verified them.
    pub fn replace(&self, sources: HashMap<Id, Source>) {
        count_from_zero(&sources);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    /// All of them, as they are now.
    pub(super) fn all(&self) -> Vec<Source> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The source that the last part of `/webhooks/{name}` names.
    pub(super) fn find(&self, name: &str) -> Option<Source> {
        let name = Id::new(name).ok()?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }
}

/// A counter that appears with its first event shows Prometheus no increase.
fn count_from_zero(sources: &HashMap<Id, Source>) {
    for source in sources.keys() {
        for outcome in Outcome::ALL {
            let labels = [("source", source.to_string()), ("outcome", outcome.to_string())];
            metrics::counter!("paylatch_events_total", &labels).increment(0);
        }
    }
}
