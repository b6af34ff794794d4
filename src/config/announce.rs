//! The table `[announce]`: telling the merchant's application which orders changed.

use std::time::Duration;

use super::endpoints;
use super::reader::Reader;
use crate::announce::RelaySettings;
use crate::http::AnnounceSettings;

/// Whether changes are noted, how often the log is looked at, and for how long it is kept; and who is told of them. An endpoint
/// is reason enough to note changes.
pub(super) fn take(reader: &mut Reader) -> (AnnounceSettings, RelaySettings) {
    let poll = reader.millis("announce.poll_ms", 100, 10..=10_000);
    let keep_days = reader.count("announce.keep_days", 14, 1..=365);
    let is_enabled = reader.switch("announce.enabled", false);
    let token = reader.secret("announce.token");
    let page_orders = reader.count("announce.page_orders", 300, 1..=1_000);
    let seconds = |seconds: usize| Duration::from_secs(seconds as u64);
    let relay = RelaySettings {
        poll,
        page_orders: u32::try_from(page_orders).unwrap_or(u32::MAX),
        provisional_after: seconds(reader.count("announce.provisional_after_s", 30, 0..=86_400)),
        lease: seconds(reader.count("announce.lease_s", 10, 1..=600)),
        lag_alarm: seconds(reader.count("announce.lag_alarm_s", 300, 1..=604_800)),
        endpoints: endpoints::take(reader),
    };
    let announce = AnnounceSettings {
        enabled: is_enabled || !relay.endpoints.is_empty(),
        poll,
        keep: Duration::from_hours(24).saturating_mul(u32::try_from(keep_days).unwrap_or(u32::MAX)),
        token,
    };
    (announce, relay)
}
