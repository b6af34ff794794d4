//! `paylatch orders`: what is paid for, and how it came to be so.

use clap::Args;
use serde::Serialize;

use super::actions::acting;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::listing::{ROWS_SHOWN, events_table, one_of, orders_table, settlement, stored_id};
use super::output::{Output, printable};
use crate::config::Needs;
use crate::order::{Key, Status};
use crate::store::{AcknowledgementRow, By, EventRow, OrderFilter, OrderRow, ROWS_MAX, Store};

#[derive(Args)]
pub(super) struct Orders {
    /// One order, with its timeline.
    id: Option<String>,
    /// Orders of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Orders of this status.
    #[arg(long, value_parser = one_of(Status::ALL.iter().map(|status| status.as_str())))]
    status: Option<String>,
    /// Orders with an anomaly.
    #[arg(long)]
    anomaly: bool,
    /// Orders that no event names: their payment's id stands in for it. `paylatch payments assign` says where they belong.
    #[arg(long)]
    unclaimed: bool,
    /// Orders after this one.
    #[arg(long, value_name = "SOURCE/ID")]
    after: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = ROWS_SHOWN)]
    limit: u32,
    /// Keep that the order's anomalies are settled: they are not counted any more while their sums stay what they are.
    #[arg(long, requires = "id")]
    acknowledge: bool,
    /// How it was settled.
    #[arg(long, value_name = "TEXT", requires = "acknowledge")]
    note: Option<String>,
    /// Who settled it [default: the user of the operating system].
    #[arg(long, value_name = "NAME", requires = "acknowledge")]
    by: Option<String>,
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
    let store = context.reached_store(&settings).await?;
    context.filter_by_source(&settings, &store, orders.source.as_deref()).await?;
    let rows = read(&store, orders).await?;
    match (&orders.id, orders.json) {
        (Some(id), json) => {
            let order = the_one(id, rows)?;
            let key = key(&order)?;
            if orders.acknowledge {
                let by = acting(context, orders.by.as_deref(), orders.note.as_deref())?;
                acknowledge(&store, &key, &by).await?;
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

async fn acknowledge(store: &Store, order: &Key, by: &By) -> Result<(), Failure> {
    let settled = store.acknowledge(order, by).await?;
    if settled.is_empty() {
        let problem = format!("order {order} has no anomaly to acknowledge");
        return Err(Failure::new(Exit::Failed, "no_anomaly", problem));
    }
    Ok(())
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
        unclaimed: orders.unclaimed,
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

fn tell_one(output: Output, Told { order, acknowledgements, timeline }: &Told) {
    output.line(orders_table(std::slice::from_ref(order), acknowledgements));
    output.line(format_args!("\nfirst event {}, last event {}", order.first_event_at, order.last_event_at));
    for settled in acknowledgements {
        let note = settled.note.as_deref();
        output.line(settlement(&settled.anomaly, &settled.acknowledged_at, note));
    }
    output.line(format_args!("\n{}", events_table(timeline)));
}
