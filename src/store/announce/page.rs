//! What an endpoint is to be told next: what the log has, orders whose wait is over, and, while all orders are told again, the
//! next of those.

use serde_json::json;
use sqlx::SqliteConnection;

use super::extent::ENTRIES_OF_A_CHANGE;
use super::last_places::at_last_places;
use super::to_tell::ToTell;
use super::{ANSWER_MAX, Extent, POSTGRES_ORDERS_LOG, QUERY_MAX, Resync, watermark};
use crate::order::UnixMicros;
use crate::store::postgres::Transaction;
use crate::store::{Database, Store, StoreError, within};

const POSTGRES_PAGE: &str = concat!(
    include_str!("../postgres/announcements_to.sql"),
    "select told.*, w.reason, w.attempts, w.first_at, w.given_up_at is not null as was_given_up from (",
    include_str!("told.sql"),
    ") told ",
    include_str!("told_to.sql")
);
/// The same of an endpoint of which nothing waits, and that is told of nothing again.
const POSTGRES_PLAIN_PAGE: &str = concat!(
    include_str!("../postgres/announcements.sql"),
    "select told.*, cast(null as text) as reason from (",
    include_str!("told.sql"),
    ") told"
);
const SQLITE_PAGE: &str = concat!(
    include_str!("../sqlite/announcements_to.sql"),
    "select told.*, w.reason, w.attempts, w.first_at, w.given_up_at is not null as was_given_up from (",
    include_str!("told.sql"),
    ") told ",
    include_str!("told_to.sql")
);
/// The owner alone reads, for what it reads it tells; and whether anything waits.
const OWNED: &str = "
    select exists (select 1 from announcement_waits w where w.endpoint = e.name)
      from endpoints e where e.name = $1 and e.term = $2";
const ORDERS_AGAIN: &str = "
    select order_id, source, '' as ledger, ($3 is null or updated_at >= $3) as is_wanted
      from orders where (order_id, source) > ($1, $2) order by order_id, source limit $4";
const SETTLEMENTS_AGAIN: &str = "
    select order_id, '' as source, ledger, settlement is not null and ($3 is null or updated_at >= $3) as is_wanted
      from settlements where (order_id, ledger) > ($1, $2) order by order_id, ledger limit $4";

/// What the owner of an endpoint asks for.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The endpoint.
    pub name: &'a str,
    /// By which it is owned.
    pub term: i64,
    /// From where on in the log.
    pub cursor: i64,
    /// Entries of the log at most.
    pub entries_max: u32,
    /// At most of those that wait, and of those that are told again.
    pub others_max: u32,
    /// How far all orders were told again.
    pub resync: Option<&'a Resync>,
    /// What is due by then.
    pub now: UnixMicros,
}

/// What is to be told, each order once: those that wait and those that are told again, then those of the log in its order.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Orders and settlements.
    pub to_tell: Vec<ToTell>,
    /// The epoch in which their versions count.
    pub epoch: i64,
    /// The cursor once all of it is told.
    pub cursor: i64,
    /// The log has no more.
    pub at_end: bool,
    /// Entries after the cursor were cleared away before they were read.
    pub fell_off: bool,
    /// How far all orders are told again once all of this is told; `None`: they all are.
    pub resync: Option<Resync>,
    /// No save holds the log up.
    pub is_final: bool,
}

impl Store {
    /// The next page for the owner of an endpoint; `None` if it owns it no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page_to_tell(&self, ask: &Ask<'_>) -> Result<Option<Page>, StoreError> {
        let read = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.endpoints.begin(QUERY_MAX).await?;
                    let page = of_postgres(&mut transaction, ask).await?;
                    transaction.commit().await?;
                    Ok(page)
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin().await?;
                    of_sqlite(&mut transaction, ask).await
                }
            }
        };
        within(ANSWER_MAX, read).await
    }
}

