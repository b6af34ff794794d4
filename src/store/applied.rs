//! Compares the migrations that a database has applied with those of this version: each is applied once, under a
//! lock, and known by its digest ever after.

use std::collections::HashMap;

use super::StoreError;
use super::migration::Migration;

/// A schema that this version may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Schema {
    /// How many migrations were applied by a newer version.
    pub unknown_migrations: usize,
}

/// What a database keeps of an applied migration: its version, and the SHA-256 of its text.
pub(super) type Applied = (i64, Vec<u8>);

/// Reads what was applied. The table has a name of ours: an application in the same database may keep its own where
/// sqlx does by default.
pub(super) const APPLIED: &str = "select version, sha256 from paylatch_migrations";
/// Keeps that a migration was applied.
pub(super) const KEEP: &str = "insert into paylatch_migrations (version, name, sha256) values ($1, $2, $3)";
/// Whether what sqlx keeps by default is ours. Only commits from before the first release kept theirs there.
pub(super) const IS_UNRELEASED: &str = "
    select count(*) = 2 from _sqlx_migrations
     where (version, description) in (values (1, 'tables'), (2, 'save'), (2, 'views'))";

/// How a complaint about something that is missing ends.
const WAY_OUT: &str = "run `paylatch migrate`";
/// The first of `migrations` that was not applied. What a newer version applied is left alone: replicas of two versions
/// work side by side during a rollout.
pub(super) fn first_missing(
    migrations: &'static [Migration],
    applied: &[Applied],
) -> Result<Option<&'static Migration>, StoreError> {
    let applied: HashMap<i64, &[u8]> =
        applied.iter().map(|(version, sha256)| (*version, &**sha256)).collect();
    for migration in migrations {
        match applied.get(&migration.version) {
            None => return Ok(Some(migration)),
            Some(sha256) if *sha256 != migration.sha256() => return Err(edited(migration.version)),
            Some(_) => {}
        }
    }
    Ok(None)
}

/// Compares what a database says was applied with what this program would apply. Counts what only a newer version knows:
/// migrations only add, so this version runs on.
pub(super) fn compare(migrations: &'static [Migration], applied: &[Applied]) -> Result<Schema, StoreError> {
    match first_missing(migrations, applied)? {
        Some(missing) => {
            Err(unfit(format_args!("migration {} ({}) is not applied", missing.version, missing.name)))
        }
        None => Ok(Schema { unknown_migrations: applied.len().saturating_sub(migrations.len()) }),
    }
}

/// Refuses a database that a commit from before the first release made: nothing brings it up to a release.
pub(super) fn refuse_unreleased(is_unreleased: bool) -> Result<(), StoreError> {
    if is_unreleased {
        Err(StoreError::Misconfigured(
            "the database was made by a version before the first release (0.2.0), which nothing upgrades; \
             give this version a new database, or drop the old tables"
                .to_owned(),
        ))
    } else {
        Ok(())
    }
}

/// Something is missing that a migration makes.
pub(super) fn unfit(what: impl std::fmt::Display) -> StoreError {
    StoreError::Misconfigured(format!("the database's schema is not this version's: {what}; {WAY_OUT}"))
}

/// Something that a migration made was removed or changed by hand: applying migrations again would not bring it back.
pub(super) fn tampered(what: impl std::fmt::Display) -> StoreError {
    StoreError::Misconfigured(format!(
        "the database's schema was changed by hand: {what}; put it back as in `migrations/`, or restore a backup; \
         on a new database {WAY_OUT}"
    ))
}

fn edited(version: i64) -> StoreError {
    StoreError::Misconfigured(format!(
        "migration {version} was edited after it was applied to this database; \
         use a build with the released migrations, and put changes into a new migration"
    ))
}
