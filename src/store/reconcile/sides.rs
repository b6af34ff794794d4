//! Both sides of some payments, as they are stored.

use std::collections::BTreeMap;

use super::{ANSWER_MAX, STEP_MAX, in_list};
use crate::order::{
    Compared, Currency, Entry, Id, Kind, Link, MatchedBy, ReportRow, RowFact, Standing, UnixMicros,
};
use crate::store::{Database, Store, StoreError, snapshot, within};

impl Store {
    pub(super) async fn entries_of(
        &self,
        source: &Id,
        list: &str,
    ) -> Result<BTreeMap<Id, Vec<Entry>>, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select payment_id, event_id, kind, basis, reference, amount, currency, occurred_at from events
                  where payment_id in {} and source = $1 and kind is not null",
                in_list(&self.database, 2)
            ))
        };
        let rows = async {
            let rows: Vec<EntryRow> = on_either!(self, STEP_MAX, pool => {
                sqlx::query_as(sql()).bind(source.as_str()).bind(list).fetch_all(pool).await?
            });
            Ok(rows)
        };
        let mut entries: BTreeMap<Id, Vec<Entry>> = BTreeMap::new();
        for row in within(ANSWER_MAX, rows).await? {
            let (payment, entry) = entry(row).ok_or_else(unreadable)?;
            entries.entry(payment).or_default().push(entry);
        }
        Ok(entries)
    }

    pub(super) async fn links_of(&self, source: &Id, list: &str) -> Result<BTreeMap<Id, Link>, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select payment_id, order_id, link from payments where payment_id in {} and source = $1",
                in_list(&self.database, 2)
            ))
        };
        let rows = async {
            let rows: Vec<(String, String, String)> = on_either!(self, STEP_MAX, pool => {
                sqlx::query_as(sql()).bind(source.as_str()).bind(list).fetch_all(pool).await?
            });
            Ok(rows)
        };
        let read = |(payment, order, link): (String, String, String)| {
            let link = Link { order: Id::new(&order).ok()?, standing: Standing::from_word(&link)? };
            Some((Id::new(&payment).ok()?, link))
        };
        within(ANSWER_MAX, rows).await?.into_iter().map(|row| read(row).ok_or_else(unreadable)).collect()
    }

    pub(super) async fn rows_of(
        &self,
        source: &Id,
        list: &str,
    ) -> Result<BTreeMap<Id, Vec<ReportRow>>, StoreError> {
        let sql = || {
            sqlx::AssertSqlSafe(format!(
                "select row_id, type, kind, payment_id, reference, reference_2, matched_by, compared, amount, currency,
                        order_id
                   from report_rows where payment_id in {} and source = $1",
                in_list(&self.database, 2)
            ))
        };
        let rows = async {
            let rows: Vec<StoredRow> = on_either!(self, STEP_MAX, pool => {
                sqlx::query_as(sql()).bind(source.as_str()).bind(list).fetch_all(pool).await?
            });
            Ok(rows)
        };
        let mut by_payment: BTreeMap<Id, Vec<ReportRow>> = BTreeMap::new();
        for row in within(ANSWER_MAX, rows).await? {
            let (payment, row) = report_row(row).ok_or_else(unreadable)?;
            by_payment.entry(payment).or_default().push(row);
        }
        Ok(by_payment)
    }
}

/// Payment, event, kind, basis, reference, amount, currency and time.
type EntryRow =
    (String, String, Option<String>, Option<String>, Option<String>, Option<i64>, Option<String>, UnixMicros);

fn entry(
    (payment, event, kind, basis, reference, amount, currency, occurred_at): EntryRow,
) -> Option<(Id, Entry)> {
    let fact = (kind.as_deref(), basis.as_deref(), reference.as_deref());
    let fact = snapshot::fact(fact, amount, currency.as_deref())?;
    let entry = Entry { event: Id::new(&event).ok()?, occurred_at, account: None, fact, claim: None };
    Some((Id::new(&payment).ok()?, entry))
}

/// Row, type, kind, payment, both references, what it is matched by and compared in, amount, currency and order.
type StoredRow = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    Option<i64>,
    Option<String>,
    Option<String>,
);

fn report_row(
    (id, type_name, kind, payment, reference, other, matched_by, compared, amount, currency, order): StoredRow,
) -> Option<(Id, ReportRow)> {
    let may_be = |text: Option<String>| text.map(|text| Id::new(&text)).transpose().ok();
    let payment = Id::new(&payment).ok()?;
    let fact = RowFact {
        kind: Kind::from_word(&kind)?,
        payment: payment.clone(),
        reference: Id::new(&reference).ok()?,
        other_reference: may_be(other)?,
        order: may_be(order)?,
        matched_by: MatchedBy::from_word(&matched_by)?,
        compared: Compared::from_word(&compared)?,
    };
    let money = amount.zip(currency.as_deref().and_then(Currency::new));
    let row = ReportRow {
        id: Id::new(&id).ok()?,
        type_name,
        fact: Some(fact),
        money,
        settled: None,
        fee: None,
        payout: None,
        occurred_at: None,
    };
    Some((payment, row))
}

fn unreadable() -> StoreError {
    StoreError::Misconfigured("a row holds a value that this version cannot read; run a newer one".to_owned())
}
