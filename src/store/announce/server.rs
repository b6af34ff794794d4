//! Which server an epoch of announcements holds for: on another one, or after a promotion, versions may come again that
//! receivers have seen with other content.

use super::{ANSWER_MAX, QUERY_MAX};
use crate::store::{Database, Store, StoreError, within};

/// The server and its timeline, which the log's present file tells before the control file does.
const OF_SERVER: &str = "
    select (select system_identifier::text from pg_control_system()),
           ('x' || lpad(left(pg_walfile_name(pg_current_wal_lsn()), 8), 16, '0'))::bit(64)::bigint";
const OF_EPOCH: &str = "select system_identifier, timeline from announcement_epoch";
const KEEP: &str = "update announcement_epoch set system_identifier = $1, timeline = $2";

impl Store {
    /// Keeps which server the epoch holds for, if nobody has yet, or if it is begun `anew`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn place_epoch(&self, anew: bool) -> Result<(), StoreError> {
        let Some((server, epoch)) = self.servers().await? else { return Ok(()) };
        if !anew && !epoch.0.is_empty() {
            return Ok(());
        }
        let kept = async {
            on_either!(self, QUERY_MAX, pool => {
                sqlx::query(KEEP).bind(&server.0).bind(server.1).execute(pool).await?;
            });
            Ok(())
        };
        within(ANSWER_MAX, kept).await
    }

    /// Whether this is the server that the epoch was begun on. `None` where that cannot be told: SQLite, a role that may not
    /// ask, or an epoch of which nobody kept it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn epoch_fits(&self) -> Result<Option<bool>, StoreError> {
        let servers = self.servers().await?;
        Ok(servers.filter(|(_, epoch)| !epoch.0.is_empty()).map(|(server, epoch)| server == epoch))
    }

    /// The present server, and that of the epoch.
    async fn servers(&self) -> Result<Option<((String, i64), (String, i64))>, StoreError> {
        let Database::Postgres(own) = &self.database else { return Ok(None) };
        let servers = async {
            let mut transaction = own.lists.begin(QUERY_MAX).await?;
            let server = sqlx::query_as(OF_SERVER).fetch_one(transaction.statements()).await?;
            let epoch = sqlx::query_as(OF_EPOCH).fetch_one(transaction.statements()).await?;
            transaction.commit().await?;
            Ok(Some((server, epoch)))
        };
        match within(ANSWER_MAX, servers).await {
            Err(StoreError::Forbidden(_)) => Ok(None),
            other => other,
        }
    }
}
