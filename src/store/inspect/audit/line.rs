//! The rows of `audit.sql`.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use crate::order::{Entry, Id, Key, UnixMicros};
use crate::store::{snapshot, timestamp};

/// A row of `audit.sql`.
pub(super) struct Line {
    pub(super) tag: i32,
    pub(super) order_id: String,
    source: String,
    pub(super) payment_id: Option<String>,
    event_id: Option<String>,
    account: Option<String>,
    kind: Option<String>,
    basis: Option<String>,
    reference: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    order_claim: Option<String>,
    claim_rank: Option<i16>,
    at: Option<UnixMicros>,
    until: Option<UnixMicros>,
    pub(super) stored_order: Option<String>,
    pub(super) stored_link: Option<String>,
    status: Option<String>,
    sums: [Option<i64>; 6],
    anomaly: Option<String>,
    anomalies: Option<String>,
}

/// An order's columns as text.
pub(super) type Columns = [Option<String>; 12];

impl Line {
    pub(super) fn order(&self) -> Option<Key> {
        Some(Key { id: Id::new(&self.order_id).ok()?, source: Id::new(&self.source).ok()? })
    }

    pub(super) fn columns(&self) -> Columns {
        let [authorized, reserved, captured, refunded, disputed, lost] =
            self.sums.map(|sum| sum.map(|sum| sum.to_string()));
        let (first, last) = (time(self.at), time(self.until));
        let (status, currency, anomaly) = (self.status.clone(), self.currency.clone(), self.anomaly.clone());
        // Postgres writes JSON in its own way.
        let anomalies = self.anomalies.as_ref().map(|json| {
            serde_json::from_str(json)
                .map_or_else(|_| json.clone(), |value: serde_json::Value| value.to_string())
        });
        [
            status, currency, authorized, reserved, captured, refunded, disputed, lost, anomaly, anomalies,
            first, last,
        ]
    }

    pub(super) fn entry(&self) -> Option<Entry> {
        Some(Entry {
            event: Id::new(self.event_id.as_deref()?).ok()?,
            occurred_at: self.at?,
            account: self.account.as_deref().map(Id::new).transpose().ok()?,
            fact: snapshot::fact(
                (self.kind.as_deref(), self.basis.as_deref(), self.reference.as_deref()),
                self.amount,
                self.currency.as_deref(),
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
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            tag: row.try_get("tag")?,
            order_id: row.try_get("order_id")?,
            source: row.try_get("source")?,
            payment_id: row.try_get("payment_id")?,
            event_id: row.try_get("event_id")?,
            account: row.try_get("account")?,
            kind: row.try_get("kind")?,
            basis: row.try_get("basis")?,
            reference: row.try_get("reference")?,
            amount: row.try_get("amount")?,
            currency: row.try_get("currency")?,
            order_claim: row.try_get("order_claim")?,
            claim_rank: row.try_get("claim_rank")?,
            at: row.try_get("at")?,
            until: row.try_get("until")?,
            stored_order: row.try_get("stored_order")?,
            stored_link: row.try_get("stored_link")?,
            status: row.try_get("status")?,
            sums: [
                row.try_get("authorized")?,
                row.try_get("reserved")?,
                row.try_get("captured")?,
                row.try_get("refunded")?,
                row.try_get("disputed")?,
                row.try_get("lost")?,
            ],
            anomaly: row.try_get("anomaly")?,
            anomalies: row.try_get("anomalies")?,
        })
    }
}

pub(super) fn time(at: Option<UnixMicros>) -> Option<String> {
    at.and_then(|at| timestamp::rfc3339(at).ok())
}
