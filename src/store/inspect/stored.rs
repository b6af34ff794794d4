//! Stored events with their bodies, for reading them again.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{FromRow, Row};

use super::list::{List, Placed};
use super::{ANSWER_MAX, EventFilter};
use crate::order::{Id, Key, Outcome, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

/// The most events that one call answers: their bodies are with them.
const STORED_EVENTS_MAX: u32 = 32;

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

/// What people say is not read again.
const OF_PROVIDERS: &str = "e.type <> 'paylatch.assigned'";
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
        let unread = filter.clause()?.passing();
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select 1 {} and e.payload is not null and {OF_PROVIDERS} limit 1",
                unread.sql
            ))
        };
        let found = async {
            let found: Option<i32> = on_either!(self, UNREAD_MAX, pool => {
                unread.values.iter().fold(sqlx::query_scalar(sql()), |one, value| one.bind(*value)).fetch_optional(pool).await?
            });
            Ok(found.is_some())
        };
        within(ANSWER_MAX, found).await
    }

    /// The providers' events by (id, source), from `after` on, with their bodies; the filter's `limit` does not apply: at most
    /// [`STORED_EVENTS_MAX`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_events(&self, filter: &EventFilter) -> Result<List<StoredEvent>, StoreError> {
        let mut clause = filter.clause()?;
        // One id is found by its key; a list without one must also find where it goes on.
        match filter.id {
            Some(_) => clause.find(OF_PROVIDERS, &[]),
            None => clause.filter(OF_PROVIDERS, &[]),
        }
        let List { rows, after, is_cut } =
            self.list::<PlacedRow>(STORED_COLUMNS, clause, STORED_EVENTS_MAX).await?;
        let rows = rows.into_iter().map(|PlacedRow(row)| stored(row)).collect::<Result<_, _>>()?;
        Ok(List { rows, after, is_cut })
    }

    /// The stored event of this key, if it is a provider's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_event(&self, key: &Key) -> Result<Option<StoredEvent>, StoreError> {
        let (id, source) = (Some(key.id.to_string()), Some(key.source.to_string()));
        let filter = EventFilter { id, source, ..EventFilter::default() };
        Ok(self.stored_events(&filter).await?.rows.pop())
    }
}

struct PlacedRow(StoredRow);

impl Placed for PlacedRow {
    fn place(&self) -> Vec<&str> {
        vec![&self.0.0, &self.0.1]
    }
}

impl<'r, R: Row> FromRow<'r, R> for PlacedRow
where
    StoredRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        StoredRow::from_row(row).map(Self)
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
