//! `paylatch payments assign`: says which order a payment belongs to, where its events do not, or wrongly.

use clap::{Args, Subcommand};
use serde_json::json;

use super::actions::acting;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::printable;
use crate::config::Needs;
use crate::intake::{Assignment, assign};
use crate::order::{Id, Key};

#[derive(Args)]
pub(super) struct Payments {
    #[command(subcommand)]
    does: Does,
}

#[derive(Subcommand)]
enum Does {
    /// Say which order a payment belongs to. It outranks what events name; the payment's own id as the order undoes it.
    #[command(
        after_help = "Example: paylatch payments assign pi_1 order-1001 --source stripe --note 'told by phone'"
    )]
    Assign(Assign),
}

#[derive(Args)]
struct Assign {
    /// The payment's id.
    payment: String,
    /// The order's id; the payment's own undoes what was assigned before.
    order: String,
    /// The payment's source.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// Why; kept with the assignment.
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Who says so [default: the user of the operating system].
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Does what was asked.
pub(super) async fn run(context: &Context, payments: &Payments) -> Result<(), Failure> {
    let Does::Assign(asked) = &payments.does;
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.store(&settings)?;
    store.claim()?;
    let payment = Key { id: id("PAYMENT", &asked.payment)?, source: id("--source", &asked.source)? };
    let order = id("ORDER", &asked.order)?;
    let by = acting(context, asked.by.as_deref(), Some(&asked.note))?;
    let assignment = Assignment { payment, order };
    let done = assign(&mut store.session(), &assignment, &by).await?;
    let (event, link) = done.ok_or_else(|| {
        let problem = format!("there is no payment {}", assignment.payment);
        Failure::new(Exit::Failed, "unknown_payment", problem)
            .hint("`paylatch orders --unclaimed` lists the payments that have no order")
    })?;
    let (order, standing) = (link.order.as_str(), link.standing.as_str());
    if asked.json {
        context.output.json(&json!({
            "event": event.as_str(), "payment": assignment.payment.id.as_str(),
            "source": assignment.payment.source.as_str(), "order": order, "link": standing,
        }));
    } else {
        let payment = printable(&asked.payment);
        context
            .output
            .line(format_args!("payment {payment} belongs to order {} ({standing})", printable(order)));
    }
    Ok(())
}

fn id(name: &str, text: &str) -> Result<Id, Failure> {
    Id::new(text).map_err(|error| Failure::new(Exit::Usage, "wrong_id", format!("{name} {error}")))
}
