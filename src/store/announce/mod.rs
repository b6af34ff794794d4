//! The log of changed orders and settlements, for those who are told of them: triggers on `orders` write it while it is on, and
//! who settles.
//!
//! It says which orders changed, not to what: what is told is an order's row as it is when it is read. A reader goes no further
//! than the watermark, up to which nothing can become visible any more; so nobody is passed over, whoever commits when.

mod control;
mod endpoint;
mod extent;
mod known;
mod last_places;
mod listing;
mod page;
mod row;
mod server;
mod settled;
mod subject;
mod to_tell;
mod wait;

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{query, query_scalar, raw_sql};

pub use self::endpoint::{Note, OwnedEndpoint, Resync};
pub(super) use self::extent::Extent;
pub use self::known::Told;
use self::last_places::at_last_places;
pub use self::listing::{EndpointRow, WaitFilter, WaitRow};
pub use self::page::{Ask, Page};
pub use self::row::{Announced, AnnouncedOrder, Announcement};
pub use self::settled::AnnouncedSettlement;
pub use self::subject::Subject;
pub use self::to_tell::{ToTell, Waiting};
pub use self::wait::{Wait, WaitReason};
use super::actions::{Action, ActionKind, By, keep_postgres, keep_sqlite};
use super::inspect::ROWS_MAX;
use super::postgres::Transaction;
use super::{Database, Store, StoreError, within};
use crate::order::UnixMicros;

/// The longest that the log may be read, or its triggers made, in the database.
const QUERY_MAX: Duration = Duration::from_secs(5);
/// The same here: it has the wait for others' questions and for a connection in it.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long the watermark waits for a save that has drawn an earlier number. Saves end within their statement's timeout.
const WATERMARK_MAX: Duration = Duration::from_secs(3);

/// The triggers of each database. A statement of Postgres writes one row for all the orders that it changed.
const POSTGRES_ON: &str = "
    create trigger order_changes_insert after insert on orders referencing new table as changed
        for each statement execute function note_order_changes();
    create trigger order_changes_update after update on orders referencing new table as changed
        for each statement execute function note_order_changes();
    create trigger order_changes_delete after delete on orders referencing old table as changed
        for each statement execute function note_order_changes()";
const POSTGRES_OFF: &str = "
    drop trigger order_changes_insert on orders;
    drop trigger order_changes_update on orders;
    drop trigger order_changes_delete on orders";
const POSTGRES_IS_ON: &str = "
    select count(*) from pg_trigger
     where tgrelid = to_regclass('orders') and tgenabled in ('O', 'A')
       and tgname in ('order_changes_insert', 'order_changes_update', 'order_changes_delete')";
const SQLITE_ON: &str = "
    create trigger order_changes_insert after insert on orders begin
        insert into order_changes (gone, order_ids, sources, versions)
        values (0, json_array(new.order_id), json_array(new.source), json_array(new.version));
    end;
    create trigger order_changes_update after update on orders begin
        insert into order_changes (gone, order_ids, sources, versions)
        values (0, json_array(new.order_id), json_array(new.source), json_array(new.version));
    end;
    create trigger order_changes_delete after delete on orders begin
        update order_version set value = value + 1;
        insert into order_changes (gone, order_ids, sources, versions)
        select 1, json_array(old.order_id), json_array(old.source), json_array(value) from order_version;
    end";
const SQLITE_OFF: &str = "
    drop trigger order_changes_insert; drop trigger order_changes_update; drop trigger order_changes_delete";
const SQLITE_IS_ON: &str = "
    select count(*) from sqlite_master
     where type = 'trigger' and name in ('order_changes_insert', 'order_changes_update', 'order_changes_delete')";
/// Triggers that write the log.
const TRIGGERS: i64 = 3;
/// What changed while nothing was noted is in no settlement: all are settled again.
const SETTLE_ANEW: &str = "update settlement_progress set ledgers = '', step = step + 1";
/// Rows of the log that one statement clears.
const CLEARED_AT_ONCE: i64 = 1_000;

const POSTGRES_LOG: &str = concat!(include_str!("../postgres/announcements.sql"), include_str!("told.sql"));
/// The same where the log has orders alone: columns of settlements cost each order a tenth of its time.
const POSTGRES_ORDERS_LOG: &str =
    concat!(include_str!("../postgres/announcements.sql"), include_str!("told_orders.sql"));
const SQLITE_LOG: &str = concat!(include_str!("../sqlite/announcements.sql"), include_str!("told.sql"));

/// What changed after a position.
#[derive(Debug, Clone, Default)]
pub struct Announcements {
    /// Each order and each settlement once, in the order of its last change.
    pub told: Vec<Announcement>,
    /// In which the positions hold.
    pub epoch: i64,
    /// From where to read on.
    pub next: i64,
    /// Nothing is left to tell now.
    pub at_end: bool,
    /// Entries after the position were cleared away before they were read.
    pub fell_off: bool,
}

