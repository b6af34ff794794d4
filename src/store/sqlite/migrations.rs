//! The migrations of a SQLite file, and the names of what they make.

use crate::store::migration::{self, Migration};

/// The migrations, oldest first. An applied one is never edited; a change is a new file.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "tables", sql: include_str!("../../../migrations/sqlite/0001_tables.sql") },
    Migration { version: 2, name: "views", sql: include_str!("../../../migrations/sqlite/0002_views.sql") },
    Migration {
        version: 3,
        name: "coupons",
        sql: include_str!("../../../migrations/sqlite/0003_coupons.sql"),
    },
    Migration {
        version: 4,
        name: "announce",
        sql: include_str!("../../../migrations/sqlite/0004_announce.sql"),
    },
    Migration {
        version: 5,
        name: "operator_actions",
        sql: include_str!("../../../migrations/sqlite/0005_operator_actions.sql"),
    },
    Migration {
        version: 6,
        name: "expectations",
        sql: include_str!("../../../migrations/sqlite/0006_expectations.sql"),
    },
    Migration {
        version: 7,
        name: "endpoints",
        sql: include_str!("../../../migrations/sqlite/0007_endpoints.sql"),
    },
    Migration {
        version: 8,
        name: "reports",
        sql: include_str!("../../../migrations/sqlite/0008_reports.sql"),
    },
    Migration {
        version: 9,
        name: "settlements_told",
        sql: include_str!("../../../migrations/sqlite/0009_settlements_told.sql"),
    },
    Migration {
        version: 10,
        name: "waiting",
        sql: include_str!("../../../migrations/sqlite/0010_waiting.sql"),
    },
    Migration {
        version: 11,
        name: "failed_events_by_id",
        sql: include_str!("../../../migrations/sqlite/0011_failed_events_by_id.sql"),
    },
    Migration {
        version: 12,
        name: "type_arrivals",
        sql: include_str!("../../../migrations/sqlite/0012_type_arrivals.sql"),
    },
    Migration {
        version: 13,
        name: "refunds_waiting",
        sql: include_str!("../../../migrations/sqlite/0013_refunds_waiting.sql"),
    },
];

/// Whether one of them makes the table or the constraint of this name.
pub(in crate::store) fn declares(kind: &str, name: &str) -> bool {
    migration::declares(MIGRATIONS, kind, name)
}
