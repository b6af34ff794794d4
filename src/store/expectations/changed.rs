//! Of the orders that changed, those of which a settlement is kept.

use super::known::Wanted;
use super::{ANSWER_MAX, BY_KEY, QUERY_MAX};
use crate::store::announce::{Extent, watermark};
use crate::store::{Database, Store, StoreError, within};

/// Entries of the log that one step reads.
const STEP_CHANGES_MAX: i32 = 2_000;

/// What the log has after a position: first how far it was read, then whose settlements that concerns. Where a shop states few of its
/// orders, of all others no more than their keys are read.
const POSTGRES_CHANGED: &str = concat!(
    include_str!("../postgres/announcements.sql"),
    ", member (ledger, source) as (select value ->> 0, value ->> 1 from jsonb_array_elements(cast($4 as jsonb)))
     select max(change), null as order_id, null as ledger from page
     union all
     select page.change, s.order_id, s.ledger
       from page
       join member m on m.source = page.source
       join settlements s on s.order_id = page.order_id and s.ledger = m.ledger"
);
const SQLITE_CHANGED: &str = concat!(
    include_str!("../sqlite/announcements.sql"),
    ", member (ledger, source) as (select value ->> 0, value ->> 1 from json_each(?3))
     select max(change), null as order_id, null as ledger from page
     union all
     select page.change, s.order_id, s.ledger
       from page
      cross join member m
      cross join settlements s
      where m.source = page.source and s.order_id = page.order_id and s.ledger = m.ledger"
);

/// What changed after a position.
pub(super) struct Changed {
    /// Whose settlements may not hold any more.
    pub(super) wanted: Vec<Wanted>,
    /// From where to read on.
    pub(super) next: i64,
    /// Nothing is left to read now.
    pub(super) at_end: bool,
    /// Entries after the position were cleared away before they were read.
    pub(super) fell_off: bool,
}

/// A place in the log, and the settlement that it concerns.
type Row = (Option<i64>, Option<String>, Option<String>);

impl Store {
    /// Which settlements the log's entries after `position` concern, a bounded number of entries at once.
    pub(super) async fn changed_after(&self, position: i64, members: &str) -> Result<Changed, StoreError> {
        let read = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.settlements.begin_as(BY_KEY, QUERY_MAX).await?;
                    let last = watermark(&mut transaction).await?.unwrap_or(position);
                    let extent = Extent::of_postgres(&mut transaction, position, last).await?;
                    let changed = sqlx::query_as(POSTGRES_CHANGED).bind(position).bind(last);
                    let changed = changed.bind(STEP_CHANGES_MAX).bind(members);
                    let rows = changed.fetch_all(transaction.statements()).await?;
                    transaction.commit().await?;
                    Ok(Changed::of(&extent, position, rows))
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin().await?;
                    let extent = Extent::of_sqlite(&mut transaction, position).await?;
                    let changed =
                        sqlx::query_as(SQLITE_CHANGED).bind(position).bind(i64::from(STEP_CHANGES_MAX));
                    let rows = changed.bind(members).fetch_all(&mut *transaction).await?;
                    Ok(Changed::of(&extent, position, rows))
                }
            }
        };
        within(ANSWER_MAX, read).await
    }
}

impl Changed {
    fn of(extent: &Extent, position: i64, rows: Vec<Row>) -> Self {
        let next = rows.iter().filter_map(|(place, ..)| *place).max().unwrap_or(position);
        let wanted = rows.into_iter().filter_map(|(_, order, ledger)| order.zip(ledger)).collect();
        Self { wanted, next, at_end: next >= extent.last, fell_off: extent.fell_off }
    }
}
