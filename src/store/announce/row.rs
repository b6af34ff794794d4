//! An announcement, and an order as it is told to the merchant's application.

use serde::Serialize;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use utoipa::ToSchema;

use super::last_places::Placed;
use super::settled::AnnouncedSettlement;
use super::subject::Subject;
use crate::order::{BadId, UnixMicros};
use crate::store::inspect::AnomalyRow;
use crate::store::inspect::rows::{anomalies, time};

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
}

/// One telling of a state: the latest, which may be newer than the change that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Announcement {
    /// `order.` and its status, or `order.gone`; or `settlement.` and what came of the expectation.
    pub r#type: String,
    /// When the row was written; of an order that is gone, when that was noted.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// The order, or the settlement.
    pub data: Announced,
    /// Its place in the log.
    #[serde(skip)]
    position: i64,
}

/// What is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Announced {
    /// An order, known by its source.
    Order(AnnouncedOrder),
    /// What came of what is expected of an order, known by its ledger.
    Settlement(AnnouncedSettlement),
}

impl Announcement {
    /// Its place in the log; 0 if it is not from there.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }
}

impl Placed for Announcement {
    fn position(&self) -> Option<i64> {
        Some(self.position)
    }

    fn about(&self) -> (bool, &str, &str) {
        self.data.about()
    }

    /// It tells of the state, whatever led there.
    fn follows(&mut self, _: &Self) {}
}

impl Announced {
    /// `order.` and its status, or `order.gone`; or `settlement.` and what came of the expectation.
    fn type_name(&self) -> String {
        let (what, state) = match self {
            Self::Order(order) => ("order", &order.status),
            Self::Settlement(settlement) => ("settlement", &settlement.settlement),
        };
        format!("{what}.{}", state.as_deref().unwrap_or("gone"))
    }

    pub(super) fn subject(&self) -> Result<Subject, BadId> {
        match self {
            Self::Order(order) => Subject::read(&order.order, Some(&order.source), None),
            Self::Settlement(settlement) => Subject::read(&settlement.order, None, Some(&settlement.ledger)),
        }
    }

    /// What is told of: whether it is a settlement, the source or the ledger, and the order.
    pub(super) fn about(&self) -> (bool, &str, &str) {
        match self {
            Self::Order(order) => (false, &order.source, &order.order),
            Self::Settlement(settlement) => (true, &settlement.ledger, &settlement.order),
        }
    }

    /// By which who is told drops what is not newer.
    #[must_use]
    pub fn epoch_and_version(&self) -> (i64, i64) {
        match self {
            Self::Order(AnnouncedOrder { epoch, version, .. })
            | Self::Settlement(AnnouncedSettlement { epoch, version, .. }) => (*epoch, *version),
        }
    }

    /// No event has named the merchant's order yet.
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        matches!(self, Self::Order(order) if order.provisional)
    }
}

impl<'r, R> FromRow<'r, R> for Announcement
where
    R: Row,
    AnnouncedOrder: FromRow<'r, R>,
    AnnouncedSettlement: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let ledger: Option<String> = row.try_get("ledger")?;
        let data = match ledger {
            None => Announced::Order(AnnouncedOrder::from_row(row)?),
            Some(_) => Announced::Settlement(AnnouncedSettlement::from_row(row)?),
        };
        let (timestamp, position) = (time(row, "told_at")?, row.try_get("change")?);
        Ok(Self { r#type: data.type_name(), timestamp, data, position })
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
            anomalies: anomalies(row)?,
            first_event_at: of_row("first_event_at")?,
            last_event_at: of_row("last_event_at")?,
            provisional: row.try_get("provisional")?,
            gone: !is_there,
            merged_into: row.try_get("merged_into")?,
        })
    }
}
