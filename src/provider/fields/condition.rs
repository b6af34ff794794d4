//! What must be the case for a part of a definition to apply.

use std::collections::BTreeMap;

use super::super::SourceSettings;
use super::super::definition::Texts;
use super::selector::{Selector, Selectors};
use super::values::Scalar;
use super::view::View;

/// That a selector finds one of some texts. `*` is anything, an empty text is nothing.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Condition {
    pub(super) selector: Selector,
    pub(super) texts: Vec<String>,
}

impl Condition {
    /// Whether it does.
    pub(in crate::provider) fn holds(&self, view: &View<'_>) -> bool {
        match view.scalar(&self.selector) {
            Scalar::Text(text) if text.is_empty() => self.texts.iter().any(String::is_empty),
            Scalar::Text(text) => self.texts.iter().any(|own| *own == text || own == "*"),
            Scalar::Absent => self.texts.iter().any(String::is_empty),
            Scalar::Unreadable => self.texts.iter().any(|own| own == "*"),
        }
    }
}

impl Selectors {
    /// Compiles a `when` table.
    ///
    /// # Errors
    /// As [`Selectors::compile`].
    pub(in crate::provider) fn conditions(
        &mut self,
        when: &BTreeMap<String, Texts>,
        source: &SourceSettings,
    ) -> Result<Vec<Condition>, String> {
        when.iter()
            .map(|(selector, texts)| {
                Ok(Condition { selector: self.compile(selector, source)?, texts: texts.0.clone() })
            })
            .collect()
    }
}
