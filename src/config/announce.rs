//! The table `[announce]`: telling the merchant's application which orders changed.

use std::time::Duration;

use super::reader::Reader;
use crate::http::AnnounceSettings;

/// Whether changes are noted, how often the log is looked at, and for how long it is kept.
pub(super) fn take(reader: &mut Reader) -> AnnounceSettings {
    let poll_ms = reader.count("announce.poll_ms", 100, 10..=10_000);
    let keep_days = reader.count("announce.keep_days", 14, 1..=365);
    AnnounceSettings {
        enabled: reader.switch("announce.enabled", false),
        poll: Duration::from_millis(poll_ms as u64),
        keep: Duration::from_hours(24).saturating_mul(u32::try_from(keep_days).unwrap_or(u32::MAX)),
        token: reader.secret("announce.token"),
    }
}
