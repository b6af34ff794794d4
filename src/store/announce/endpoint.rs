//! Who tells an endpoint, and how far it has been told. One process owns it by a lease in its row; whatever the owner writes
//! says by which term it owns it, so that one which was frozen, and woken when another had taken over, writes nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::wait::Wait;
use super::{ANSWER_MAX, QUERY_MAX, Subject};
use crate::order::UnixMicros;
use crate::store::{Database, Store, StoreError, within};

const POSTGRES_OWN: &str = include_str!("../postgres/endpoint_own.sql");
const SQLITE_OWN: &str = include_str!("../sqlite/endpoint_own.sql");
const POSTGRES_NOTE: &str = include_str!("../postgres/endpoint_note.sql");
/// The same of SQLite, whose statements write one table each.
const SQLITE_NOTE: &str = "
    update endpoints
       set cursor = $3, epoch = $4, since = case when state = $5 then since else $12 end, state = $5, failures = $6,
           probe_at = $7, error = coalesce($8, error), told_at = coalesce($9, told_at), resync_order = $10, resync_source = $11,
           resync_since = $13, resync_ledger = $14
     where name = $1 and term = $2";
const SQLITE_TOLD: &str = "
    delete from announcement_waits
     where endpoint = $1 and (order_id, source, ledger) in (
           select value ->> 'order_id', value ->> 'source', value ->> 'ledger' from json_each($2))
       and version <= (select k.value ->> 'version' from json_each($2) k
                        where order_id = k.value ->> 'order_id' and source = k.value ->> 'source' and ledger = k.value ->> 'ledger')";
const SQLITE_RAISED: &str = "
    update announcement_waits set version = max(version, k.value ->> 'version')
      from json_each($2) k
     where endpoint = $1 and order_id = k.value ->> 'order_id' and source = k.value ->> 'source'
       and ledger = k.value ->> 'ledger'";
const SQLITE_SET_ASIDE: &str = "
    insert into announcement_waits
           (endpoint, order_id, source, ledger, reason, version, attempts, due_at, first_at, status, error, given_up_at)
    select $1, value ->> 'order_id', value ->> 'source', value ->> 'ledger', value ->> 'reason', value ->> 'version', value ->> 'attempts',
           value ->> 'due_at', value ->> 'first_at', value ->> 'status', value ->> 'error', value ->> 'given_up_at'
      from json_each($2)
     where true
        on conflict (endpoint, order_id, source, ledger) do update
       set reason = excluded.reason, version = max(version, excluded.version), attempts = excluded.attempts,
           due_at = excluded.due_at, first_at = excluded.first_at, status = excluded.status, error = excluded.error,
           given_up_at = excluded.given_up_at";

/// An endpoint as its owner took it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEndpoint {
    /// By which it is owned.
    pub term: i64,
    /// The last entry of the log up to which everything was told, or waits.
    pub cursor: i64,
    /// The epoch that it was told of.
    pub epoch: i64,
    /// A person, or its own answer, wants it left alone.
    pub is_paused: bool,
    /// Attempts in a row that it took nothing of.
    pub failures: u32,
    /// When it is tried next, while it takes nothing.
    pub probe_at: Option<UnixMicros>,
    /// While all orders are told again.
    pub resync: Option<Resync>,
}

/// How far all orders, and after them all settlements, were told again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resync {
    /// All orders were, and settlements are.
    pub is_at_settlements: bool,
    /// The last order that was; empty before the first.
    pub order: String,
    /// Its source, or its ledger.
    pub of: String,
    /// Only what was written since then.
    pub since: Option<UnixMicros>,
}

/// What an owner has done since it last said so.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "the columns of endpoints")]
pub struct Note {
    pub cursor: i64,
    pub epoch: i64,
    pub state: &'static str,
    pub failures: u32,
    pub probe_at: Option<UnixMicros>,
    pub error: Option<String>,
    pub told_at: Option<UnixMicros>,
    pub resync: Option<Resync>,
    /// What waits no longer, unless for a newer version than this.
    pub told: Vec<(Subject, i64)>,
    /// Newer versions of what waits.
    pub raised: Vec<(Subject, i64)>,
    /// What waits from now on, or longer.
    pub waits: Vec<Wait>,
}

