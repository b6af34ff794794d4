//! Events of accounts that are none of the merchant's: noted, and money all the same that somebody meant for him.

use super::by_arrival::in_both_indexes;
use super::{ANSWER_MAX, LOOKED_AT_MAX, QUERY_MAX};
use crate::order::{FOREIGN_ACCOUNT, Id};
use crate::store::{Database, Store, StoreError, within};

impl Store {
    /// The accounts of those of the source's newest 2,000 events that are of none of its `accounts`, each with how many they are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn foreign_accounts(&self, source: &Id) -> Result<Vec<(String, i64)>, StoreError> {
        let newest = in_both_indexes(|condition| {
            format!(
                "select e.account, e.outcome, e.reason, e.received_at from events e
                  where e.source = $1 and e.{condition}
                  order by e.received_at desc limit {LOOKED_AT_MAX}"
            )
        });
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select account, count(*)
                   from (select * from ({newest}) arrived order by received_at desc limit {LOOKED_AT_MAX}) newest
                  where outcome = 'noted' and reason = $2 and account is not null
                  group by account order by account"
            ))
        };
        let accounts = async {
            Ok(on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(sql()).bind(source.as_str()).bind(FOREIGN_ACCOUNT).fetch_all(pool).await?
            }))
        };
        within(ANSWER_MAX, accounts).await
    }
}
