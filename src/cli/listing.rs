//! Orders and events as tables, for every command that lists them.

use clap::builder::PossibleValuesParser;

use super::failure::{Exit, Failure};
use super::output::{Output, printable, table};
use super::sign::quote;
use crate::order::{Currency, Id, display_amount};
use crate::store::{
    AcknowledgementRow, AnomalyRow, EventRow, LOOKED_AT_MAX, List, OrderFilter, OrderRow, ROWS_MAX, Store,
    StoreError, TypeArrival, UnmappedType,
};

/// Only these words, which a mistake is answered with.
pub(super) fn one_of(words: impl IntoIterator<Item = &'static str>) -> PossibleValuesParser {
    PossibleValuesParser::new(words)
}

/// Where a list goes on.
pub(super) fn cursor(text: &str) -> Result<String, &'static str> {
    text.contains('/').then(|| text.to_owned()).ok_or("expected SOURCE/ID, as the end of a list gives it")
}

/// How many rows are shown unless told otherwise.
pub(super) const ROWS_SHOWN: u32 = 10_000;

/// Reads a list part after part, up to `limit` rows. `read` is given where a part begins and how long it may be.
///
/// Where few rows pass a filter, no more are looked at than may be shown, but those of a part in any case: a key of millions is not
/// read through for a handful. That the list goes on, and from where, is said beside it.
pub(super) async fn read_list<T>(
    limit: u32,
    mut after: Option<String>,
    mut read: impl AsyncFnMut(Option<String>, u32) -> Result<List<T>, StoreError>,
) -> Result<Listed<T>, Failure> {
    let (mut rows, mut looked_at) = (Vec::new(), 0);
    loop {
        let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        let list = read(after, left.min(ROWS_MAX)).await?;
        rows.extend(list.rows);
        after = list.after;
        looked_at += if list.is_cut { LOOKED_AT_MAX } else { 0 };
        if after.is_none() || rows.len() >= limit as usize || list.is_cut && looked_at >= limit {
            let looked_at = list.is_cut.then_some(looked_at);
            return Ok(Listed { rows, after, looked_at });
        }
    }
}

/// What was read of a list.
pub(super) struct Listed<T> {
    pub(super) rows: Vec<T>,
    /// Where it goes on.
    after: Option<String>,
    /// How many rows were looked at, if it ends for that.
    looked_at: Option<u32>,
}

impl<T> Listed<T> {
    /// The rows; that there are more is said beside them.
    pub(super) fn told(self, output: Output) -> Vec<T> {
        if let Some(after) = &self.after {
            let after = quote(&printable(after));
            match self.looked_at {
                Some(rows) => output.note(format_args!(
                    "looked at {rows} rows, and there are more: --after {after} looks on"
                )),
                None => output.note(format_args!("there are more: --after {after} goes on")),
            }
        }
        self.rows
    }
}

/// All orders of one source, for `dev`.
pub(super) async fn orders_of(store: &Store, source: &Id) -> Result<String, Failure> {
    let filter = OrderFilter { source: Some(source.to_string()), limit: ROWS_MAX, ..OrderFilter::default() };
    Ok(orders_table(&store.orders(&filter).await?.rows, &[]))
}

/// A line for each order; anomalies that are among `acknowledged` are marked as settled.
pub(super) fn orders_table(rows: &[OrderRow], acknowledged: &[AcknowledgementRow]) -> String {
    let header =
        ["order", "source", "status", "reserved", "captured", "refunded", "disputed", "currency", "anomaly"];
    let cells = rows.iter().map(|row| {
        let money = |minor| amount(minor, row.currency.as_deref());
        let cells = [
            row.order_id.clone(),
            row.source.clone(),
            row.status.clone(),
            money(row.reserved),
            money(row.captured),
            money(row.refunded),
            money(row.disputed),
            row.currency.clone().unwrap_or_else(|| "-".to_owned()),
            row.anomalies.iter().map(|found| shown(row, found, acknowledged)).collect::<Vec<_>>().join(", "),
        ];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}

/// The anomaly, and whether it is settled with the sums that it has.
fn shown(row: &OrderRow, found: &AnomalyRow, acknowledged: &[AcknowledgementRow]) -> String {
    let is_settled = acknowledged.iter().any(|settled| {
        (&settled.order_id, &settled.source) == (&row.order_id, &row.source)
            && (&settled.anomaly, &settled.detail) == (&found.anomaly, &found.detail)
    });
    if is_settled { format!("{} (acknowledged)", found.anomaly) } else { found.anomaly.clone() }
}

/// A line for each type that nobody decided what it means.
pub(super) fn unmapped_table(types: &[UnmappedType]) -> String {
    let header = ["source", "type", "why", "events", "last"];
    let cells = types.iter().map(|unmapped| {
        let events = unmapped.events.to_string();
        let cells =
            [&unmapped.source, &unmapped.type_name, &unmapped.reason, &events, &unmapped.last_received_at];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}

/// A line for each type, with when it was last heard of.
pub(super) fn types_table(types: &[TypeArrival]) -> String {
    let cells = types.iter().map(|own| {
        [&own.source, &own.type_name, &own.last_received_at].iter().map(|cell| printable(cell)).collect()
    });
    table(&["source", "type", "last"], cells)
}

/// A line for each event.
pub(super) fn events_table(rows: &[EventRow]) -> String {
    let header =
        ["occurred", "event", "type", "says", "amount", "payment", "outcome", "duplicates", "reason"];
    let cells = rows.iter().map(|row| {
        let cells = [
            row.occurred_at.clone(),
            row.event_id.clone(),
            row.type_name.clone(),
            row.kind.clone().unwrap_or_default(),
            row.amount.map(|minor| amount(minor, row.currency.as_deref())).unwrap_or_default(),
            row.payment_id.clone().unwrap_or_default(),
            outcome(row),
            if row.duplicates == 0 { String::new() } else { row.duplicates.to_string() },
            row.reason.clone().unwrap_or_default(),
        ];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}

/// The outcome, what else needs a person, and whether it is settled.
fn outcome(row: &EventRow) -> String {
    let conflict = if row.conflicts > 0 { ", in conflict" } else { "" };
    let needed_a_person = row.conflicts > 0 || matches!(row.outcome.as_str(), "parked" | "dead");
    let settled = if needed_a_person && !row.needs_a_person { " (acknowledged)" } else { "" };
    format!("{}{conflict}{settled}", row.outcome)
}

/// Minor units as people write them.
pub(super) fn amount(minor: i64, currency: Option<&str>) -> String {
    match currency.and_then(Currency::new) {
        Some(currency) => display_amount(minor, currency),
        None => minor.to_string(),
    }
}

/// What was settled, when and how, in a line.
pub(super) fn acknowledgement(what: &str, at: &str, note: Option<&str>) -> String {
    let note = note.map(|note| format!(": {}", printable(note))).unwrap_or_default();
    format!("{what} acknowledged {at}{note}")
}

/// An id as a row has it.
pub(super) fn stored_id(text: &str) -> Result<Id, Failure> {
    Id::new(text).map_err(|error| Failure::new(Exit::Failed, "wrong_id", format!("{text:?} {error}")))
}
