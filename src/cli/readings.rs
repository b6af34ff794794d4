//! Warns when stored events were read by other definitions or settings than today's.

use crate::config::Settings;
use crate::store::Store;

/// The number of each source's reader.
pub(super) fn readings(settings: &Settings) -> Vec<(String, i16)> {
    settings.sources.iter().map(|source| (source.name().to_string(), source.read_by())).collect()
}

/// What there is to say where others have; nothing where it takes too long to find out.
pub(super) async fn advice(store: &Store, settings: &Settings) -> Option<&'static str> {
    let is_any = store.has_unread(&readings(settings)).await.unwrap_or(false);
    is_any.then_some(
        "events are stored that other definitions or settings have read: `paylatch reprocess --all --resume --dry-run` \
         says what today's would change",
    )
}
