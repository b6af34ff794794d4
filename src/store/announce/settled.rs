//! A settlement as it is told to the merchant's application.

use serde::Serialize;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use utoipa::ToSchema;

use crate::order::UnixMicros;
use crate::store::inspect::AnomalyRow;
use crate::store::inspect::rows::anomalies;
use crate::store::timestamp::rfc3339;

/// A settlement as it is told: its row at the moment of reading. Amounts are minor units of the expected currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AnnouncedSettlement)]
pub struct AnnouncedSettlement {
    /// The sources that share these order numbers.
    pub ledger: String,
    /// The merchant's id of the order.
    pub order: String,
    /// Rises after a restore: compare (epoch, version), and drop what is not newer.
    pub epoch: i64,
    /// Rises whenever anything of this changes: of the same sequence as the versions of orders.
    pub version: i64,
    /// unpaid, underpaid, settled or overpaid; null if nothing is expected any more.
    pub settlement: Option<String>,
    /// The revision of the expectation that counts.
    pub revision: Option<i64>,
    /// ISO 4217 code of the amounts.
    pub currency: Option<String>,
    /// Minor units that are expected.
    pub expected: Option<i64>,
    /// Minor units captured by all payments of the ledger's sources, less captures that failed.
    pub captured: Option<i64>,
    /// Minor units given back.
    pub refunded: Option<i64>,
    /// Minor units in disputes that are lost.
    pub lost: Option<i64>,
    /// The money that is there: captured - refunded - lost.
    pub held: Option<i64>,
    /// What is missing of the expected amount.
    pub due: Option<i64>,
    /// All that a person should look at whatever the time.
    pub anomalies: Vec<AnomalyRow>,
    /// From when on a person should look at it because nothing was captured; nothing is told at that moment.
    #[schema(format = DateTime)]
    pub unpaid_at: Option<String>,
}

impl<'r, R> FromRow<'r, R> for AnnouncedSettlement
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let unpaid_at: Option<UnixMicros> = row.try_get("unpaid_at")?;
        Ok(Self {
            ledger: row.try_get("ledger")?,
            order: row.try_get("order_id")?,
            epoch: row.try_get("epoch")?,
            version: row.try_get("version")?,
            settlement: row.try_get("settlement")?,
            revision: row.try_get("revision")?,
            currency: row.try_get("currency")?,
            expected: row.try_get("expected")?,
            captured: row.try_get("captured")?,
            refunded: row.try_get("refunded")?,
            lost: row.try_get("lost")?,
            held: row.try_get("held")?,
            due: row.try_get("due")?,
            anomalies: anomalies(row)?,
            unpaid_at: unpaid_at.and_then(|at| rfc3339(at).ok()),
        })
    }
}
