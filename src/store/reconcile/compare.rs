//! The comparison, some payments at a time: those of a report, those whose events a report should have, and those of which
//! something was found before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::write::Upsert;
use super::{ANSWER_MAX, PAYMENTS_AT_ONCE, ReportFile, STEP_MAX};
use crate::order::{
    BothSides, Class, Coverage, Disagreements, Id, ReportFinding, ReportRow, TimeSpan, UnixMicros, reconcile,
};
use crate::store::inspect::by_arrival::in_both_indexes;
use crate::store::{Database, Store, StoreError, within};

/// An event may be stored so long before the provider says that it happened: clocks differ.
const CLOCKS_DIFFER: i64 = 86_400_000_000;

/// Which of our movements a report must have.
#[derive(Debug, Clone)]
pub struct Window {
    /// The report.
    pub file: ReportFile,
    /// The classes that it tells of.
    pub classes: BTreeSet<Class>,
    /// The time of those that must be in it.
    pub due: Option<TimeSpan>,
}

/// How many payments were compared, and what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// Payments.
    pub payments: u64,
    /// Findings that hold.
    pub findings: u64,
}

impl Compared {
    fn add(&mut self, other: Self) {
        self.payments += other.payments;
        self.findings += other.findings;
    }
}

impl Store {
    /// Compares the payments of a report, then those of which it says nothing and should; tells `progress` how many so far.
    ///
    /// # Errors
    /// [`StoreError`]; what was compared until then stays.
    pub async fn compare_report(
        &self,
        window: &Window,
        at: UnixMicros,
        mut progress: impl FnMut(u64),
    ) -> Result<Compared, StoreError> {
        let mut compared = Compared::default();
        let coverage = Coverage { classes: window.classes.clone(), span: window.due };
        let mut after = String::new();
        loop {
            let payments = self.payments_of_report(&window.file, &after).await?;
            let Some(last) = payments.last() else { break };
            after.clone_from(last);
            compared.add(self.compare_payments(&window.file.source, &payments, &coverage, at).await?);
            progress(compared.payments);
        }
        let Some(due) = window.due else { return Ok(compared) };
        let mut from = begin(due);
        loop {
            let events = self.events_due(&window.file, due, &from).await?;
            let Some((received_at, event, _)) = events.last() else { return Ok(compared) };
            from = (*received_at, event.clone());
            let payments: BTreeSet<String> = events.into_iter().map(|(_, _, payment)| payment).collect();
            let payments: Vec<String> = payments.into_iter().collect();
            compared.add(self.compare_payments(&window.file.source, &payments, &coverage, at).await?);
            progress(compared.payments);
        }
    }

