//! The configured sources by name, replaced as a whole when the settings are read again.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{Counter, Histogram, counter, histogram};

use crate::intake::Reader;
use crate::order::{Id, Ledgers, Outcome, Receipt};
use crate::provider::Source;

/// The sources that webhooks are taken for. Cheap to clone; all clones see a replacement.
#[derive(Debug, Clone)]
pub struct Sources(Arc<RwLock<HashMap<Id, Arc<Served>>>>);

/// A source, and what is counted of it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) source: Source,
    pub(super) meters: Meters,
}

/// Looked up once, not for every webhook.
pub(super) struct Meters {
    pub(super) webhook_seconds: Histogram,
    events: Vec<(Outcome, Counter)>,
    secrets: Vec<Counter>,
    unmapped: Counter,
    foreign_accounts: Counter,
    unusable_orders: Counter,
}

impl Sources {
    /// Starts with `sources`.
    #[must_use]
    pub fn new(sources: HashMap<Id, Source>) -> Self {
        Self(Arc::new(RwLock::new(served(sources))))
    }

    /// Takes `sources` from the next webhook on; those in work keep the source that verified them.
    pub fn replace(&self, sources: HashMap<Id, Source>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = served(sources);
    }

    /// All of them, as they are now.
    #[must_use]
    pub fn all(&self) -> Vec<Source> {
        let sources = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sources.values().map(|served| served.source.clone()).collect()
    }

    /// What reads stored events by the definitions that these sources have then.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let sources = self.clone();
        Reader::new(move |stored| {
            let served = sources.find(stored.key.source.as_str())?;
            Some(served.source.reread(&stored.headers, stored.payload.as_ref()?, stored.received_at))
        })
    }

    /// Which of them share their order numbers.
    #[must_use]
    pub fn ledgers(&self) -> Ledgers {
        self.all().iter().map(|source| (source.name().clone(), source.ledger().clone())).collect()
    }

    /// The source that the last part of `/webhooks/{name}` names.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Served>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

fn served(sources: HashMap<Id, Source>) -> HashMap<Id, Arc<Served>> {
    let serve = |(name, source): (Id, Source)| {
        let meters = Meters::of(&name, source.secrets());
        (name, Arc::new(Served { source, meters }))
    };
    sources.into_iter().map(serve).collect()
}

impl Meters {
    /// Counts from zero: a counter that appears with its first event shows Prometheus no increase.
    fn of(source: &Id, secrets: usize) -> Self {
        let source = source.to_string();
        let count = |outcome: &Outcome| {
            let outcome_word = outcome.as_str();
            (
                *outcome,
                counter!("paylatch_events_total", "source" => source.clone(), "outcome" => outcome_word),
            )
        };
        let count_secret = |position: usize| {
            let secret = position.to_string();
            counter!("paylatch_secret_matches_total", "source" => source.clone(), "secret" => secret)
        };
        let meters = Self {
            webhook_seconds: histogram!("paylatch_webhook_seconds", "source" => source.clone()),
            events: Outcome::ALL.iter().map(count).collect(),
            secrets: (1..=secrets).map(count_secret).collect(),
            unmapped: counter!("paylatch_unmapped_events_total", "source" => source.clone()),
            foreign_accounts: counter!("paylatch_foreign_account_events_total", "source" => source.clone()),
            unusable_orders: counter!("paylatch_unusable_order_ids_total", "source" => source.clone()),
        };
        meters
            .events
            .iter()
            .map(|(_, counter)| counter)
            .chain(&meters.secrets)
            .chain([&meters.unmapped, &meters.foreign_accounts, &meters.unusable_orders])
            .for_each(|counter| counter.increment(0));
        meters
    }

    pub(super) fn event(&self, receipt: &Receipt) {
        if let Some((_, counter)) = self.events.iter().find(|(own, _)| *own == receipt.outcome) {
            counter.increment(1);
        }
        if receipt.is_unmapped() {
            self.unmapped.increment(1);
        }
        if receipt.is_of_a_foreign_account() {
            self.foreign_accounts.increment(1);
        }
        if receipt.names_an_unusable_order() {
            self.unusable_orders.increment(1);
        }
    }

    /// `position` counts from 0, the label from 1.
    pub(super) fn secret(&self, position: usize) {
        if let Some(counter) = self.secrets.get(position) {
            counter.increment(1);
        }
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meters")
    }
}
