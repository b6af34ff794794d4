//! `paylatch announcements`: lists announcements that wait or were given up, and sends orders again.

use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::json;

use super::actions::ActsBy;
use super::context::{Context, now_micros};
use super::endpoints::{known, names};
use super::failure::{Exit, Failure};
use super::listing::stored_id;
use super::output::{printable, table};
use crate::config::{Needs, parse_age};
use crate::order::{Key, UnixMicros};
use crate::store::{OrderFilter, ROWS_MAX, Store, WaitFilter, WaitRow};

#[derive(Args)]
pub(super) struct Announcements {
    #[command(subcommand)]
    action: Option<Action>,
    /// Those of this endpoint.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Those that will be tried again.
    #[arg(long, conflicts_with = "given_up")]
    waiting: bool,
    /// Those that were given up: they are not tried again until they change or are resent.
    #[arg(long)]
    given_up: bool,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Tell an endpoint of an order again, or of many.
    #[command(after_help = "Example: paylatch announcements resend ord_1003 --endpoint shop")]
    Resend(Resend),
}

#[derive(Args)]
#[command(group = ArgGroup::new("which").required(true).args(["order", "since", "all"]))]
struct Resend {
    /// The order.
    order: Option<String>,
    /// The endpoint that is told.
    #[arg(long, value_name = "NAME")]
    endpoint: String,
    /// The order's source, where several have one of this id.
    #[arg(long, value_name = "NAME", requires = "order")]
    source: Option<String>,
    /// All orders that were written within this time, such as 2d.
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    since: Option<Duration>,
    /// All orders.
    #[arg(long)]
    all: bool,
    /// Only say how many orders that would be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    acts_by: ActsBy,
}

/// Shows what waits, or tells it again.
pub(super) async fn run(context: &Context, announcements: &Announcements) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.reached_store(&settings).await?;
    if let Some(Action::Resend(asked)) = &announcements.action {
        return resend(context, &store, asked, announcements.json).await;
    }
    if let Some(name) = &announcements.endpoint {
        known(&store, name, names(&store).await?.contains(name)).await?;
    }
    let given_up = match (announcements.waiting, announcements.given_up) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        (false, false) => None,
    };
    let filter = WaitFilter { endpoint: announcements.endpoint.clone(), given_up, limit: ROWS_MAX };
    let rows = store.waits(&filter).await?;
    match announcements.json {
        true => context.output.json(&rows),
        false => context.output.line(waits_table(&rows)),
    }
    Ok(())
}

async fn resend(context: &Context, store: &Store, asked: &Resend, json: bool) -> Result<(), Failure> {
    let by = asked.acts_by.read(context)?;
    let name = asked.endpoint.as_str();
    let orders = match &asked.order {
        Some(id) => {
            let order = the_order(store, id, asked.source.as_deref()).await?;
            if !asked.dry_run {
                known(store, name, store.resend(name, &order, &by).await?).await?;
            }
            1
        }
        None => {
            let since = asked.since.map(|age| {
                let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
                UnixMicros(now_micros().0.saturating_sub(age).max(0))
            });
            let orders = store.orders_since(since).await?;
            if !asked.dry_run {
                known(store, name, store.resync_endpoint(name, since, &by).await?).await?;
            }
            orders
        }
    };
    let will = if asked.dry_run { "would be" } else { "is" };
    match json {
        true => context.output.json(&json!({ "endpoint": name, "orders": orders, "dry_run": asked.dry_run })),
        false => {
            let noun = if orders == 1 { "order" } else { "orders" };
            context.output.line(format_args!("{} {will} told of {orders} {noun} again", printable(name)))
        }
    }
    Ok(())
}

async fn the_order(store: &Store, id: &str, source: Option<&str>) -> Result<Key, Failure> {
    let source = source.map(str::to_owned);
    let filter = OrderFilter { id: Some(id.to_owned()), source, limit: 2, ..OrderFilter::default() };
    let mut found = store.orders(&filter).await?.rows;
    if found.len() > 1 {
        let problem = format!("several sources have an order {id:?}");
        return Err(Failure::new(Exit::Usage, "several_orders", problem).hint("choose one: --source NAME"));
    }
    let order = found
        .pop()
        .ok_or_else(|| Failure::new(Exit::Failed, "unknown_order", format!("there is no order {id:?}")))?;
    Ok(Key { id: stored_id(&order.order_id)?, source: stored_id(&order.source)? })
}

fn waits_table(rows: &[WaitRow]) -> String {
    let header = ["endpoint", "order", "of", "why", "attempts", "next", "last answer"];
    let cells = rows.iter().map(|row| {
        let next = if row.given_up_at.is_some() { "given up".to_owned() } else { row.due_at.clone() };
        let cells = [
            row.endpoint.clone(),
            row.order_id.clone(),
            if row.ledger.is_empty() { row.source.clone() } else { format!("ledger {}", row.ledger) },
            row.reason.clone(),
            row.attempts.to_string(),
            next,
            row.error.clone().unwrap_or_default(),
        ];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}