    /// Compares the payments again of which something is found, so that what both sides agree in by now is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn compare_findings(&self, source: &Id, at: UnixMicros) -> Result<(), StoreError> {
        let mut after = Some(String::new());
        while let Some(last) = after {
            after = self.compare_some_findings(source, &last, at).await?;
        }
        Ok(())
    }

    /// The same of the next few behind a payment; tells the last of these, none at the end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn compare_some_findings(
        &self,
        source: &Id,
        after: &str,
        at: UnixMicros,
    ) -> Result<Option<String>, StoreError> {
        let nothing_due = Coverage { classes: BTreeSet::new(), span: None };
        let payments = self.payments_of_findings(source, after).await?;
        if !payments.is_empty() {
            self.compare_payments(source, &payments, &nothing_due, at).await?;
        }
        Ok(payments.last().cloned())
    }

    async fn compare_payments(
        &self,
        source: &Id,
        payments: &[String],
        coverage: &Coverage,
        at: UnixMicros,
    ) -> Result<Compared, StoreError> {
        let Disagreements { certain, pending } =
            self.judge(source, payments, coverage, &mut BTreeMap::new()).await?;
        let list = json!(payments).to_string();
        self.close_findings(source, &list, &Upsert::all(certain.iter().chain(&pending)), at).await?;
        self.upsert_findings(source, &Upsert::all(&certain), at).await?;
        Ok(Compared { payments: payments.len() as u64, findings: certain.len() as u64 })
    }

    /// What a report would find whose rows are not kept: nothing is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn preview_report(
        &self,
        window: &Window,
        mut rows: BTreeMap<Id, Vec<ReportRow>>,
    ) -> Result<Vec<ReportFinding>, StoreError> {
        let coverage = Coverage { classes: window.classes.clone(), span: window.due };
        let source = &window.file.source;
        let named: BTreeSet<String> = rows.keys().map(ToString::to_string).collect();
        let mut found = Vec::new();
        let all: Vec<String> = named.iter().cloned().collect();
        for payments in all.chunks(PAYMENTS_AT_ONCE) {
            found.extend(self.judge(source, payments, &coverage, &mut rows).await?.certain);
        }
        let Some(due) = window.due else { return Ok(found) };
        let mut from = begin(due);
        loop {
            let events = self.events_due(&window.file, due, &from).await?;
            let Some((received_at, event, _)) = events.last() else { return Ok(found) };
            from = (*received_at, event.clone());
            let payments: BTreeSet<String> = events.into_iter().map(|(_, _, payment)| payment).collect();
            let payments: Vec<String> = payments.difference(&named).cloned().collect();
            for finding in self.judge(source, &payments, &coverage, &mut rows).await?.certain {
                // A payment's events may be on two pages.
                if !found.contains(&finding) {
                    found.push(finding);
                }
            }
        }
    }

    /// Compares payments, with rows that are not kept beside those that are.
    async fn judge(
        &self,
        source: &Id,
        payments: &[String],
        coverage: &Coverage,
        more_rows: &mut BTreeMap<Id, Vec<ReportRow>>,
    ) -> Result<Disagreements, StoreError> {
        let list = json!(payments).to_string();
        let mut entries = self.entries_of(source, &list).await?;
        let links = self.links_of(source, &list).await?;
        let mut rows = self.rows_of(source, &list).await?;
        let mut all = Disagreements::default();
        for payment in payments.iter().filter_map(|payment| Id::new(payment).ok()) {
            let entries = entries.remove(&payment).unwrap_or_default();
            let mut rows = rows.remove(&payment).unwrap_or_default();
            let known: BTreeSet<Id> = rows.iter().map(|row| row.id.clone()).collect();
            let more = more_rows.remove(&payment).unwrap_or_default();
            rows.extend(more.into_iter().filter(|row| !known.contains(&row.id)));
            let link = links.get(&payment);
            let sides = BothSides { payment: &payment, link, entries: &entries, rows: &rows };
            let found = reconcile(&sides, coverage);
            all.certain.extend(found.certain);
            all.pending.extend(found.pending);
        }
        Ok(all)
    }

    async fn payments_of_report(&self, file: &ReportFile, after: &str) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "
            select distinct payment_id from report_rows
             where report_sha256 = $1 and source = $2 and payment_id > $3 order by payment_id limit $4";
        let payments = async {
            Ok(on_either!(self, STEP_MAX, pool => sqlx::query_scalar(SQL)
                .bind(file.sha256.as_slice())
                .bind(file.source.as_str())
                .bind(after)
                .bind(PAYMENTS_AT_ONCE as i64)
                .fetch_all(pool)
                .await?))
        };
        within(ANSWER_MAX, payments).await
    }

    async fn payments_of_findings(&self, source: &Id, after: &str) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "
            select distinct payment_id from findings
             where payment_id > $2 and source = $1 and gone_at is null order by payment_id limit $3";
        let payments = async {
            Ok(on_either!(self, STEP_MAX, pool => sqlx::query_scalar(SQL)
                .bind(source.as_str())
                .bind(after)
                .bind(PAYMENTS_AT_ONCE as i64)
                .fetch_all(pool)
                .await?))
        };
        within(ANSWER_MAX, payments).await
    }

    /// Events that move money within a time and whose payment the report does not name, as they arrived.
    async fn events_due(
        &self,
        file: &ReportFile,
        due: TimeSpan,
        from: &(UnixMicros, String),
    ) -> Result<Vec<(UnixMicros, String, String)>, StoreError> {
        let due_events = in_both_indexes(|condition| {
            format!(
                "select e.received_at, e.event_id, e.payment_id from events e
                  where e.source = $1 and e.{condition} and e.received_at >= $2 and (e.received_at > $2 or e.event_id > $3)
                    and e.occurred_at >= $4 and e.occurred_at <= $5 and e.payment_id is not null
                    and (e.kind in ('captured', 'refunded', 'dispute_lost') or e.basis = 'presumed')
                    and not exists (select 1 from report_rows r
                                     where r.report_sha256 = $6 and r.source = $1 and r.payment_id = e.payment_id)
                  order by e.received_at, e.event_id limit $7"
            )
        });
        let sql = || sqlx::AssertSqlSafe(format!("{due_events} order by received_at, event_id limit $7"));
        let events = async {
            Ok(on_either!(self, STEP_MAX, pool => sqlx::query_as(sql())
                .bind(file.source.as_str())
                .bind(from.0)
                .bind(from.1.as_str())
                .bind(due.from)
                .bind(due.to)
                .bind(file.sha256.as_slice())
                .bind(PAYMENTS_AT_ONCE as i64)
                .fetch_all(pool)
                .await?))
        };
        within(ANSWER_MAX, events).await
    }
}

/// Where the arrivals begin of what happened in a time.
fn begin(due: TimeSpan) -> (UnixMicros, String) {
    (UnixMicros(due.from.0.saturating_sub(CLOCKS_DIFFER).max(0)), String::new())
}
