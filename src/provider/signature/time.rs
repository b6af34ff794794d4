//! How old a signature may be, and how far ahead of this clock.

use super::super::definition::{SignatureTime, Unit};
use super::super::fields::{Selector, Selectors, View};
use super::super::{Rejection, SourceSettings};

/// The limits of a source.
#[derive(Debug, Clone)]
pub(super) struct TimeRule {
    from: Vec<Selector>,
    unit: Unit,
    pub(super) max_age_s: i64,
    max_ahead_s: Option<i64>,
}

impl TimeRule {
    /// # Errors
    /// What was expected.
    pub(super) fn new(
        time: &SignatureTime,
        selectors: &mut Selectors,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let max_age_s = i64::try_from(source.tolerance_s.unwrap_or(time.max_age_s)).unwrap_or(i64::MAX);
        let max_ahead_s = time.ahead.then_some(max_age_s);
        Ok(Self { from: selectors.all(&time.from, source)?, unit: time.unit, max_age_s, max_ahead_s })
    }

    /// # Errors
    /// Why the signature's time does not do.
    pub(super) fn check(&self, view: &View<'_>, now: i64) -> Result<(), Rejection> {
        let text = view
            .first(&self.from)
            .map_err(|missing| Rejection::new("signature_malformed", format!("timestamp {missing}")))?;
        let signed_at = self
            .unit
            .read(&text)
            .ok_or_else(|| Rejection::new("signature_malformed", "timestamp is unreadable"))?;
        let age_s = now.saturating_sub(signed_at.0.div_euclid(1_000_000));
        if age_s > self.max_age_s {
            let detail = format!("signed {age_s} s ago; at most {} s are allowed", self.max_age_s);
            return Err(Rejection::new("timestamp_stale", detail));
        }
        match self.max_ahead_s {
            Some(limit_s) if age_s.saturating_neg() > limit_s => {
                let detail =
                    format!("signed {} s ahead of this clock; at most {limit_s} s are allowed", -age_s);
                Err(Rejection::new("timestamp_ahead", detail))
            }
            Some(_) | None => Ok(()),
        }
    }
}
