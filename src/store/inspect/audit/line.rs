//! The rows of `audit.sql`.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::group::Columns;
use crate::order::{Entry, Id, Key, UnixMicros};
use crate::store::{moment, snapshot};

/// A row of `audit.sql`.
pub(super) struct Line {
    pub(super) tag: i32,
    pub(super) order_id: String,
    source: String,
    pub(super) payment_id: Option<String>,
    event_id: Option<String>,
    kind: Option<String>,
    reference: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    cumulative: Option<bool>,
    order_claim: Option<String>,
    claim_rank: Option<i16>,
    at: Option<UnixMicros>,
    until: Option<UnixMicros>,
    pub(super) stored_order: Option<String>,
    pub(super) stored_link: Option<String>,
    status: Option<String>,
    sums: [Option<i64>; 4],
    anomaly: Option<String>,
}

impl Line {
    pub(super) fn order(&self) -> Option<Key> {
        Some(Key { id: Id::new(&self.order_id).ok()?, source: Id::new(&self.source).ok()? })
    }

    pub(super) fn columns(&self) -> Columns {
        let [authorized, captured, refunded, disputed] = self.sums.map(|sum| sum.map(|sum| sum.to_string()));
        let (first, last) = (time(self.at), time(self.until));
        let (status, currency, anomaly) = (self.status.clone(), self.currency.clone(), self.anomaly.clone());
        [status, currency, authorized, captured, refunded, disputed, anomaly, first, last]
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        Some(Entry {
            event: Id::new(self.event_id.as_deref()?).ok()?,
            occurred_at: self.at?,
            account: None,
            fact: snapshot::fact(
                self.kind.as_deref(),
                self.reference.as_deref(),
                self.amount,
                self.currency.as_deref(),
                self.cumulative,
            )?,
            claim: snapshot::claim(self.order_claim.as_deref(), self.claim_rank)?,
        })
    }
}

impl<'r, R> FromRow<'r, R> for Line
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    i16: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            tag: row.try_get("tag")?,
            order_id: row.try_get("order_id")?,
            source: row.try_get("source")?,
            payment_id: row.try_get("payment_id")?,
            event_id: row.try_get("event_id")?,
            kind: row.try_get("kind")?,
            reference: row.try_get("reference")?,
            amount: row.try_get("amount")?,
            currency: row.try_get("currency")?,
            cumulative: row.try_get("cumulative")?,
            order_claim: row.try_get("order_claim")?,
            claim_rank: row.try_get("claim_rank")?,
            at: row.try_get("at")?,
            until: row.try_get("until")?,
            stored_order: row.try_get("stored_order")?,
            stored_link: row.try_get("stored_link")?,
            status: row.try_get("status")?,
            sums: [
                row.try_get("authorized")?,
                row.try_get("captured")?,
                row.try_get("refunded")?,
                row.try_get("disputed")?,
            ],
            anomaly: row.try_get("anomaly")?,
        })
    }
}

pub(super) fn time(at: Option<UnixMicros>) -> Option<String> {
    at.and_then(|at| moment::rfc3339(at).ok())
}