impl Store {
    /// Makes `owner` the owner of endpoint `name` for the time of `lease`, or keeps it so; `None` while another one owns it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn own_endpoint(
        &self,
        name: &str,
        owner: &str,
        lease: Duration,
    ) -> Result<Option<OwnedEndpoint>, StoreError> {
        type Row = (
            i64,
            i64,
            i64,
            String,
            i64,
            Option<UnixMicros>,
            Option<String>,
            Option<String>,
            Option<UnixMicros>,
            Option<String>,
        );
        let sql = self.of_either(POSTGRES_OWN, SQLITE_OWN);
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let row = async {
            let row: Option<Row> = on_either!(self, endpoints, QUERY_MAX, pool => {
                sqlx::query_as(sql).bind(name).bind(owner).bind(lease_ms).fetch_optional(pool).await?
            });
            Ok(row)
        };
        let row = within(ANSWER_MAX, row).await?;
        Ok(row.map(|(term, cursor, epoch, state, failures, probe_at, order, source, since, ledger)| {
            OwnedEndpoint {
                term,
                cursor,
                epoch,
                is_paused: state == "paused",
                failures: u32::try_from(failures).unwrap_or(u32::MAX),
                probe_at,
                resync: order.zip(source).map(|(order, source)| Resync {
                    is_at_settlements: ledger.is_some(),
                    order,
                    of: ledger.unwrap_or(source),
                    since,
                }),
            }
        }))
    }

    /// Lets another process own the endpoint at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn disown_endpoint(&self, name: &str, term: i64) -> Result<(), StoreError> {
        const SQL: &str =
            "update endpoints set owner = null, lease_until = null where name = $1 and term = $2";
        let done = async {
            on_either!(self, endpoints, QUERY_MAX, pool => {
                sqlx::query(SQL).bind(name).bind(term).execute(pool).await?;
            });
            Ok(())
        };
        within(ANSWER_MAX, done).await
    }

    /// Keeps what the owner of `name` by `term` has done, all of it; nothing, and `false`, if it owns it no longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note_told(
        &self,
        name: &str,
        term: i64,
        note: &Note,
        now: UnixMicros,
    ) -> Result<bool, StoreError> {
        let (told, raised) = (versions(&note.told), versions(&note.raised));
        let waits = rows(note.waits.iter().map(Wait::columns));
        let resync = note.resync.as_ref();
        let since = resync.and_then(|resync| resync.since);
        let source = resync.map(|resync| if resync.is_at_settlements { "" } else { resync.of.as_str() });
        let ledger = resync.filter(|resync| resync.is_at_settlements).map(|resync| resync.of.as_str());
        // The same values in the same order for both databases.
        macro_rules! bind_row {
            ($query:expr) => {
                $query
                    .bind(name)
                    .bind(term)
                    .bind(note.cursor)
                    .bind(note.epoch)
                    .bind(note.state)
                    .bind(i64::from(note.failures))
                    .bind(note.probe_at)
                    .bind(note.error.as_deref())
                    .bind(note.told_at)
                    .bind(resync.map(|resync| resync.order.as_str()))
                    .bind(source)
                    .bind(now)
            };
        }
        let noted = async {
            match &self.database {
                Database::Postgres(own) => {
                    let mut transaction = own.endpoints.begin(QUERY_MAX).await?;
                    let note = bind_row!(sqlx::query_scalar(POSTGRES_NOTE))
                        .bind(&told)
                        .bind(&raised)
                        .bind(&waits)
                        .bind(since)
                        .bind(ledger);
                    let rows: i64 = note.fetch_one(transaction.statements()).await?;
                    transaction.commit().await?;
                    Ok(rows == 1)
                }
                Database::Sqlite(own) => {
                    let mut transaction = own.pool.begin_with("begin immediate").await?;
                    let note = bind_row!(sqlx::query(SQLITE_NOTE)).bind(since).bind(ledger);
                    if note.execute(&mut *transaction).await?.rows_affected() == 0 {
                        return Ok(false);
                    }
                    for (sql, rows) in
                        [(SQLITE_TOLD, &told), (SQLITE_RAISED, &raised), (SQLITE_SET_ASIDE, &waits)]
                    {
                        sqlx::query(sql).bind(name).bind(rows).execute(&mut *transaction).await?;
                    }
                    transaction.commit().await?;
                    Ok(true)
                }
            }
        };
        within(ANSWER_MAX, noted).await
    }

    /// The text of the database that this is.
    pub(super) fn of_either(&self, postgres: &'static str, sqlite: &'static str) -> &'static str {
        match &self.database {
            Database::Postgres(_) => postgres,
            Database::Sqlite(_) => sqlite,
        }
    }
}

/// Subjects with their versions, as rows.
fn versions(of: &[(Subject, i64)]) -> String {
    rows(of.iter().map(|(subject, version)| {
        let mut columns = subject.columns();
        columns.insert("version".to_owned(), json!(version));
        columns.into()
    }))
}

/// Rows, as JSON that both databases read.
fn rows(columns: impl Iterator<Item = Value>) -> String {
    Value::Array(columns.collect()).to_string()
}
