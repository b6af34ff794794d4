//! The provider's own record beside our events: files and their rows, the comparison, and what it found.
//!
//! Everything is done in short steps, each committed by itself, beside servers that write: a step that is repeated does what it
//! did. What a file says is kept in `report_rows`; what both sides disagree in, in `findings`.

mod compare;
mod finding;
mod purge;
mod report;
mod rows;
mod sides;
mod unknown;
mod write;

use std::time::Duration;

pub use self::compare::{Compared, Window};
pub use self::finding::{FindingFilter, FindingRow};
pub use self::report::{ReportFile, ReportRead};
pub use self::rows::RowsAdded;
pub use self::unknown::unknown_types;

/// The longest that one step may take in the database.
const STEP_MAX: Duration = Duration::from_secs(60);
/// The same here: it has the wait for others' questions and for a connection in it.
const ANSWER_MAX: Duration = Duration::from_secs(65);
/// How many rows are added at once.
pub const ROWS_AT_ONCE: usize = 1_000;
/// How many payments are compared at once.
const PAYMENTS_AT_ONCE: usize = 500;

/// Rows that travel as one JSON text: as a table `name` of these columns, in either database.
macro_rules! as_table {
    ($store:expr, $parameter:literal, $name:literal, [$($column:literal $kind:literal),+ $(,)?]) => {
        match &$store.database {
            crate::store::Database::Postgres(_) => concat!(
                "jsonb_to_recordset($", $parameter, "::jsonb) as ", $name, "(",
                as_table!(@join $(concat!($column, " ", $kind)),+), ")"
            ),
            crate::store::Database::Sqlite(_) => concat!(
                "(select ", as_table!(@join $(concat!("value ->> '", $column, "' as ", $column)),+),
                " from json_each($", $parameter, ")) as ", $name
            ),
        }
    };
    (@join $first:expr $(, $rest:expr)*) => { concat!($first $(, ", ", $rest)*) };
}
use as_table;

/// The texts of a JSON list, as a list for `in`.
fn in_list(database: &super::Database, parameter: u32) -> String {
    match database {
        super::Database::Postgres(_) => format!("(select jsonb_array_elements_text(${parameter}::jsonb))"),
        super::Database::Sqlite(_) => format!("(select value from json_each(${parameter}))"),
    }
}
