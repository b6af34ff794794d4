//! Sets the gauges of how far each endpoint has been told: from the database, so that every process shows the same, whoever tells it.

use metrics::gauge;

use crate::order::UnixMicros;
use crate::store::{EndpointRow, Store, WaitReason};

/// Sets the gauges. They keep their last values while the database is away.
pub(super) async fn set_gauges(store: &Store, now: UnixMicros) {
    let (Ok(endpoints), Ok(waiting)) = (store.endpoints(now).await, store.waiting().await) else { return };
    for EndpointRow { name, state, lag_seconds, backlog_changes, given_up, .. } in endpoints {
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
        for reason in WaitReason::ALL.iter().map(|reason| reason.as_str()) {
            let found = waiting.iter().find(|(endpoint, own, _)| *endpoint == name && own == reason);
            let count = found.map_or(0, |(.., count)| *count);
            gauge!("paylatch_announcement_waits", "endpoint" => name.clone(), "reason" => reason)
                .set(count as f64);
        }
        gauge!("paylatch_announcement_given_up", "endpoint" => name).set(given_up as f64);
    }
}