impl Store {
    /// Whether changes of orders are noted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn notes_changes(&self) -> Result<bool, StoreError> {
        let count = async {
            Ok(match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.lists.begin(QUERY_MAX).await?;
                    let count: i64 =
                        sqlx::query_scalar(POSTGRES_IS_ON).fetch_one(transaction.statements()).await?;
                    transaction.commit().await?;
                    count
                }
                Database::Sqlite(own) => sqlx::query_scalar(SQLITE_IS_ON).fetch_one(&own.pool).await?,
            })
        };
        Ok(within(ANSWER_MAX, count).await? == TRIGGERS)
    }

    /// Notes changes of orders from now on, or no longer; tells whether that is new. Takes a lock on `orders` for an instant.
    /// That a person did it is kept; the settings do it by nobody.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_changes(&self, on: bool, by: Option<&By>) -> Result<bool, StoreError> {
        if self.notes_changes().await? == on {
            return Ok(false);
        }
        let kind = if on { ActionKind::AnnounceOn } else { ActionKind::AnnounceOff };
        let action = announced(kind, json!({ "on": !on }), json!({ "on": on }));
        let change = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.lists.begin(QUERY_MAX).await?;
                    raw_sql(if on { POSTGRES_ON } else { POSTGRES_OFF })
                        .execute(transaction.statements())
                        .await?;
                    if let Some(by) = by {
                        keep_postgres(transaction.statements(), by, &action).await?;
                    }
                    raw_sql(SETTLE_ANEW).execute(transaction.statements()).await?;
                    transaction.commit().await?;
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin().await?;
                    raw_sql(if on { SQLITE_ON } else { SQLITE_OFF }).execute(&mut *transaction).await?;
                    if let Some(by) = by {
                        keep_sqlite(&mut transaction, by, &action).await?;
                    }
                    raw_sql(SETTLE_ANEW).execute(&mut *transaction).await?;
                    transaction.commit().await?;
                }
            }
            Ok(true)
        };
        within(ANSWER_MAX, change).await
    }

    /// Raises the epoch, because versions come again that receivers have seen with other content; tells the new one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_epoch(&self, by: &By) -> Result<i64, StoreError> {
        const SQL: &str = "update announcement_epoch set epoch = epoch + 1 returning epoch";
        let begun = |epoch: &i64| {
            let (before, after) = (json!({ "epoch": epoch - 1 }), json!({ "epoch": epoch }));
            Some(announced(ActionKind::AnnounceNewEpoch, before, after))
        };
        let epoch = async {
            Ok(act_on_either!(self, QUERY_MAX, by, connection => {
                sqlx::query_scalar(SQL).fetch_one(connection).await?
            }, begun))
        };
        let epoch = within(ANSWER_MAX, epoch).await?;
        self.place_epoch(true).await?;
        Ok(epoch)
    }

    /// At most `limit` entries of the log after `position`; 0 is before all that it has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn announcements(&self, position: i64, limit: u32) -> Result<Announcements, StoreError> {
        let limit = limit.min(ROWS_MAX);
        let read = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.announcements.begin(QUERY_MAX).await?;
                    let last = watermark(&mut transaction).await?.unwrap_or(position);
                    let extent = Extent::of_postgres(&mut transaction, position, last).await?;
                    let sql = if extent.has_settlements { POSTGRES_LOG } else { POSTGRES_ORDERS_LOG };
                    let page = sqlx::query_as(sql).bind(position).bind(last);
                    let page = page.bind(i32::try_from(limit).unwrap_or(i32::MAX));
                    let told = page.fetch_all(transaction.statements()).await?;
                    transaction.commit().await?;
                    Ok(extent.page(position, at_last_places(told)))
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin().await?;
                    let extent = Extent::of_sqlite(&mut transaction, position).await?;
                    let page = sqlx::query_as(SQLITE_LOG).bind(position).bind(i64::from(limit));
                    let told = page.fetch_all(&mut *transaction).await?;
                    Ok(extent.page(position, at_last_places(told)))
                }
            }
        };
        within(ANSWER_MAX, read).await
    }

    /// Clears entries of the log that are older than `older_than`, a bounded number at once; tells how many. Orders and settlements
    /// go up to the same number in one transaction: else who reads behind what is cleared could not be told that it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear_changes(&self, older_than: UnixMicros) -> Result<u64, StoreError> {
        const LAST: &str = "
            select max(change)
              from (select change, at from (select change, at from order_changes
                                            union all select change, at from settlement_changes) log
                     order by change limit $2) oldest
             where at < $1";
        const LOGS: [&str; 2] = [
            "delete from order_changes where change <= $1",
            "delete from settlement_changes where change <= $1",
        ];
        let clear = async {
            let mut cleared = 0;
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.lists.begin(QUERY_MAX).await?;
                    let last = query_scalar(LAST).bind(older_than).bind(CLEARED_AT_ONCE);
                    let last: Option<i64> = last.fetch_one(transaction.statements()).await?;
                    for log in LOGS {
                        let done = query(log).bind(last).execute(transaction.statements()).await?;
                        cleared += done.rows_affected();
                    }
                    transaction.commit().await?;
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin_with("begin immediate").await?;
                    let last = query_scalar(LAST).bind(older_than).bind(CLEARED_AT_ONCE);
                    let last: Option<i64> = last.fetch_one(&mut *transaction).await?;
                    for log in LOGS {
                        cleared += query(log).bind(last).execute(&mut *transaction).await?.rows_affected();
                    }
                    transaction.commit().await?;
                }
            }
            Ok(cleared)
        };
        within(ANSWER_MAX, clear).await
    }
}

fn announced(kind: ActionKind, before: Value, after: Value) -> Action {
    let (before, after) = (Some(before), Some(after));
    Action { kind, source: None, target: "announcements".to_owned(), before, after }
}

/// The last position up to which everything is visible, if no save that has drawn an earlier number holds it up. To be read by
/// a statement of its own, before the others: what is final by now is visible to their snapshots.
pub(super) async fn watermark(transaction: &mut Transaction) -> Result<Option<i64>, StoreError> {
    let wait_ms = i32::try_from(WATERMARK_MAX.as_millis()).unwrap_or(i32::MAX);
    let watermark = sqlx::query_scalar("select announcements_watermark($1)").bind(wait_ms);
    Ok(watermark.fetch_one(transaction.statements()).await?)
}
