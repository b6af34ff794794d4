//! What is wrong with the settings.

use std::fmt;

use super::layers::Origin;

/// One wrong setting. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Its name, such as `lock.ttl_ms`.
    pub setting: String,
    /// Where it came from; `None` when it is missing.
    pub origin: Option<Origin>,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

/// Everything that is wrong, at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{} ({origin}): {}", self.setting, self.problem),
            None => write!(f, "{} (not set): {}", self.setting, self.problem),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, mistake) in self.0.iter().enumerate() {
            let line_break = if position == 0 { "" } else { "\n" };
            write!(f, "{line_break}{mistake}")?;
        }
        Ok(())
    }
}

/// `; did you mean ..?` with the word of `known` that was probably meant by `word`, if there is one.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const SIMILARITY_MIN: f64 = 0.8;
    let nearest = known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest.map(|(_, candidate)| format!("; did you mean {candidate}?")).unwrap_or_default()
}

/// The same of `source.NAME`, for `sources.NAME`: no setting of that name is known, for nothing named the source.
pub(super) fn of_plural(name: &str) -> Option<String> {
    ["source", "endpoint"].iter().find_map(|table| {
        let rest = name.strip_prefix(table)?.strip_prefix('.')?;
        Some(format!("; did you mean {table}s.{rest}?"))
    })
}
