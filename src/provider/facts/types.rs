//! Types of events, as definitions and settings name them.

use super::super::SourceSettings;
use super::super::definition::Texts;

/// `charge.succeeded`, `charge.*` for all that begin so, `param:NAME` for a list of the source's own.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Types(Vec<Pattern>);

#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Types {
    /// # Errors
    /// Which param is not declared.
    pub(super) fn new(texts: &Texts, source: &SourceSettings) -> Result<Self, String> {
        let mut patterns = Vec::new();
        for text in &texts.0 {
            match text.strip_prefix("param:") {
                None => patterns.push(Pattern::new(text)),
                // An empty list is a pattern that no type fits, since no type is empty.
                Some(name) => {
                    let list = source.params.get(name);
                    let list =
                        list.ok_or_else(|| format!("param `{name}` is not declared under [params]"))?;
                    patterns.extend(list.split(',').map(|text| Pattern::new(text.trim())));
                }
            }
        }
        Ok(Self(patterns))
    }

    /// A setting's list.
    pub(in crate::provider) fn listed(texts: &[String]) -> Self {
        Self(texts.iter().map(|text| Pattern::new(text)).collect())
    }

    /// Whether nothing is named.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::provider) fn include(&self, type_name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.fits(type_name))
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self { text: prefix.to_owned(), is_prefix: true },
            None => Self { text: text.to_owned(), is_prefix: false },
        }
    }

    fn fits(&self, type_name: &str) -> bool {
        if self.is_prefix { type_name.starts_with(&self.text) } else { type_name == self.text }
    }
}
