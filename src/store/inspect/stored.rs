//! Stored events with their bodies, for reading them again.

use std::time::Duration;

use bytes::Bytes;

use super::clause::Clause;
use super::{ANSWER_MAX, EventFilter, QUERY_MAX};
use crate::order::{Id, Key, Outcome, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

/// The most events that one call answers: their bodies are with them.
pub const STORED_EVENTS_MAX: u32 = 32;

/// A stored event, as far as reading it again needs it.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its id and source.
    pub key: Key,
    /// What became of it.
    pub outcome: Outcome,
    /// The payment that it is about.
    pub payment: Option<Id>,
    /// What it said.
    pub facts_sha256: [u8; 32],
    /// Its bytes.
    pub body_sha256: [u8; 32],
    /// The headers that were kept, as a JSON object.
    pub headers: String,
    /// When it arrived.
    pub received_at: UnixMicros,
    /// What read it.
    pub read_by: Option<i16>,
    /// The exact bytes; `None` after a purge.
    pub payload: Option<Bytes>,
}

impl StoredEvent {
    /// The payment's key.
    #[must_use]
    pub fn payment_key(&self) -> Option<Key> {
        self.payment.as_ref().map(|payment| self.key.sibling(payment))
    }
}

/// What reading an event again needs of it; the table is `e`.
pub(in crate::store) const STORED_COLUMNS: &str = "
    e.event_id, e.source, e.outcome, e.payment_id, e.facts_sha256, e.body_sha256, cast(e.headers as text), e.received_at,
    e.read_by, e.payload";

pub(in crate::store) type StoredRow = (
    String,
    String,
    String,
    Option<String>,
    Vec<u8>,
    Vec<u8>,
    String,
    UnixMicros,
    Option<i16>,
    Option<Vec<u8>>,
);

/// Finding out that nothing is unread goes through all events.
const UNREAD_MAX: Duration = Duration::from_secs(2);

impl Store {
    /// Whether an event with a body was read by another than the number of its source.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when that takes longer than 2 s to find out.
    pub async fn has_unread(&self, readings: &[(String, i16)]) -> Result<bool, StoreError> {
        if readings.is_empty() {
            return Ok(false);
        }
        let filter = EventFilter { unread: readings.to_vec(), ..EventFilter::default() };
        let clause = Clause::of_events(&filter)?;
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select 1 {} and e.payload is not null and e.type <> 'paylatch.assigned' limit 1",
                clause.sql()
            ))
        };
        let found = async {
            let found: Option<i32> = on_either!(self, UNREAD_MAX, pool => {
                clause.values.iter().fold(sqlx::query_scalar(sql()), |one, value| one.bind(*value)).fetch_optional(pool).await?
            });
            Ok(found.is_some())
        };
        within(ANSWER_MAX, found).await
    }

    /// The providers' events by (id, source), from `after` on, with their bodies; the filter's `limit` does not apply: at most [`STORED_EVENTS_MAX`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        let clause = Clause::of_events(filter)?;
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select {STORED_COLUMNS} {} and e.type <> 'paylatch.assigned' order by e.event_id, e.source limit {STORED_EVENTS_MAX}",
                clause.sql()
            ))
        };
        let rows = async {
            let rows: Vec<StoredRow> = on_either!(self, QUERY_MAX, pool => {
                clause.values.iter().fold(sqlx::query_as(sql()), |list, value| list.bind(*value)).fetch_all(pool).await?
            });
            Ok(rows)
        };
        within(ANSWER_MAX, rows).await?.into_iter().map(stored).collect()
    }
}

/// The event of a row.
pub(in crate::store) fn stored(row: StoredRow) -> Result<StoredEvent, StoreError> {
    let name = format!("{}/{}", row.1, row.0);
    read(row).ok_or_else(|| {
        StoreError::Misconfigured(format!(
            "event {name} holds a value that this version cannot read; run a newer one"
        ))
    })
}

fn read(
    (id, source, outcome, payment, facts, body, headers, received_at, read_by, payload): StoredRow,
) -> Option<StoredEvent> {
    let payment = payment.map(|payment| Id::new(&payment)).transpose().ok()?;
    Some(StoredEvent {
        key: Key { id: Id::new(&id).ok()?, source: Id::new(&source).ok()? },
        outcome: Outcome::from_word(&outcome)?,
        payment,
        facts_sha256: facts.try_into().ok()?,
        body_sha256: body.try_into().ok()?,
        headers,
        received_at,
        read_by,
        payload: payload.map(Bytes::from),
    })
}
