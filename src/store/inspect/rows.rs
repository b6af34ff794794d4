//! Rows as they are shown: field names are the columns, times RFC 3339 in UTC, digests in hex.

use serde::Serialize;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use crate::order::UnixMicros;
use crate::store::moment::rfc3339;

/// A row of `orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the columns are documented where the table is made, in `migrations/`")]
pub struct OrderRow {
    pub order_id: String,
    pub source: String,
    pub status: String,
    pub currency: Option<String>,
    pub authorized: i64,
    pub captured: i64,
    pub refunded: i64,
    pub disputed: i64,
    pub anomaly: Option<String>,
    pub version: i64,
    pub first_event_at: String,
    pub last_event_at: String,
    pub updated_at: String,
}

/// A row of `events`, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the columns are documented where the table is made, in `migrations/`")]
pub struct EventRow {
    pub event_id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub outcome: String,
    pub reason: Option<String>,
    pub payment_id: Option<String>,
    pub kind: Option<String>,
    pub reference: Option<String>,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub cumulative: bool,
    pub order_claim: Option<String>,
    pub claim_rank: Option<i16>,
    pub occurred_at: String,
    pub received_at: String,
    pub duplicates: i64,
    pub facts_sha256: String,
    pub body_sha256: String,
    pub headers: serde_json::Value,
    /// The length of the body; `None` after a purge.
    pub payload_bytes: Option<i64>,
}

impl<'r, R> FromRow<'r, R> for OrderRow
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            order_id: row.try_get("order_id")?,
            source: row.try_get("source")?,
            status: row.try_get("status")?,
            currency: row.try_get("currency")?,
            authorized: row.try_get("authorized")?,
            captured: row.try_get("captured")?,
            refunded: row.try_get("refunded")?,
            disputed: row.try_get("disputed")?,
            anomaly: row.try_get("anomaly")?,
            version: row.try_get("version")?,
            first_event_at: time(row, "first_event_at")?,
            last_event_at: time(row, "last_event_at")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

impl<'r, R> FromRow<'r, R> for EventRow
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    i16: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let headers: String = row.try_get("headers")?;
        Ok(Self {
            event_id: row.try_get("event_id")?,
            source: row.try_get("source")?,
            type_name: row.try_get("type")?,
            outcome: row.try_get("outcome")?,
            reason: row.try_get("reason")?,
            payment_id: row.try_get("payment_id")?,
            kind: row.try_get("kind")?,
            reference: row.try_get("reference")?,
            amount: row.try_get("amount")?,
            currency: row.try_get("currency")?,
            cumulative: row.try_get("cumulative")?,
            order_claim: row.try_get("order_claim")?,
            claim_rank: row.try_get("claim_rank")?,
            occurred_at: time(row, "occurred_at")?,
            received_at: time(row, "received_at")?,
            duplicates: row.try_get("duplicates")?,
            facts_sha256: hex::encode(row.try_get::<Vec<u8>, _>("facts_sha256")?),
            body_sha256: hex::encode(row.try_get::<Vec<u8>, _>("body_sha256")?),
            headers: serde_json::from_str(&headers).map_err(|error| sqlx::Error::Decode(error.into()))?,
            payload_bytes: row.try_get("payload_bytes")?,
        })
    }
}

fn time<'r, R>(row: &'r R, column: &'static str) -> Result<String, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    rfc3339(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}
