//! How far each endpoint has been told, as gauges: from the database, so that every process shows the same, whoever tells it.

use metrics::gauge;

use crate::order::UnixMicros;
use crate::store::{EndpointRow, Store};

/// Sets the gauges. They keep their last values while the database is away.
pub(super) async fn tell(store: &Store, now: UnixMicros) {
    let Ok(endpoints) = store.endpoints(now).await else { return };
    for EndpointRow { name, state, lag_seconds, backlog_changes, waits, given_up, .. } in endpoints {
        let level = match state.as_str() {
            "closed" => 0.0,
            "half" => 1.0,
            "open" => 2.0,
            _ => 3.0,
        };
        gauge!("paylatch_endpoint_state", "endpoint" => name.clone()).set(level);
        gauge!("paylatch_announcement_lag_seconds", "endpoint" => name.clone()).set(lag_seconds as f64);
        gauge!("paylatch_announcement_backlog_changes", "endpoint" => name.clone())
            .set(backlog_changes as f64);
        gauge!("paylatch_announcement_waits", "endpoint" => name.clone()).set(waits as f64);
        gauge!("paylatch_announcement_given_up", "endpoint" => name).set(given_up as f64);
    }
}
