//! `paylatch events`: what was said, and what was decided.

use clap::Args;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::orders::ROWS_SHOWN;
use super::output::printable;
use super::tables::table;
use crate::config::Needs;
use crate::order::{Currency, display_amount};
use crate::store::{EventFilter, EventRow, ROWS_MAX, Store};

#[derive(Args)]
pub(super) struct Events {
    /// One event.
    event_id: Option<String>,
    /// Events of this order.
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Events of this payment.
    #[arg(long, value_name = "ID")]
    payment: Option<String>,
    /// Events of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Events of this type, in the provider's words.
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Events with this outcome, such as `parked`.
    #[arg(long)]
    outcome: Option<String>,
    /// Events after this one.
    #[arg(long, value_name = "SOURCE/ID")]
    after: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = ROWS_SHOWN)]
    limit: u32,
    /// Print the columns as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the events.
pub(super) async fn run(context: &Context, events: &Events) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let rows = read(&context.store(&settings)?, events).await?;
    if let (Some(id), true) = (&events.event_id, rows.is_empty()) {
        return Err(Failure::new(Exit::Failed, "unknown_event", format!("there is no event {id:?}"))
            .hint("`paylatch events` lists those that there are"));
    }
    if events.json {
        context.output.json(&rows);
    } else {
        context.output.line(events_table(&rows));
    }
    Ok(())
}

/// Reads page after page, up to the limit.
async fn read(store: &Store, events: &Events) -> Result<Vec<EventRow>, Failure> {
    let mut filter = EventFilter {
        id: events.event_id.clone(),
        source: events.source.clone(),
        type_name: events.type_name.clone(),
        outcome: events.outcome.clone(),
        order: events.order.clone(),
        payment: events.payment.clone(),
        after: events.after.clone(),
        limit: 0,
    };
    let mut rows: Vec<EventRow> = Vec::new();
    loop {
        filter.limit =
            ROWS_MAX.min(events.limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX)));
        let page = if filter.limit == 0 { Vec::new() } else { store.events(&filter).await? };
        let is_last = page.len() < filter.limit as usize || filter.limit == 0;
        rows.extend(page);
        filter.after = rows.last().map(|row| format!("{}/{}", row.source, row.event_id));
        if is_last {
            return Ok(rows);
        }
    }
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
            row.outcome.clone(),
            if row.duplicates == 0 { String::new() } else { row.duplicates.to_string() },
            row.reason.clone().unwrap_or_default(),
        ];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}

/// Minor units as people write them.
pub(super) fn amount(minor: i64, currency: Option<&str>) -> String {
    match currency.and_then(Currency::new) {
        Some(currency) => display_amount(minor, currency),
        None => minor.to_string(),
    }
}
