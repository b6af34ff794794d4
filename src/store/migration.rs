//! A migration, and the names of what it makes.

use sha2::{Digest, Sha256};

/// A step of the schema: a file in `migrations/`. An applied one is never edited; a change is a new file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// How the text of a migration begins that cannot run in a transaction, such as one that builds an index while others
/// write.
const ALONE: &str = "-- no-transaction";

impl Migration {
    /// The digest of its text.
    pub(super) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.sql).into()
    }

    /// Whether its statements run one by one, outside any transaction.
    pub(super) fn runs_alone(&self) -> bool {
        self.sql.starts_with(ALONE)
    }

    /// How it is shown.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.version, self.name)
    }
}

/// Whether one of `migrations` makes the table, the constraint or the function of this name.
pub(super) fn declares(migrations: &[Migration], kind: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    let declaration = format!("{kind} {name}");
    let declares = |sql: &str| {
        sql.match_indices(&declaration)
            .any(|(at, found)| ends(sql.get(at + found.len()..).unwrap_or_default()))
    };
    migrations.iter().any(|migration| declares(migration.sql))
}

/// The names of what `sql` makes with `create WORD`.
pub(super) fn made<'s>(sql: &'s str, word: &str) -> Vec<&'s str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = |rest: &'s str| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
    sql.lines()
        .filter_map(|line| line.strip_prefix("create ")?.strip_prefix(word)?.strip_prefix(' '))
        .map(name)
        .collect()
}
