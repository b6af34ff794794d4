//! The labels that a gauge was set for: one whose last row is gone is set to 0, not left at its last value.

use std::collections::BTreeSet;

/// Two labels, and what was counted under them.
pub(super) type LabelledCount = (String, String, i64);

/// The labels under which something was counted once.
#[derive(Debug, Default)]
pub(super) struct SeenLabels(BTreeSet<(String, String)>);

impl SeenLabels {
    /// What was counted now, and 0 for what once was and is no more.
    pub(super) fn with_zeros(&mut self, counts: &[LabelledCount]) -> Vec<LabelledCount> {
        self.0.extend(counts.iter().map(|(first, second, _)| (first.clone(), second.clone())));
        let count = |(first, second): &(String, String)| {
            let found = counts.iter().find(|(own, other, _)| (own, other) == (first, second));
            (first.clone(), second.clone(), found.map_or(0, |(_, _, count)| *count))
        };
        self.0.iter().map(count).collect()
    }
}
