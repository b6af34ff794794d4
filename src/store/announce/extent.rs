//! The first and the last entry of the log of changes: that of the orders and that of the settlements share their numbers.

use sqlx::SqliteConnection;

use super::{Announcement, Announcements};
use crate::store::StoreError;
use crate::store::postgres::Transaction;

/// A position is the number of a change times this, and an entry's place in it.
pub(super) const ENTRIES_OF_A_CHANGE: i64 = 256;

const POSTGRES_EXTENT: &str = "
    select epoch,
           coalesce(least((select min(change) from order_changes), (select min(change) from settlement_changes)),
                    (select last_value + is_called::int from order_changes_change_seq)) as first,
           greatest((select change * 256 + cardinality(order_ids) - 1 from order_changes
                      where change <= $1 / 256 order by change desc limit 1),
                    (select change * 256 + cardinality(order_ids) - 1 from settlement_changes
                      where change <= $1 / 256 order by change desc limit 1), 0) as last
      from announcement_epoch";
const SQLITE_EXTENT: &str = "
    select epoch,
           coalesce((select min(change) from (select min(change) as change from order_changes
                                              union all select min(change) from settlement_changes)),
                    (select seq + 1 from sqlite_sequence where name = 'order_changes'), 1) as first,
           max(coalesce((select change * 256 + json_array_length(order_ids) - 1 from order_changes
                          order by change desc limit 1), 0),
               coalesce((select change * 256 + json_array_length(order_ids) - 1 from settlement_changes
                          order by change desc limit 1), 0)) as last
      from announcement_epoch";

/// From where to where the log reaches.
pub(super) struct Extent {
    pub(super) epoch: i64,
    /// The first change that it has, or the next one if it has none.
    first: i64,
    /// The position of its last entry that may be told; 0 if there is none.
    pub(super) last: i64,
}

impl Extent {
    pub(super) async fn of_postgres(
        transaction: &mut Transaction,
        watermark: i64,
    ) -> Result<Self, StoreError> {
        let extent = sqlx::query_as(POSTGRES_EXTENT).bind(watermark);
        Ok(Self::of(extent.fetch_one(transaction.statements()).await?))
    }

    pub(super) async fn of_sqlite(connection: &mut SqliteConnection) -> Result<Self, StoreError> {
        Ok(Self::of(sqlx::query_as(SQLITE_EXTENT).fetch_one(connection).await?))
    }

    fn of((epoch, first, last): (i64, i64, i64)) -> Self {
        Self { epoch, first, last }
    }

    /// Whether entries after the position were cleared away.
    pub(super) fn lacks(&self, position: i64) -> bool {
        position != 0 && position / ENTRIES_OF_A_CHANGE < self.first - 1
    }

    pub(super) fn page(&self, position: i64, told: Vec<Announcement>) -> Announcements {
        let next = told.last().map_or(position, Announcement::position);
        Announcements {
            told,
            epoch: self.epoch,
            next,
            at_end: next >= self.last,
            fell_off: self.lacks(position),
        }
    }
}
