//! The migrations of a Postgres database, and the names of what they make.

use crate::store::migration::{self, Migration};

/// The migrations, oldest first. An applied one is never edited; a change is a new file.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "tables",
        sql: include_str!("../../../migrations/postgres/0001_tables.sql"),
    },
    Migration { version: 2, name: "save", sql: include_str!("../../../migrations/postgres/0002_save.sql") },
    Migration { version: 3, name: "views", sql: include_str!("../../../migrations/postgres/0003_views.sql") },
    Migration {
        version: 4,
        name: "lock_leases",
        sql: include_str!("../../../migrations/postgres/0004_lock_leases.sql"),
    },
    Migration {
        version: 5,
        name: "coupons",
        sql: include_str!("../../../migrations/postgres/0005_coupons.sql"),
    },
    Migration {
        version: 6,
        name: "events_by_arrival",
        sql: include_str!("../../../migrations/postgres/0006_events_by_arrival.sql"),
    },
    Migration {
        version: 7,
        name: "announce",
        sql: include_str!("../../../migrations/postgres/0007_announce.sql"),
    },
    Migration {
        version: 8,
        name: "operator_actions",
        sql: include_str!("../../../migrations/postgres/0008_operator_actions.sql"),
    },
    Migration {
        version: 9,
        name: "expectations",
        sql: include_str!("../../../migrations/postgres/0009_expectations.sql"),
    },
    Migration {
        version: 10,
        name: "endpoints",
        sql: include_str!("../../../migrations/postgres/0010_endpoints.sql"),
    },
    Migration {
        version: 11,
        name: "reports",
        sql: include_str!("../../../migrations/postgres/0011_reports.sql"),
    },
    Migration {
        version: 12,
        name: "settlements_told",
        sql: include_str!("../../../migrations/postgres/0012_settlements_told.sql"),
    },
    Migration {
        version: 13,
        name: "waiting",
        sql: include_str!("../../../migrations/postgres/0013_waiting.sql"),
    },
    Migration {
        version: 14,
        name: "failed_events_by_id",
        sql: include_str!("../../../migrations/postgres/0014_failed_events_by_id.sql"),
    },
    Migration {
        version: 15,
        name: "type_arrivals",
        sql: include_str!("../../../migrations/postgres/0015_type_arrivals.sql"),
    },
    Migration {
        version: 16,
        name: "refunds_waiting",
        sql: include_str!("../../../migrations/postgres/0016_refunds_waiting.sql"),
    },
    Migration {
        version: 17,
        name: "announcements_done",
        sql: include_str!("../../../migrations/postgres/0017_announcements_done.sql"),
    },
];

/// Whether one of them makes the table, the constraint or the function of this name.
pub(in crate::store) fn declares(kind: &str, name: &str) -> bool {
    migration::declares(MIGRATIONS, kind, name)
}

/// The names of all that they make with `create KIND`.
pub(super) fn made(kind: &str) -> Vec<&'static str> {
    MIGRATIONS.iter().flat_map(|migration| migration::made(migration.sql, kind)).collect()
}
