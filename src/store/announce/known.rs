//! What each endpoint knows of an order.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{Key, UnixMicros};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// What an endpoint knows of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ToldTo)]
pub struct Told {
    /// The endpoint.
    pub endpoint: String,
    /// told: it has the present version. behind: it has not come to the order's latest change. waiting: it refused it, or it is
    /// held back. `given_up`: it is not told of it any more. unknown: it is so far behind that it was not looked whether it has
    /// come to it. older: the order last changed before what the log has, and only what was an endpoint then was told.
    pub state: &'static str,
    /// The order's present version.
    pub version: i64,
    /// When it last took something, of whatever order.
    #[schema(format = DateTime)]
    pub told_at: Option<String>,
    /// When the order is tried next.
    #[schema(format = DateTime)]
    pub due_at: Option<String>,
    /// How often it was tried.
    pub attempts: i64,
    /// What came of the latest attempt.
    pub error: Option<String>,
}

/// Entries of the log that are looked through for an order, beyond an endpoint's cursor.
const BEHIND_MAX: i64 = 1_000;

/// Whether the order is among the next entries, and whether the log has more than these.
const POSTGRES_IS_BEHIND: &str = "
    with ahead as (select change, order_ids, sources from order_changes where change >= $3 / 256 order by change limit $4 + 1)
    select exists (select 1 from ahead c, unnest(c.order_ids, c.sources) with ordinality as entry (id, of, place)
                    where entry.id = $1 and entry.of = $2 and c.change * 256 + entry.place - 1 > $3),
           (select count(*) from ahead) > $4";
const SQLITE_IS_BEHIND: &str = "
    with ahead as (select change, order_ids, sources from order_changes where change >= $3 / 256 order by change limit $4 + 1)
    select exists (select 1 from ahead c, json_each(c.order_ids) ids, json_each(c.sources) sources
                    where ids.key = sources.key and ids.value = $1 and sources.value = $2 and c.change * 256 + ids.key > $3),
           (select count(*) from ahead) > $4";
/// The versions of the first entry that the log still has.
const POSTGRES_BEGIN: &str =
    "select (select min(v) from unnest(versions) v) from order_changes order by change limit 1";
const SQLITE_BEGIN: &str =
    "select (select min(v.value) from json_each(versions) v) from order_changes order by change limit 1";

impl Store {
    /// What each endpoint knows of the order, whose present version is `version`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn told(&self, order: &Key, version: i64) -> Result<Vec<Told>, StoreError> {
        const KNOWN: &str = "
            select e.name, e.cursor, e.told_at, w.due_at, coalesce(w.attempts, 0), w.error, w.given_up_at is not null
              from endpoints e
              left join announcement_waits w on w.endpoint = e.name and w.order_id = $1 and w.source = $2 and w.ledger = ''
             order by e.name";
        type Row = (String, i64, Option<UnixMicros>, Option<UnixMicros>, i64, Option<String>, bool);
        let is_behind = self.of_either(POSTGRES_IS_BEHIND, SQLITE_IS_BEHIND);
        let begin = self.of_either(POSTGRES_BEGIN, SQLITE_BEGIN);
        let (id, source) = (order.id.as_str(), order.source.as_str());
        let rows = async {
            let begin: Option<i64> = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_scalar(begin).fetch_optional(pool).await?
            });
            let is_logged = begin.is_some_and(|begin| version >= begin);
            let rows: Vec<Row> = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(KNOWN).bind(id).bind(source).fetch_all(pool).await?
            });
            let mut told = Vec::with_capacity(rows.len());
            for (endpoint, cursor, told_at, due_at, attempts, error, was_given_up) in rows {
                let (is_behind, has_more): (bool, bool) = on_either!(self, QUERY_MAX, pool => {
                    sqlx::query_as(is_behind).bind(id).bind(source).bind(cursor).bind(BEHIND_MAX).fetch_one(pool).await?
                });
                let state = match (was_given_up, due_at, is_behind, has_more) {
                    (true, ..) => "given_up",
                    (false, Some(_), ..) => "waiting",
                    (false, None, true, _) => "behind",
                    (false, None, false, _) if !is_logged => "older",
                    (false, None, false, true) => "unknown",
                    (false, None, false, false) => "told",
                };
                let shown = |at: UnixMicros| rfc3339(at).unwrap_or_default();
                let (told_at, due_at) = (told_at.map(shown), due_at.map(shown));
                told.push(Told { endpoint, state, version, told_at, due_at, attempts, error });
            }
            Ok(told)
        };
        within(ANSWER_MAX, rows).await
    }
}
