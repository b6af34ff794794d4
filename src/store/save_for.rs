//! Saves what a person changed and the audit record of who did it, in one transaction.

use sqlx::{Connection, SqliteConnection};

use super::actions::{Action, By, keep_postgres, keep_sqlite};
use super::postgres::{self, Statements};
use super::{StoreError, sqlite};
use crate::order::Changes;

/// Its statements are those of one transaction.
pub(super) async fn save_for_postgres(
    mut statements: Statements<'_>,
    changes: &Changes<'_>,
    (by, action): (&By, &Action),
) -> Result<(), StoreError> {
    postgres::save(statements.next(), changes).await?;
    keep_postgres(statements, by, action).await
}

/// The same in a SQLite file.
pub(super) async fn save_for_sqlite(
    connection: &mut SqliteConnection,
    changes: &Changes<'_>,
    (by, action): (&By, &Action),
) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    sqlite::save_within(&mut transaction, changes).await?;
    keep_sqlite(&mut transaction, by, action).await?;
    Ok(transaction.commit().await?)
}
