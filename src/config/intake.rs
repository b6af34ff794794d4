//! The table `[intake]`: limits of the work.

use std::time::Duration;

use super::database::is_sqlite;
use super::reader::Reader;
use crate::intake::IntakeSettings;
use crate::store::StoreSettings;

/// The whole table. `lock_wait` is set in `[lock]`, and is a limit of the work, too.
pub(super) fn take(
    reader: &mut Reader,
    lock_wait: Duration,
    store: Option<&StoreSettings>,
) -> IntakeSettings {
    let lanes = if store.is_some_and(is_sqlite) { 1 } else { 2 };
    IntakeSettings {
        lanes: reader.count("intake.lanes", lanes, 1..=64),
        batch_events_max: reader.count("intake.batch_events_max", 256, 1..=4_096),
        queue_events_max: reader.count("intake.queue_events_max", 4_096, 1..=1_000_000),
        queue_bytes_max: reader.count("intake.queue_bytes_max", 32 << 20, 1_024..=16 << 30), // 32 MiB
        deadline: reader.millis("intake.deadline_ms", 4_000, 100..=60_000),
        lock_wait,
        order_events_max: u32::try_from(reader.count("intake.order_events_max", 10_000, 1..=1_000_000))
            .unwrap_or(u32::MAX),
    }
}
