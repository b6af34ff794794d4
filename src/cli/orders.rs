//! `paylatch orders`: what is paid for, and how it came to be so.

use clap::Args;
use serde::Serialize;

use super::clock;
use super::context::Context;
use super::events::{self, amount};
use super::failure::{Exit, Failure};
use super::output::{Output, printable};
use super::tables::table;
use crate::config::Needs;
use crate::order::{Id, Key};
use crate::store::{AcknowledgementRow, EventRow, OrderFilter, OrderRow, ROWS_MAX, Store};

/// How many rows are shown unless told otherwise.
pub(super) const ROWS_SHOWN: u32 = 10_000;

#[derive(Args)]
pub(super) struct Orders {
    /// One order, with its timeline.
    id: Option<String>,
    /// Orders of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Orders of this status, such as `paid`.
    #[arg(long)]
    status: Option<String>,
    /// Orders with an anomaly.
    #[arg(long)]
    anomaly: bool,
    /// Orders after this one.
    #[arg(long, value_name = "SOURCE/ID")]
    after: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = ROWS_SHOWN)]
    limit: u32,
    /// Keep that the order's anomaly is settled: it is not counted any more.
    #[arg(long, requires = "id")]
    acknowledge: bool,
    /// How it was settled.
    #[arg(long, value_name = "TEXT", requires = "acknowledge")]
    note: Option<String>,
    /// Print the columns as JSON.
    #[arg(long)]
    json: bool,
}

/// An order and everything that was said about it.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    order: OrderRow,
    acknowledgements: Vec<AcknowledgementRow>,
    timeline: Vec<EventRow>,
}

/// Prints the orders, or the one.
pub(super) async fn run(context: &Context, orders: &Orders) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.store(&settings)?;
    let rows = read(&store, orders).await?;
    match (&orders.id, orders.json) {
        (Some(id), json) => {
            let order = the_one(id, rows)?;
            let key = key(&order)?;
            if orders.acknowledge {
                acknowledge(&store, &key, orders.note.as_deref()).await?;
            }
            let acknowledgements = store.acknowledgements(Some(&key)).await?;
            let told = Told { order, acknowledgements, timeline: store.timeline(&key).await? };
            match json {
                true => context.output.json(&told),
                false => tell_one(context.output, &told),
            }
        }
        (None, true) => context.output.json(&rows),
        (None, false) => {
            context.output.line(orders_table(&rows, &acknowledgements_of(&store, &rows).await?));
        }
    }
    Ok(())
}

/// All orders of one source, for `dev`.
pub(super) async fn of_source(store: &Store, source: &Id) -> Result<String, Failure> {
    let filter = OrderFilter { source: Some(source.to_string()), limit: ROWS_MAX, ..OrderFilter::default() };
    Ok(orders_table(&store.orders(&filter).await?, &[]))
}

async fn acknowledge(store: &Store, order: &Key, note: Option<&str>) -> Result<(), Failure> {
    let settled = store.acknowledge(order, note, clock::now()).await?;
    settled.map(drop).ok_or_else(|| {
        Failure::new(Exit::Failed, "no_anomaly", format!("order {order} has no anomaly to acknowledge"))
    })
}

/// Asked for only where there is an anomaly that could be settled.
async fn acknowledgements_of(store: &Store, rows: &[OrderRow]) -> Result<Vec<AcknowledgementRow>, Failure> {
    match rows.iter().any(|row| row.anomaly.is_some()) {
        true => Ok(store.acknowledgements(None).await?),
        false => Ok(Vec::new()),
    }
}

/// Reads page after page, up to the limit.
async fn read(store: &Store, orders: &Orders) -> Result<Vec<OrderRow>, Failure> {
    let mut filter = OrderFilter {
        id: orders.id.clone(),
        source: orders.source.clone(),
        status: orders.status.clone(),
        anomaly: orders.anomaly.then_some(true),
        after: orders.after.clone(),
        limit: 0,
    };
    let mut rows: Vec<OrderRow> = Vec::new();
    loop {
        filter.limit =
            ROWS_MAX.min(orders.limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX)));
        let page = if filter.limit == 0 { Vec::new() } else { store.orders(&filter).await? };
        let is_last = page.len() < filter.limit as usize || filter.limit == 0;
        rows.extend(page);
        filter.after = rows.last().map(|row| format!("{}/{}", row.source, row.order_id));
        if is_last {
            return Ok(rows);
        }
    }
}

fn the_one(id: &str, mut rows: Vec<OrderRow>) -> Result<OrderRow, Failure> {
    if rows.len() > 1 {
        let sources: Vec<_> = rows.iter().map(|row| printable(&row.source)).collect();
        return Err(Failure::new(
            Exit::Usage,
            "several_orders",
            format!("several sources have an order {id:?}"),
        )
        .hint(format_args!("choose one: --source {}", sources.join(" or --source "))));
    }
    rows.pop().ok_or_else(|| {
        Failure::new(Exit::Failed, "unknown_order", format!("there is no order {id:?}"))
            .hint("`paylatch orders` lists those that there are; a payment without a known order goes by its own id")
    })
}

fn key(order: &OrderRow) -> Result<Key, Failure> {
    Ok(Key { id: stored_id(&order.order_id)?, source: stored_id(&order.source)? })
}

/// An id as a row has it.
pub(super) fn stored_id(text: &str) -> Result<Id, Failure> {
    Id::new(text).map_err(|error| Failure::new(Exit::Failed, "wrong_id", format!("{text:?} {error}")))
}

fn orders_table(rows: &[OrderRow], acknowledged: &[AcknowledgementRow]) -> String {
    let header = [
        "order",
        "source",
        "status",
        "authorized",
        "captured",
        "refunded",
        "disputed",
        "currency",
        "anomaly",
    ];
    let cells = rows.iter().map(|row| {
        let money = |minor| amount(minor, row.currency.as_deref());
        let cells = [
            row.order_id.clone(),
            row.source.clone(),
            row.status.clone(),
            money(row.authorized),
            money(row.captured),
            money(row.refunded),
            money(row.disputed),
            row.currency.clone().unwrap_or_else(|| "-".to_owned()),
            row.anomaly.as_deref().map(|anomaly| shown(row, anomaly, acknowledged)).unwrap_or_default(),
        ];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}

/// The anomaly, and whether it is settled.
fn shown(row: &OrderRow, anomaly: &str, acknowledged: &[AcknowledgementRow]) -> String {
    let is_settled = acknowledged.iter().any(|settled| {
        settled.order_id == row.order_id && settled.source == row.source && settled.anomaly == anomaly
    });
    if is_settled { format!("{anomaly} (acknowledged)") } else { anomaly.to_owned() }
}

fn tell_one(output: Output, Told { order, acknowledgements, timeline }: &Told) {
    output.line(orders_table(std::slice::from_ref(order), acknowledgements));
    output.line(format_args!("\nfirst event {}, last event {}", order.first_event_at, order.last_event_at));
    for settled in acknowledgements {
        let note = settled.note.as_deref();
        output.line(events::settlement(&settled.anomaly, &settled.acknowledged_at, note));
    }
    output.line(format_args!("\n{}", events::events_table(timeline)));
}
