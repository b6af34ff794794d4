//! Rows as they are shown: field names are the columns, times RFC 3339 in UTC, digests in hex.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::{ColumnIndex, Decode, Row, Type};
use utoipa::ToSchema;

use super::list::Placed;
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

impl Placed for OrderRow {
    fn place(&self) -> Vec<&str> {
        vec![&self.order_id, &self.source]
    }
}

impl Placed for EventRow {
    fn place(&self) -> Vec<&str> {
        vec![&self.event_id, &self.source]
    }
}

from_row!(OrderRow {
    order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost, anomaly,
    anomalies by json_of, version, first_event_at by time, last_event_at by time, updated_at by time,
});

from_row!(EventRow {
    event_id, source, type_name, outcome, reason, payment_id, account, kind, basis, reference, amount, currency,
    order_claim, claim_rank, occurred_at by time, received_at by time, duplicates, read_by, facts_sha256 by hex_of,
    body_sha256 by hex_of, headers by json_of, payload_bytes, conflicts, needs_a_person,
});

/// What the text of a column says in JSON.
pub(in crate::store) fn json_of<'r, R, T>(row: &'r R, column: &'static str) -> Result<T, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    T: DeserializeOwned,
{
    json(&row.try_get::<String, _>(column)?)
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

/// A time that a row may have.
pub(in crate::store) fn time_if_any<'r, R>(
    row: &'r R,
    column: &'static str,
) -> Result<Option<String>, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    let is_there = row.try_get::<Option<UnixMicros>, _>(column)?.is_some();
    is_there.then(|| time(row, column)).transpose()
}

/// Bytes, in hex.
fn hex_of<'r, R>(row: &'r R, column: &'static str) -> Result<String, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    row.try_get::<Vec<u8>, _>(column).map(hex::encode)
}

/// The column `anomalies`, where nothing is sent for who has none.
pub(in crate::store) fn anomalies<'r, R>(row: &'r R) -> Result<Vec<AnomalyRow>, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    row.try_get::<Option<String>, _>("anomalies")?.map_or(Ok(Vec::new()), |text| json(&text))
}
