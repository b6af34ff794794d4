//! Rows as they are shown: field names are the columns, times RFC 3339 in UTC, digests in hex.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use utoipa::ToSchema;

use crate::order::{Entry, Id, UnixMicros};
use crate::store::snapshot;
use crate::store::timestamp::rfc3339;

/// A row of `orders`; amounts are minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderRow {
    /// The merchant's id of the order; of a payment that names none, the payment's id.
    pub order_id: String,
    /// The configured account of the provider.
    pub source: String,
    /// Where it stands; paid means that something was captured, the amounts say how much.
    pub status: String,
    /// ISO 4217 code of the amounts; facts in another currency are not summed.
    pub currency: Option<String>,
    /// Minor units that were ever reserved.
    pub authorized: i64,
    /// Minor units that are reserved now, and may still be captured.
    pub reserved: i64,
    /// Minor units captured, less captures that failed.
    pub captured: i64,
    /// Minor units given back.
    pub refunded: i64,
    /// Minor units in disputes that are open or lost.
    pub disputed: i64,
    /// Minor units in disputes that are lost. What is held is captured - refunded - lost.
    pub lost: i64,
    /// What a person should look at, the first of `anomalies`; null if nothing.
    pub anomaly: Option<String>,
    /// All that a person should look at, each with the sums that say why.
    pub anomalies: Vec<AnomalyRow>,
    /// Changes with every write: who decided from another version writes nothing.
    pub version: i64,
    /// When the earliest event that tells of its payments happened.
    #[schema(format = DateTime)]
    pub first_event_at: String,
    /// When the latest did.
    #[schema(format = DateTime)]
    pub last_event_at: String,
    /// When the row was written.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// An anomaly of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Anomaly)]
pub struct AnomalyRow {
    /// What it is.
    pub anomaly: String,
    /// The sums that say why.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
}

/// A row of `events`, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventRow {
    /// The provider's id of the event; for an event without a readable one the SHA-256 of its body.
    pub event_id: String,
    /// The configured account of the provider that it came from.
    pub source: String,
    /// The provider's name for what happened.
    #[serde(rename = "type")]
    pub type_name: String,
    /// applied: money or a link changed. restated: nothing new. noted: no money meaning.
    /// parked: payment, amount or currency missing. dead: unreadable.
    pub outcome: String,
    /// Why, where the outcome does not say it.
    pub reason: Option<String>,
    /// The provider's payment that it is about.
    pub payment_id: Option<String>,
    /// The merchant's account at the provider that it is about, where one endpoint serves several.
    pub account: Option<String>,
    /// What its fact says happened to money; null if it states none.
    pub kind: Option<String>,
    /// How the amount is to be taken.
    pub basis: Option<String>,
    /// The movement of money: events that state one movement share it.
    pub reference: Option<String>,
    /// Minor units of the currency; null where a failed or canceled fact says nothing of it.
    pub amount: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// The merchant's order that it names for its payment.
    pub order_claim: Option<String>,
    /// The rank of the field that named the order; the smallest wins.
    pub claim_rank: Option<i16>,
    /// When it happened, by the provider's clock.
    #[schema(format = DateTime)]
    pub occurred_at: String,
    /// When the delivery that is stored here arrived.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// How often it came again, counted about once a second.
    pub duplicates: i64,
    /// The generation of definitions that read it; null if none did.
    pub read_by: Option<i16>,
    /// The digest of everything that the event says.
    pub facts_sha256: String,
    /// The digest of its bytes.
    pub body_sha256: String,
    /// The headers that the provider's definition reads; never signatures or tokens.
    #[schema(value_type = Object)]
    pub headers: serde_json::Value,
    /// The length of the body; null after a purge.
    pub payload_bytes: Option<i64>,
    /// How many other bodies came under its id and are kept in `conflicts`.
    pub conflicts: i64,
    /// Whether it is parked, dead or in conflict, and nobody has acknowledged that.
    pub needs_a_person: bool,
}

impl EventRow {
    /// What it adds to its payment; `None` when it tells nothing of one.
    #[must_use]
    pub fn entry(&self) -> Option<Entry> {
        let occurred_at: jiff::Timestamp = self.occurred_at.parse().ok()?;
        let kind = (self.kind.as_deref(), self.basis.as_deref(), self.reference.as_deref());
        let fact = snapshot::fact(kind, self.amount, self.currency.as_deref())?;
        let claim = snapshot::claim(self.order_claim.as_deref(), self.claim_rank)?;
        (fact.is_some() || claim.is_some()).then_some(Entry {
            event: Id::new(&self.event_id).ok()?,
            occurred_at: UnixMicros(occurred_at.as_microsecond()),
            account: self.account.as_deref().and_then(|account| Id::new(account).ok()),
            fact,
            claim,
        })
    }
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
            reserved: row.try_get("reserved")?,
            captured: row.try_get("captured")?,
            refunded: row.try_get("refunded")?,
            disputed: row.try_get("disputed")?,
            lost: row.try_get("lost")?,
            anomaly: row.try_get("anomaly")?,
            anomalies: json(&row.try_get::<String, _>("anomalies")?)?,
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
            account: row.try_get("account")?,
            kind: row.try_get("kind")?,
            basis: row.try_get("basis")?,
            reference: row.try_get("reference")?,
            amount: row.try_get("amount")?,
            currency: row.try_get("currency")?,
            order_claim: row.try_get("order_claim")?,
            claim_rank: row.try_get("claim_rank")?,
            occurred_at: time(row, "occurred_at")?,
            received_at: time(row, "received_at")?,
            duplicates: row.try_get("duplicates")?,
            read_by: row.try_get("read_by")?,
            facts_sha256: hex::encode(row.try_get::<Vec<u8>, _>("facts_sha256")?),
            body_sha256: hex::encode(row.try_get::<Vec<u8>, _>("body_sha256")?),
            headers: json(&headers)?,
            payload_bytes: row.try_get("payload_bytes")?,
            conflicts: row.try_get("conflicts")?,
            needs_a_person: row.try_get("needs_a_person")?,
        })
    }
}

pub(in crate::store) fn json<T: DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

pub(in crate::store) fn time<'r, R>(row: &'r R, column: &'static str) -> Result<String, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    rfc3339(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}
