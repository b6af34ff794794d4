//! Sets the gauges of when each source last sent an event: a source that falls silent causes no error.

use metrics::gauge;

use crate::http::Sources;
use crate::store::Store;

/// Sets the gauges of silence, from the database: they hold on when the process starts anew. They keep their last values while
/// it is away.
pub(super) async fn set_gauges(store: &Store, sources: &Sources) {
    for source in sources.all() {
        let name = source.name().to_string();
        if let Some(limit) = source.settings().quiet_after {
            gauge!("paylatch_quiet_after_seconds", "source" => name.clone()).set(limit.as_secs_f64());
        }
        if let Ok(Some(at)) = store.last_event_at(source.name()).await {
            gauge!("paylatch_last_event_timestamp_seconds", "source" => name).set(at.0 as f64 / 1_000_000.0);
        }
    }
}
