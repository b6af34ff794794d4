//! An order as it is told to the merchant's application.

use serde::Serialize;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use utoipa::ToSchema;

use crate::order::UnixMicros;
use crate::store::inspect::AnomalyRow;
use crate::store::inspect::rows::{json, time};

/// An order as it is told: its row at the moment of reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AnnouncedOrder)]
pub struct AnnouncedOrder {
    /// The configured account of the provider.
    pub source: String,
    /// The merchant's id of the order; of a payment that names none, the payment's id.
    pub order: String,
    /// Rises after a restore: compare (epoch, version), and drop what is not newer.
    pub epoch: i64,
    /// Rises with every write of the order.
    pub version: i64,
    /// Where it stands; null when it is gone.
    pub status: Option<String>,
    /// ISO 4217 code of the amounts.
    pub currency: Option<String>,
    /// Minor units that were ever reserved.
    pub authorized: Option<i64>,
    /// Minor units that are reserved now, and may still be captured.
    pub reserved: Option<i64>,
    /// Minor units captured, less captures that failed.
    pub captured: Option<i64>,
    /// Minor units given back.
    pub refunded: Option<i64>,
    /// Minor units in disputes that are open or lost.
    pub disputed: Option<i64>,
    /// Minor units in disputes that are lost.
    pub lost: Option<i64>,
    /// What a person should look at, the first of `anomalies`; null if nothing.
    pub anomaly: Option<String>,
    /// All that a person should look at.
    pub anomalies: Vec<AnomalyRow>,
    /// When the earliest event that tells of its payments happened.
    #[schema(format = DateTime)]
    pub first_event_at: Option<String>,
    /// When the latest did.
    #[schema(format = DateTime)]
    pub last_event_at: Option<String>,
    /// No event has named the merchant's order yet: the payment's id stands in for it.
    pub provisional: bool,
    /// Its payments turned out to belong to another order: there is no such order any more.
    pub gone: bool,
    /// That order, where it is known.
    pub merged_into: Option<String>,
    /// Its place in the log.
    #[serde(skip)]
    pub(super) position: i64,
    /// When its row was written; when it is gone, when that was noted.
    #[serde(skip)]
    pub(super) at: String,
}

/// One telling of an order's state: the latest, which may be newer than the change that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Announcement {
    /// `order.` and its status, or `order.gone`.
    pub r#type: String,
    /// When the order's row was written.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// The order.
    pub data: AnnouncedOrder,
}

impl AnnouncedOrder {
    /// `order.` and its status, or `order.gone`.
    #[must_use]
    pub fn type_name(&self) -> String {
        format!("order.{}", self.status.as_deref().unwrap_or("gone"))
    }

    /// Its place in the log.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }
}

impl From<AnnouncedOrder> for Announcement {
    fn from(data: AnnouncedOrder) -> Self {
        Self { r#type: data.type_name(), timestamp: data.at.clone(), data }
    }
}

impl<'r, R> FromRow<'r, R> for AnnouncedOrder
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let is_there = !row.try_get::<bool, _>("gone")?;
        let of_row = |column| is_there.then(|| time(row, column)).transpose();
        Ok(Self {
            source: row.try_get("source")?,
            order: row.try_get("order_id")?,
            epoch: row.try_get("epoch")?,
            version: row.try_get("version")?,
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
            first_event_at: of_row("first_event_at")?,
            last_event_at: of_row("last_event_at")?,
            provisional: row.try_get("provisional")?,
            gone: !is_there,
            merged_into: row.try_get("merged_into")?,
            position: row.try_get("change")?,
            at: time(row, "told_at")?,
        })
    }
}
