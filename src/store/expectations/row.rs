//! Expectations and settlements as rows, and as they are shown: times RFC 3339 in UTC, amounts in minor units.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use utoipa::ToSchema;

use super::moment;
use crate::order::{Currency, Terms, UnixMicros};
use crate::store::StoreError;
use crate::store::inspect::rows::{json_of, time};
use crate::store::inspect::{AnomalyRow, OrderRow};
use crate::store::timestamp::rfc3339;

/// What is expected of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Expectation)]
pub struct ExpectationRow {
    /// The merchant's own count of changes to the order: the highest counts.
    pub revision: i64,
    /// Minor units of the currency.
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// Minor units that may be missing.
    pub tolerance_under: i64,
    /// Minor units that may be too much, such as a tip.
    pub tolerance_over: i64,
    /// Unpaid after this moment, a person should look at it.
    #[schema(format = DateTime)]
    pub due_at: Option<String>,
    /// The merchant canceled the order: nothing is due any more.
    pub closed: bool,
    /// When it was stated here.
    #[schema(format = DateTime)]
    pub stated_at: String,
}

/// An order of a ledger: what is expected, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderSettlement)]
pub struct OrderSettlement {
    /// The merchant's id of the order.
    pub order: String,
    /// The sources that share these numbers.
    pub ledger: String,
    /// The expectation that counts; null if none was stated. If the customer came back before any event, its `due_at` is ten
    /// minutes later, unless it is sooner.
    pub expected: Option<ExpectationRow>,
    /// unpaid: nothing was captured. underpaid: less than expected. settled. overpaid: more is held than expected. Null where
    /// nothing is expected.
    pub settlement: Option<String>,
    /// Minor units of the expected currency, captured by all payments of the ledger's sources.
    pub captured: Option<i64>,
    /// Minor units given back.
    pub refunded: Option<i64>,
    /// Minor units in disputes that are lost.
    pub lost: Option<i64>,
    /// The money that is there: captured - refunded - lost.
    pub held: Option<i64>,
    /// What is missing of the expected amount.
    pub due: Option<i64>,
    /// All that a person should look at.
    pub anomalies: Vec<AnomalyRow>,
    /// When the customer first came back from the provider.
    #[schema(format = DateTime)]
    pub returned_at: Option<String>,
    /// The order in each source of the ledger.
    pub orders: Vec<OrderRow>,
}

/// A row of `settlements`, a moment behind what was said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Settlement)]
pub struct SettlementRow {
    /// The merchant's id of the order.
    pub order_id: String,
    /// Its ledger.
    pub ledger: String,
    /// unpaid, underpaid, settled or overpaid.
    pub settlement: String,
    /// The revision of the expectation that counts.
    pub revision: i64,
    /// ISO 4217 code of the amounts.
    pub currency: String,
    /// Minor units that are expected.
    pub expected: i64,
    /// Minor units captured.
    pub captured: i64,
    /// Minor units given back.
    pub refunded: i64,
    /// Minor units in disputes that are lost.
    pub lost: i64,
    /// The money that is there.
    pub held: i64,
    /// What is missing of the expected amount.
    pub due: i64,
    /// All that a person should look at.
    pub anomalies: Vec<AnomalyRow>,
    /// When the row was written.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Terms as statements take them: an array of what `Terms` has, in its order.
pub(super) fn terms(terms: &Terms) -> Result<Vec<Value>, StoreError> {
    Ok(vec![
        json!(terms.amount),
        json!(terms.currency.as_str()),
        json!(terms.tolerance_under),
        json!(terms.tolerance_over),
        json!(terms.due_at.map(moment).transpose()?),
        json!(terms.closed),
    ])
}

impl<'r, R> FromRow<'r, R> for Terms
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let code: String = row.try_get("currency")?;
        let currency =
            Currency::new(&code).ok_or_else(|| sqlx::Error::Decode("a currency is not known".into()))?;
        Ok(Self {
            amount: row.try_get("amount")?,
            currency,
            tolerance_under: row.try_get("tolerance_under")?,
            tolerance_over: row.try_get("tolerance_over")?,
            due_at: row.try_get("due_at")?,
            closed: row.try_get("closed")?,
        })
    }
}

/// An expectation that stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement {
    pub(super) revision: i64,
    pub(super) terms: Terms,
    pub(super) stated_at: UnixMicros,
}

impl<'r, R> FromRow<'r, R> for Statement
where
    R: Row,
    Terms: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let (revision, stated_at) = (row.try_get("revision")?, row.try_get("stated_at")?);
        Ok(Self { revision, terms: Terms::from_row(row)?, stated_at })
    }
}

impl Statement {
    /// As it is shown, due at `due_at`.
    pub(super) fn row(&self, due_at: Option<UnixMicros>) -> Result<ExpectationRow, StoreError> {
        let Terms { amount, currency, tolerance_under, tolerance_over, closed, .. } = self.terms;
        Ok(ExpectationRow {
            revision: self.revision,
            amount,
            currency: currency.to_string(),
            tolerance_under,
            tolerance_over,
            due_at: due_at.map(shown).transpose()?,
            closed,
            stated_at: shown(self.stated_at)?,
        })
    }
}

pub(super) fn shown(at: UnixMicros) -> Result<String, StoreError> {
    rfc3339(at).map_err(|error| StoreError::Unknown(error.to_string()))
}

from_row!(SettlementRow {
    order_id, ledger, settlement, revision, currency, expected, captured, refunded, lost, held, due,
    anomalies by with_lateness, updated_at by time,
});

/// The anomalies of a settlement's row, and that it is unpaid, which only the clock says.
fn with_lateness<'r, R>(row: &'r R, column: &'static str) -> Result<Vec<AnomalyRow>, sqlx::Error>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    let mut anomalies: Vec<AnomalyRow> = json_of(row, column)?;
    if row.try_get("is_late")? {
        let due: i64 = row.try_get("due")?;
        anomalies.push(AnomalyRow { anomaly: "unpaid".to_owned(), detail: json!({ "due": due }) });
    }
    Ok(anomalies)
}
