//! `paylatch orders`: what is paid for, and how it came to be so.

use std::time::Duration;

use clap::Args;

use super::actions::acting;
use super::context::{Context, now_micros};
use super::failure::{Exit, Failure};
use super::listing::{ROWS_SHOWN, cursor, one_of, orders_table, read_list};
use super::one_order;
use super::output::Output;
use super::settlement::settlements_table;
use crate::config::{Needs, parse_age};
use crate::order::{Settlement, Status};
use crate::store::{
    AcknowledgementRow, AnomalyFilter, OrderFilter, OrderRow, SettlementFilter, SettlementRow, Store,
    WaitingSince, WaitsFor,
};

#[derive(Args)]
pub(super) struct Orders {
    /// One order, with its timeline: in every source of its ledger.
    id: Option<String>,
    /// Orders of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Orders of this status.
    #[arg(long, value_parser = one_of(Status::ALL.iter().map(|status| status.as_str())))]
    status: Option<String>,
    /// Orders with an anomaly, or with this one.
    #[arg(long, value_name = "WORD", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = one_of(AnomalyFilter::words()))]
    anomaly: Option<String>,
    /// Orders that no event names: their payment's id stands in for it. `paylatch payments assign` says where they belong.
    #[arg(long)]
    unclaimed: bool,
    /// Orders whose money waits: for a refund to be done, for an authorization to be captured, for a dispute to be decided.
    #[arg(long, value_name = "FOR", value_parser = one_of(WaitsFor::ALL.iter().map(|what| what.as_str())))]
    waiting: Option<String>,
    /// Only those that have waited for longer than this, such as 14d.
    #[arg(long, value_name = "AGE", requires = "waiting")]
    longer_than: Option<String>,
    /// Orders of which something is expected, by what came of it.
    #[arg(long, value_parser = one_of(Settlement::ALL.iter().map(|word| word.as_str())), conflicts_with_all = ["id", "source", "status", "anomaly", "unclaimed", "waiting"])]
    settlement: Option<String>,
    /// Orders after this one; after LEDGER/ID with --settlement.
    #[arg(long, value_name = "SOURCE/ID", value_parser = cursor)]
    after: Option<String>,
    /// At most so many; and where few are as they should be, no more than so many (2,000 in any case) are looked at for them.
    #[arg(long, value_name = "N", default_value_t = ROWS_SHOWN)]
    limit: u32,
    /// Record that the order's anomalies are settled: they are not counted any more while their sums stay what they are.
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

/// Prints the orders, or the one.
pub(super) async fn run(context: &Context, orders: &Orders) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.reached_store(&settings).await?;
    if let Some(settlement) = &orders.settlement {
        let rows = settlements(context.output, &store, orders, settlement).await?;
        match orders.json {
            true => context.output.json(&rows),
            false => context.output.line(settlements_table(&rows)),
        }
        return Ok(());
    }
    context.filter_by_source(&settings, &store, orders.source.as_deref()).await?;
    let rows = read(context.output, &store, orders).await?;
    if let Some(id) = &orders.id {
        let order = one_order::find(&store, &settings.ledgers(), id, rows).await?;
        if orders.acknowledge {
            let by = acting(context, orders.by.as_deref(), orders.note.as_deref())?;
            order.acknowledge(&store, &by).await?;
        }
        return order.tell(context.output, &store, orders.json).await;
    }
    match orders.json {
        true => context.output.json(&rows),
        false => context.output.line(orders_table(&rows, &acknowledgements_of(&store, &rows).await?)),
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

async fn read(output: Output, store: &Store, orders: &Orders) -> Result<Vec<OrderRow>, Failure> {
    let filter = OrderFilter {
        id: orders.id.clone(),
        source: orders.source.clone(),
        status: orders.status.clone(),
        anomaly: orders.anomaly.as_deref().and_then(AnomalyFilter::from_word),
        unclaimed: orders.unclaimed,
        waiting: waiting(orders)?,
        ..OrderFilter::default()
    };
    let part = async |after, limit| store.orders(&OrderFilter { after, limit, ..filter.clone() }).await;
    Ok(read_list(orders.limit, orders.after.clone(), part).await?.told(output))
}

/// What they wait for, and since before when.
fn waiting(orders: &Orders) -> Result<Option<WaitingSince>, Failure> {
    let Some(what) = orders.waiting.as_deref().and_then(WaitsFor::from_word) else { return Ok(None) };
    let age = orders.longer_than.as_deref().map_or(Ok(Duration::ZERO), parse_age);
    let age = age
        .map_err(|expected| Failure::new(Exit::Usage, "wrong_flag", format!("--longer-than: {expected}")))?;
    Ok(Some(WaitingSince::longer_than(what, age, now_micros())))
}

async fn settlements(
    output: Output,
    store: &Store,
    orders: &Orders,
    settlement: &str,
) -> Result<Vec<SettlementRow>, Failure> {
    let filter = SettlementFilter { settlement: Some(settlement.to_owned()), ..SettlementFilter::default() };
    let part =
        async |after, limit| store.settlements(&SettlementFilter { after, limit, ..filter.clone() }).await;
    Ok(read_list(orders.limit, orders.after.clone(), part).await?.told(output))
}
