//! Checks a source's secrets before the first webhook: one that can never be the provider's, or that a stranger could guess.

use super::Source;
use crate::secret::Secret;

impl Source {
    /// What of its secrets can never verify a webhook, and the way out.
    #[must_use]
    pub fn unusable_secrets(&self) -> Vec<String> {
        let misuse = self.told_of_secrets(Secret::misuse);
        misuse.into_iter().chain(self.doubtful_secret()).collect()
    }

    /// What of its secrets a stranger could guess, and so sign with.
    #[must_use]
    pub fn weak_secrets(&self) -> Vec<String> {
        self.told_of_secrets(Secret::weakness)
    }

    /// Whether the provider tells in its events whether they are of a test, and this source does not say which it takes.
    #[must_use]
    pub fn takes_either_mode(&self) -> bool {
        self.definition.facts.mode.is_some() && self.settings.mode.is_none()
    }

    fn told_of_secrets(&self, judge: impl Fn(&Secret, &str) -> Option<String>) -> Vec<String> {
        let prefix = &self.definition.secret_prefix;
        let judged = (1..).zip(&self.settings.secrets);
        judged
            .filter_map(|(position, secret)| Some(format!("secret {position} {}", judge(secret, prefix)?)))
            .collect()
    }
}
