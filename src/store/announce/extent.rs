//! How far the log of changes reaches from a position on: the logs of orders and of settlements share their numbers.

use sqlx::SqliteConnection;

use super::{Announcement, Announcements};
use crate::store::StoreError;
use crate::store::postgres::Transaction;

/// A position is the number of a change times this, and an entry's place in it.
pub(super) const ENTRIES_OF_A_CHANGE: i64 = 256;

/// $1 the position that is read from, $2 the watermark. Only what is near the position is looked at, and it from above: what was
/// cleared before it stays in the index for as long as the oldest transaction of the server lasts.
const POSTGRES_EXTENT: &str = "
    select epoch,
           case when $1 = 0 or $1 / 256 >= (select case when is_called then last_value else 0 end from order_changes_change_seq)
                then false
                else coalesce((select change from order_changes where change <= $1 / 256 + 1 order by change desc limit 1),
                              (select change from settlement_changes where change <= $1 / 256 + 1 order by change desc limit 1))
                     is null
            end as fell_off,
           (select change * 256 + cardinality(order_ids) - 1 from order_changes
             where change between $1 / 256 and $2 / 256 order by change desc limit 1) as of_orders,
           (select change * 256 + cardinality(order_ids) - 1 from settlement_changes
             where change between $1 / 256 and $2 / 256 order by change desc limit 1) as of_settlements
      from announcement_epoch";
const SQLITE_EXTENT: &str = "
    select epoch,
           ?1 <> 0 and ?1 / 256 + 1 <
           coalesce((select min(change) from (select min(change) as change from order_changes
                                              union all select min(change) from settlement_changes)),
                    (select seq + 1 from sqlite_sequence where name = 'order_changes'), 1) as fell_off,
           (select change * 256 + json_array_length(order_ids) - 1 from order_changes order by change desc limit 1) as of_orders,
           (select change * 256 + json_array_length(order_ids) - 1 from settlement_changes order by change desc limit 1) as of_settlements
      from announcement_epoch";

/// How far the log reaches from a position on.
pub(in crate::store) struct Extent {
    pub(super) epoch: i64,
    /// Entries after the position were cleared away.
    pub(in crate::store) fell_off: bool,
    /// The position of its last entry that may be told; 0 if there is none from there on.
    pub(in crate::store) last: i64,
    /// Entries from there on are of settlements, too.
    pub(super) has_settlements: bool,
}

impl Extent {
    pub(in crate::store) async fn of_postgres(
        transaction: &mut Transaction,
        position: i64,
        watermark: i64,
    ) -> Result<Self, StoreError> {
        let extent = sqlx::query_as(POSTGRES_EXTENT).bind(position).bind(watermark);
        Ok(Self::of(extent.fetch_one(transaction.statements()).await?))
    }

    pub(in crate::store) async fn of_sqlite(
        connection: &mut SqliteConnection,
        position: i64,
    ) -> Result<Self, StoreError> {
        Ok(Self::of(sqlx::query_as(SQLITE_EXTENT).bind(position).fetch_one(connection).await?))
    }

    /// With the last entry of the orders, and of the settlements.
    fn of((epoch, fell_off, of_orders, of_settlements): (i64, bool, Option<i64>, Option<i64>)) -> Self {
        let last = of_orders.max(of_settlements).unwrap_or_default();
        Self { epoch, fell_off, last, has_settlements: of_settlements.is_some() }
    }

    pub(super) fn page(&self, position: i64, told: Vec<Announcement>) -> Announcements {
        let next = told.last().map_or(position, Announcement::position);
        Announcements { told, epoch: self.epoch, next, at_end: next >= self.last, fell_off: self.fell_off }
    }
}
