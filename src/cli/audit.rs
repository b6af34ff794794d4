//! `paylatch audit`: whether orders and payments are what the events say.

use clap::Args;

use super::actions::ActsBy;
use super::confirm;
use super::context::Context;
use super::failure::Failure;
use super::output::{Output, printable, table};
use super::progress;
use crate::config::Needs;
use crate::store;

#[derive(Args)]
pub(super) struct Audit {
    /// Put right what differs.
    #[arg(long)]
    repair: bool,
    /// Do not ask before orders change.
    #[arg(long, requires = "repair")]
    yes: bool,
    #[command(flatten)]
    acts_by: ActsBy,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints every difference; tells whether there is none, or none any more.
pub(super) async fn run(context: &Context, audit: &Audit) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.reached_store(&settings).await?;
    if audit.repair && !audit.yes && confirm::can_ask() {
        let differences = store.audit().await?.differences.len();
        let question = format_args!("{differences} differences would be put right by the events");
        if differences > 0 && !confirm::is_agreed_to(context.output, question) {
            return Ok(false);
        }
    }
    let progress = progress::waiting("comparing");
    let ledgers = settings.ledgers();
    let mut found = match audit.repair {
        true => store.repair(&audit.acts_by.read(context)?).await?,
        false => store.audit().await?,
    };
    found.differences.extend(store.audit_settlements(&ledgers).await?);
    progress.finish_and_clear();
    if audit.json {
        context.output.json(&found);
    } else {
        tell(context.output, &found);
    }
    if !audit.repair || found.differences.is_empty() {
        return Ok(found.differences.is_empty());
    }
    store.repair_settlements(&ledgers).await?;
    let left = store.audit().await?.differences.len() + store.audit_settlements(&ledgers).await?.len();
    let repaired = found.differences.len().saturating_sub(left);
    context.output.note(format_args!("{repaired} differences repaired, {left} left"));
    Ok(left == 0)
}

fn tell(output: Output, found: &store::Audit) {
    if !found.differences.is_empty() {
        let rows = found.differences.iter().map(|difference| {
            let value = |value: &Option<String>| value.as_deref().map_or("-".to_owned(), printable);
            vec![
                difference.table.to_owned(),
                printable(&difference.key),
                difference.column.to_owned(),
                value(&difference.stored),
                value(&difference.expected),
            ]
        });
        output.line(table(&["table", "key", "column", "stored", "by the events"], rows));
    }
    let store::Audit { orders, payments, events, unverifiable, differences } = found;
    output.line(format_args!(
        "{orders} orders, {payments} payments, {events} events: {} differences, {unverifiable} events without body",
        differences.len()
    ));
}
