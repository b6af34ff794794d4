//! Migrations: applied under a lock, compared by checksum ever after.

use std::collections::HashMap;

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::StoreError;

/// A schema that this version may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Schema {
    /// How many migrations were applied by a newer version.
    pub unknown_migrations: usize,
}

/// Where is kept what was applied; an application in the same database may keep its own where sqlx does by default.
const MIGRATIONS_TABLE: &str = "paylatch_migrations";
/// Whether what sqlx keeps by default is ours. Only commits from before the first release kept theirs there.
pub(super) const IS_UNRELEASED: &str = "
    select count(*) = 2 from _sqlx_migrations
     where (version, description) in (values (1, 'tables'), (2, 'save'), (2, 'views'))";
/// How every complaint about the schema ends.
pub(super) const WAY_OUT: &str = "run `paylatch migrate`";

/// Applies what is missing, one process at a time, and says what that was.
///
/// Migrations that a newer version applied are left alone: replicas of two versions work side by side during a rollout.
pub(super) async fn migrate<C: Migrate>(
    connection: &mut C,
    mut migrator: Migrator,
) -> Result<Vec<String>, StoreError> {
    connection.lock().await.map_err(failed)?;
    connection.ensure_migrations_table(MIGRATIONS_TABLE).await.map_err(failed)?;
    let applied = connection.list_applied_migrations(MIGRATIONS_TABLE).await.map_err(failed)?;
    migrator.set_ignore_missing(true);
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator.run_direct(None, connection, false).await.map_err(failed)?;
    connection.unlock().await.map_err(failed)?;
    let is_new = |version| applied.iter().all(|old| old.version != version);
    Ok(migrator
        .iter()
        .filter(|migration| is_new(migration.version))
        .map(|migration| format!("{} {}", migration.version, migration.description))
        .collect())
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

fn failed(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMismatch(version) => edited(version),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            match StoreError::from(error) {
                error @ (StoreError::Unavailable(_) | StoreError::Unknown(_)) => error,
                StoreError::Misconfigured(why)
                | StoreError::Stale(why)
                | StoreError::Blocked(why)
                | StoreError::Refused { message: why, .. } => StoreError::Misconfigured(why),
            }
        }
        other => StoreError::Misconfigured(other.to_string()),
    }
}

/// Compares what a database says was applied (version, checksum) with what this program would apply. Counts what only a
/// newer version knows: migrations only add, so this version runs on.
pub(super) fn compare(migrator: &Migrator, applied: Vec<(i64, Vec<u8>)>) -> Result<Schema, StoreError> {
    let applied: HashMap<i64, Vec<u8>> = applied.into_iter().collect();
    for migration in migrator.iter() {
        match applied.get(&migration.version) {
            None => {
                return Err(unfit(format_args!(
                    "migration {} ({}) is not applied",
                    migration.version, migration.description
                )));
            }
            Some(checksum) if *checksum != *migration.checksum => return Err(edited(migration.version)),
            Some(_) => {}
        }
    }
    Ok(Schema { unknown_migrations: applied.len().saturating_sub(migrator.iter().count()) })
}

/// Whether `sql` makes the table, the constraint or the function of this name.
pub(super) fn declares(sql: &str, kind: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    let declaration = format!("{kind} {name}");
    sql.match_indices(&declaration).any(|(at, found)| ends(sql.get(at + found.len()..).unwrap_or_default()))
}

/// Something is missing or changed that a migration made.
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
