//! Bodies in conflict with a stored event that nobody has settled, for reading them again.

use bytes::Bytes;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{Id, Key, UnixMicros};
use crate::store::{Database, Store, StoreError, within};

/// A body that came under the id of a stored event and said something else.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// The id and source of both.
    pub key: Key,
    /// Its bytes' digest.
    pub body_sha256: [u8; 32],
    /// The headers that were kept, as a JSON object.
    pub headers: String,
    /// When it arrived.
    pub received_at: UnixMicros,
    /// The exact bytes; `None` after a purge.
    pub payload: Option<Bytes>,
}

type Row = (String, String, Vec<u8>, String, UnixMicros, Option<Vec<u8>>);

impl Store {
    /// The first one behind `after`, one at a time: each has its body.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_conflict(&self, after: Option<&Conflict>) -> Result<Option<Conflict>, StoreError> {
        const SQL: &str = "
            select c.event_id, c.source, c.body_sha256, cast(c.headers as text), c.received_at, c.payload
              from conflicts c
             where (c.event_id, c.source, c.body_sha256) > ($1, $2, $3)
               and not exists (
                   select 1 from event_acknowledgements a
                    where a.event_id = c.event_id and a.source = c.source and a.body_sha256 = c.body_sha256
                      and a.outcome = 'conflict')
             order by c.event_id, c.source, c.body_sha256
             limit 1";
        let (id, source) = after.map_or(("", ""), |last| (last.key.id.as_str(), last.key.source.as_str()));
        let body = after.map_or(&[][..], |last| last.body_sha256.as_slice());
        let read = async {
            let row: Option<Row> = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(SQL).bind(id).bind(source).bind(body).fetch_optional(pool).await?
            });
            row.map(|row| {
                conflict(row).ok_or_else(|| StoreError::Blocked("a conflict cannot be read".to_owned()))
            })
            .transpose()
        };
        within(ANSWER_MAX, read).await
    }
}

fn conflict((id, source, body, headers, received_at, payload): Row) -> Option<Conflict> {
    Some(Conflict {
        key: Key { id: Id::new(&id).ok()?, source: Id::new(&source).ok()? },
        body_sha256: body.try_into().ok()?,
        headers,
        received_at,
        payload: payload.map(Bytes::from),
    })
}
