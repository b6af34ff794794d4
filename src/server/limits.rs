//! The limits that the health page shows, each with the gauge of how much of it is in use.

use super::ADMIN_CONNECTIONS_MAX;
use crate::config::Settings;
use crate::http::Limit;

/// Each with the gauge of how much of it is in use.
pub(super) fn limits(settings: &Settings) -> Vec<Limit> {
    let of = |setting, max, gauge| Limit { setting, max, gauge };
    vec![
        of("intake.queue_events_max", settings.intake.queue_events_max, "paylatch_queue_events"),
        of(
            "http.connections_max",
            settings.http.connections_max,
            "paylatch_connections{listener=\"public\"}",
        ),
        of("connections to this listener", ADMIN_CONNECTIONS_MAX, "paylatch_connections{listener=\"admin\"}"),
    ]
}
