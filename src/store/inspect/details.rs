//! What belongs to one order or one event beside its row: payments, and bodies in conflict.

use bytes::Bytes;
use serde::Serialize;

use super::{ANSWER_MAX, QUERY_MAX};
use crate::order::{Key, UnixMicros};
use crate::store::timestamp::rfc3339;
use crate::store::{Database, Store, StoreError, within};

/// Payments of an order that are told.
const PAYMENTS_MAX: u32 = 200;
/// Bodies in conflict that are told of one event.
const CONFLICTS_MAX: u32 = 20;

/// A row of `payments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentRow {
    /// The provider's id of the payment.
    pub payment_id: String,
    /// `known`, `provisional` or `assigned`: how it is known which order it belongs to.
    pub link: String,
}

/// A row of `conflicts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// The digest of the body, in hex.
    pub body_sha256: String,
    /// When it first arrived, in RFC 3339.
    pub received_at: String,
    /// The body; `None` after a purge.
    pub payload: Option<Bytes>,
}

impl Store {
    /// The payments of an order, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn payments_of(&self, order: &Key) -> Result<Vec<PaymentRow>, StoreError> {
        const SQL: &str = "
            select payment_id, link from payments where order_id = $1 and source = $2 order by payment_id limit $3";
        let payments = async {
            let rows: Vec<(String, String)> = on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                .bind(order.id.as_str())
                .bind(order.source.as_str())
                .bind(i64::from(PAYMENTS_MAX))
                .fetch_all(pool)
                .await?);
            Ok(rows.into_iter().map(|(payment_id, link)| PaymentRow { payment_id, link }).collect())
        };
        within(ANSWER_MAX, payments).await
    }

    /// The bodies that came under the id of an event and say something else, as they arrived.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn conflicts_of(&self, event: &Key) -> Result<Vec<ConflictRow>, StoreError> {
        const SQL: &str = "
            select body_sha256, received_at, payload from conflicts
             where event_id = $1 and source = $2 order by received_at, body_sha256 limit $3";
        let read = async {
            let rows: Vec<(Vec<u8>, UnixMicros, Option<Vec<u8>>)> = on_either!(self, QUERY_MAX, pool => sqlx::query_as(SQL)
                    .bind(event.id.as_str())
                    .bind(event.source.as_str())
                    .bind(i64::from(CONFLICTS_MAX))
                    .fetch_all(pool)
                    .await?);
            let told = rows.into_iter().map(|(body_sha256, at, payload)| ConflictRow {
                body_sha256: hex::encode(body_sha256),
                received_at: rfc3339(at).unwrap_or_default(),
                payload: payload.map(Bytes::from),
            });
            Ok(told.collect())
        };
        within(ANSWER_MAX, read).await
    }
}