async fn of_postgres(transaction: &mut Transaction, ask: &Ask<'_>) -> Result<Option<Page>, StoreError> {
    let owned = sqlx::query_scalar(OWNED).bind(ask.name).bind(ask.term);
    let has_waits: Option<bool> = owned.fetch_optional(transaction.statements()).await?;
    let Some(has_waits) = has_waits else { return Ok(None) };
    let last = watermark(transaction).await?;
    let extent = Extent::of_postgres(transaction, ask.cursor, last.unwrap_or(ask.cursor)).await?;
    let again: Vec<Again> = match ask.resync {
        None => Vec::new(),
        Some(resync) => {
            let again =
                sqlx::query_as(again_after(resync)).bind(&resync.order).bind(&resync.of).bind(resync.since);
            again.bind(i64::from(ask.others_max)).fetch_all(transaction.statements()).await?
        }
    };
    let has_exceptions = has_waits || !again.is_empty();
    let sql = match (has_exceptions, extent.has_settlements) {
        (true, _) => POSTGRES_PAGE,
        (false, true) => POSTGRES_PLAIN_PAGE,
        (false, false) => POSTGRES_ORDERS_LOG,
    };
    let page = sqlx::query_as(sql);
    let page = page.bind(ask.cursor).bind(last.unwrap_or(ask.cursor));
    let mut page = page.bind(i32::try_from(ask.entries_max).unwrap_or(i32::MAX));
    if has_exceptions {
        let [ids, sources, ledgers] = wanted(&again);
        page = page.bind(ask.name).bind(ask.now).bind(i64::from(ask.others_max));
        page = page.bind(ids).bind(sources).bind(ledgers);
    }
    let to_tell = page.fetch_all(transaction.statements()).await?;
    Ok(Some(Page { is_final: last.is_some(), ..Page::of(&extent, ask, at_last_places(to_tell), &again) }))
}

async fn of_sqlite(connection: &mut SqliteConnection, ask: &Ask<'_>) -> Result<Option<Page>, StoreError> {
    let owned = sqlx::query_scalar(OWNED).bind(ask.name).bind(ask.term);
    let owned: Option<bool> = owned.fetch_optional(&mut *connection).await?;
    if owned.is_none() {
        return Ok(None);
    }
    let extent = Extent::of_sqlite(connection, ask.cursor).await?;
    let again: Vec<Again> = match ask.resync {
        None => Vec::new(),
        Some(resync) => {
            let again =
                sqlx::query_as(again_after(resync)).bind(&resync.order).bind(&resync.of).bind(resync.since);
            again.bind(i64::from(ask.others_max)).fetch_all(&mut *connection).await?
        }
    };
    let wanted = wanted(&again).map(|column| json!(column).to_string());
    let page = sqlx::query_as(SQLITE_PAGE).bind(ask.cursor).bind(extent.last);
    let page = page.bind(i64::from(ask.entries_max)).bind(ask.name).bind(ask.now);
    let page = wanted.iter().fold(page.bind(i64::from(ask.others_max)), |page, column| page.bind(column));
    let to_tell = page.fetch_all(&mut *connection).await?;
    Ok(Some(Page { is_final: true, ..Page::of(&extent, ask, at_last_places(to_tell), &again) }))
}

/// An order's id, its source or its ledger, and whether it is among those that are told again.
type Again = (String, String, String, bool);

fn again_after(resync: &Resync) -> &'static str {
    if resync.is_at_settlements { SETTLEMENTS_AGAIN } else { ORDERS_AGAIN }
}

/// The ids, the sources and the ledgers of those that are told again.
fn wanted(again: &[Again]) -> [Vec<&str>; 3] {
    let wanted = || again.iter().filter(|(.., is_wanted)| *is_wanted);
    [
        wanted().map(|(id, ..)| id.as_str()).collect(),
        wanted().map(|(_, source, ..)| source.as_str()).collect(),
        wanted().map(|(_, _, ledger, _)| ledger.as_str()).collect(),
    ]
}

/// From where on all are told again after these; settlements come after orders.
fn go_on(resync: &Resync, again: &[Again], others_max: u32) -> Option<Resync> {
    let is_full = again.len() >= usize::try_from(others_max).unwrap_or(usize::MAX);
    match again.last().filter(|_| is_full) {
        Some((order, source, ledger, _)) => {
            let of = if resync.is_at_settlements { ledger } else { source };
            Some(Resync { order: order.clone(), of: of.clone(), ..resync.clone() })
        }
        None if resync.is_at_settlements => None,
        None => Some(Resync { is_at_settlements: true, since: resync.since, ..Resync::default() }),
    }
}

impl Page {
    fn of(extent: &Extent, ask: &Ask<'_>, to_tell: Vec<ToTell>, again: &[Again]) -> Self {
        let of_log = to_tell.iter().filter_map(|one| one.position);
        let reached = of_log.max().unwrap_or(ask.cursor);
        let at_end = reached >= extent.last;
        // Numbers that were drawn and never written belong to what is told, too.
        let whole_change =
            (extent.last / ENTRIES_OF_A_CHANGE) * ENTRIES_OF_A_CHANGE + ENTRIES_OF_A_CHANGE - 1;
        let cursor = if at_end { reached.max(whole_change) } else { reached };
        Self {
            to_tell,
            epoch: extent.epoch,
            cursor: if extent.last == 0 { ask.cursor } else { cursor },
            at_end,
            fell_off: extent.fell_off,
            resync: ask.resync.and_then(|resync| go_on(resync, again, ask.others_max)),
            is_final: true,
        }
    }
}
