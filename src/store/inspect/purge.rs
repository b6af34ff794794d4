//! Purging: bodies go, rows stay.

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::UnixMicros;
use crate::store::{Database, Store, StoreError, within};

/// How many rows one purging statement touches, so that nobody waits long for it.
const PURGE_ROWS: u32 = 1000;

impl Store {
    /// How many bodies [`Store::purge_payloads`] would clear.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_payloads(&self, older_than: UnixMicros) -> Result<u64, StoreError> {
        const SQL: &str = "
            select (select count(*) from events where payload is not null and received_at < $1)
                 + (select count(*) from conflicts where payload is not null and received_at < $1)";
        let count = async {
            let count: i64 = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_scalar(SQL).bind(older_than).fetch_one(pool).await?
            });
            Ok(u64::try_from(count).unwrap_or_default())
        };
        within(ANSWER_MAX, count).await
    }

    /// Clears the bodies of events and conflicts that arrived before `older_than`, never their rows, so that a late
    /// duplicate is still known. Says how many.
    ///
    /// # Errors
    /// [`StoreError`]; what was cleared until then stays cleared.
    pub async fn purge_payloads(&self, older_than: UnixMicros) -> Result<u64, StoreError> {
        const EVENTS: &str = "
            update events set payload = null
             where (event_id, source) in (
                   select event_id, source from events where payload is not null and received_at < $1 limit $2)";
        const CONFLICTS: &str = "
            update conflicts set payload = null
             where (event_id, source, body_sha256) in (
                   select event_id, source, body_sha256 from conflicts where payload is not null and received_at < $1 limit $2)";
        let mut cleared = 0;
        for sql in [EVENTS, CONFLICTS] {
            loop {
                let step = async {
                    Ok(on_either!(self, QUERY_MAX, pool => sqlx::query(sql)
                        .bind(older_than)
                        .bind(i64::from(PURGE_ROWS))
                        .execute(pool)
                        .await?
                        .rows_affected()))
                };
                match within(ANSWER_MAX, step).await? {
                    0 => break,
                    rows => cleared += rows,
                }
            }
        }
        Ok(cleared)
    }
}
