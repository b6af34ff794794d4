//! Why webhooks were refused, for people: in memory alone, for nothing is stored of what does not verify.
//!
//! One entry for each source and reason, so that a flood of one kind hides no other and takes no memory; each process keeps its
//! own.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use crate::order::UnixMicros;
use crate::printable::printable;

/// Sources and reasons that are kept; of more, the one that was not seen for longest goes.
const ENTRIES_MAX: usize = 200;
/// Characters of a detail: a sender may have chosen them.
const DETAIL_CHARS_MAX: usize = 300;

/// The refusals of this process. Cheap to clone: clones share them.
#[derive(Debug, Clone, Default)]
pub struct Rejections(Arc<Mutex<Vec<Entry>>>);

#[derive(Debug, Clone)]
struct Entry {
    rejected: Rejected,
    first: UnixMicros,
    last: UnixMicros,
}

/// Webhooks of a source that were refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Rejection)]
pub(super) struct Rejected {
    /// The source, or `unknown`.
    pub(super) source: String,
    /// The stable word, as the log and the metric have it; docs/errors.md explains it.
    pub(super) reason: String,
    /// The HTTP status that was answered.
    pub(super) status: u16,
    /// What was found in the last of them.
    pub(super) detail: String,
    /// What one of them was diagnosed to suffer from.
    pub(super) cause: Option<String>,
    /// The same in a sentence.
    pub(super) cause_detail: Option<String>,
    /// How many, since this process began.
    pub(super) webhooks: u64,
    /// When the first came.
    #[schema(format = DateTime)]
    pub(super) first_at: String,
    /// When the last came.
    #[schema(format = DateTime)]
    pub(super) last_at: String,
    /// The name of the last one's request, in its answer and in the log.
    pub(super) request_id: String,
}

impl Rejections {
    /// Counts a refusal.
    pub(super) fn note(
        &self,
        (source, reason): (&str, &'static str),
        status: u16,
        (detail, request_id): (&str, &str),
        at: UnixMicros,
    ) {
        self.of((source, reason), |Entry { rejected, first, last }| {
            if rejected.webhooks == 0 {
                (rejected.status, *first) = (status, at);
            }
            rejected.webhooks += 1;
            rejected.detail = cut(detail);
            rejected.request_id = request_id.to_owned();
            *last = at;
        });
    }

    /// Keeps what a diagnosis found, which may come before the refusal is counted.
    pub(super) fn explain(&self, source: &str, reason: &'static str, cause: &str, detail: &str) {
        self.of((source, reason), |Entry { rejected, .. }| {
            rejected.cause = Some(cause.to_owned());
            rejected.cause_detail = Some(cut(detail));
        });
    }

    /// Changes the entry of a source and a reason; makes it if there is none.
    fn of(&self, (source, reason): (&str, &'static str), change: impl FnOnce(&mut Entry)) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = entries.iter().position(|own| own.is_of(source, reason)).unwrap_or_else(|| {
            if entries.len() >= ENTRIES_MAX
                && let Some(oldest) = (0..entries.len()).min_by_key(|own| entries[*own].last)
            {
                entries.swap_remove(oldest);
            }
            entries.push(Entry::new(source, reason));
            entries.len() - 1
        });
        if let Some(entry) = entries.get_mut(index) {
            change(entry);
        }
    }

    /// All of them, the latest first.
    pub(super) fn all(&self) -> Vec<Rejected> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        entries.retain(|own| own.rejected.webhooks > 0);
        entries.sort_by_key(|own| std::cmp::Reverse(own.last));
        entries.into_iter().map(Entry::shown).collect()
    }
}

impl Entry {
    fn new(source: &str, reason: &str) -> Self {
        let (source, reason, text) = (source.to_owned(), reason.to_owned(), String::new);
        let rejected = Rejected {
            source,
            reason,
            status: 0,
            detail: text(),
            cause: None,
            cause_detail: None,
            webhooks: 0,
            first_at: text(),
            last_at: text(),
            request_id: text(),
        };
        Self { rejected, first: UnixMicros(0), last: UnixMicros(0) }
    }

    fn is_of(&self, source: &str, reason: &str) -> bool {
        self.rejected.source == source && self.rejected.reason == reason
    }

    fn shown(self) -> Rejected {
        let time = |at: UnixMicros| jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_string();
        Rejected { first_at: time(self.first), last_at: time(self.last), ..self.rejected }
    }
}

fn cut(detail: &str) -> String {
    printable(&detail.chars().take(DETAIL_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{DETAIL_CHARS_MAX, ENTRIES_MAX, Rejections, UnixMicros};

    #[test]
    fn refusals_of_one_kind_are_one_entry_with_the_cause_that_was_found() {
        let seen = Rejections::default();
        for at in 1..=3 {
            seen.note(("stripe", "signature_mismatch"), 401, ("none matches", "r1"), UnixMicros(at));
        }
        seen.explain("stripe", "signature_mismatch", "wrong_secret", "another secret signed it");
        seen.explain("stripe", "signature_missing", "header_dropped", "a proxy dropped it");
        assert_eq!(seen.all().len(), 1, "what is not counted yet is not told");
        seen.note(("stripe", "signature_missing"), 401, ("", "r2"), UnixMicros(9));
        let all = seen.all();
        assert_eq!(
            all[0].cause.as_deref(),
            Some("header_dropped"),
            "it was found before the refusal was counted"
        );
        assert_eq!(all.iter().map(|own| own.webhooks).collect::<Vec<_>>(), [1, 3], "the latest first");
        assert_eq!(all[1].cause.as_deref(), Some("wrong_secret"));
        assert_eq!(all[1].last_at, "1970-01-01T00:00:00.000003Z");
    }

    #[test]
    fn refusals_take_bounded_memory_whatever_is_sent() {
        let seen = Rejections::default();
        for number in 0..10 * ENTRIES_MAX {
            let (name, detail) = (format!("source-{number}"), "\u{202e}".repeat(5_000));
            seen.note((&name, "signature_missing"), 401, (&detail, "r"), UnixMicros(number as i64));
        }
        let all = seen.all();
        assert_eq!((all.len(), all[0].source.as_str()), (ENTRIES_MAX, "source-1999"));
        assert_eq!(all[0].detail, "\\u{202e}".repeat(DETAIL_CHARS_MAX), "and it reads as it is");
    }
}
