//! Finds orders, payments and events by their id, or by what it begins with.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::Id;
use crate::store::{Database, Store, StoreError, within};

/// Of each kind, so many are told.
pub const OF_A_KIND_MAX: u32 = 20;
/// Sorts behind every other character, in bytes too.
const LAST_CHARACTER: char = '\u{10ffff}';

/// Something that has an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Found {
    /// `order`, `payment` or `event`.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The configured account of the provider.
    pub source: String,
    /// The order that it belongs to, or is.
    pub order_id: Option<String>,
}

impl Store {
    /// Orders, payments and events whose id is or begins with `text`, at most 20 of each, the shortest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, text: &Id) -> Result<Vec<Found>, StoreError> {
        // A range, never LIKE: `_` would stand for any character, and no index would help.
        let sql = || {
            let part = |kind: &str, id: &str, order: &str, table: &str| {
                format!(
                    "select * from (select '{kind}' as kind, {id} as id, source, {order} as order_id from {table}
                      where {id} >= $1 and {id} < $2 order by {id}, source limit {OF_A_KIND_MAX}) {table}_found"
                )
            };
            let of_event = "(select p.order_id from payments p where p.payment_id = events.payment_id and p.source = events.source)";
            sqlx::AssertSqlSafe(
                [
                    part("order", "order_id", "order_id", "orders"),
                    part("payment", "payment_id", "order_id", "payments"),
                    part("event", "event_id", of_event, "events"),
                ]
                .join(" union all "),
            )
        };
        let end = format!("{text}{LAST_CHARACTER}");
        let found = async {
            let rows: Vec<(String, String, String, Option<String>)> = on_either!(self, QUERY_MAX, pool => {
                sqlx::query_as(sql()).bind(text.as_str()).bind(end.as_str()).fetch_all(pool).await?
            });
            let told =
                rows.into_iter().map(|(kind, id, source, order_id)| Found { kind, id, source, order_id });
            Ok(told.collect())
        };
        within(ANSWER_MAX, found).await
    }
}
