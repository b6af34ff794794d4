//! Which sources share their order numbers.

use std::collections::BTreeMap;

use super::id::Id;

/// The ledgers and their sources: a source is in one ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledgers(BTreeMap<Id, Vec<Id>>);

impl Ledgers {
    /// The sources of a ledger, sorted; `None` where no source is in it.
    #[must_use]
    pub fn sources(&self, ledger: &str) -> Option<&[Id]> {
        self.0.get(ledger).map(Vec::as_slice)
    }

    /// The ledger that a source is in.
    #[must_use]
    pub fn of(&self, source: &str) -> Option<&Id> {
        self.0
            .iter()
            .find(|(_, sources)| sources.iter().any(|own| own.as_str() == source))
            .map(|(ledger, _)| ledger)
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Id> {
        self.0.keys()
    }
}

impl FromIterator<(Id, Id)> for Ledgers {
    /// Of pairs of a source and its ledger.
    fn from_iter<T: IntoIterator<Item = (Id, Id)>>(pairs: T) -> Self {
        let mut ledgers: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        for (source, ledger) in pairs {
            ledgers.entry(ledger).or_default().push(source);
        }
        ledgers.values_mut().for_each(|sources| sources.sort_unstable());
        Self(ledgers)
    }
}
