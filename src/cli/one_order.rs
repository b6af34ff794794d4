//! One order as `paylatch orders ID` shows it: its row in each source of its ledger, what is expected of it, and its timeline.

use std::collections::BTreeSet;

use serde::Serialize;

use super::context::now_micros;
use super::failure::{Exit, Failure};
use super::listing::{acknowledgement, events_table, orders_table, stored_id};
use super::output::{Output, printable};
use super::settlement::settlement_table;
use crate::order::{Id, Key, Ledgers};
use crate::store::{
    AcknowledgementRow, By, EventRow, ExpectationRow, OrderRow, OrderSettlement, Store, Told,
};

/// An order: the sources of one ledger share its id.
pub(super) struct OneOrder {
    rows: Vec<OrderRow>,
    /// Unknown where the settings do not have its source.
    settlement: Option<OrderSettlement>,
}

/// Everything that was said about it.
#[derive(Serialize)]
struct Said<'o> {
    /// The row, where it has only one.
    #[serde(flatten)]
    order: Option<&'o OrderRow>,
    acknowledgements: Vec<AcknowledgementRow>,
    timeline: Vec<EventRow>,
    settlement: Option<&'o OrderSettlement>,
    expectations: Vec<ExpectationRow>,
    /// What each endpoint knows of each of its rows.
    told: Vec<Told>,
}

/// The order that has these rows, or of which something is expected.
pub(super) async fn find(
    store: &Store,
    ledgers: &Ledgers,
    id: &str,
    rows: Vec<OrderRow>,
) -> Result<OneOrder, Failure> {
    let order = stored_id(id)?;
    let with_rows: BTreeSet<&Id> = rows.iter().filter_map(|row| ledgers.of(&row.source)).collect();
    let of_strangers = rows.iter().filter(|row| ledgers.of(&row.source).is_none()).count();
    let mut found = Vec::new();
    for ledger in ledgers.names().filter(|ledger| rows.is_empty() || with_rows.contains(ledger)) {
        let settlement = store.settlement(&order, ledger, ledgers, now_micros()).await?;
        found.extend(settlement.filter(|own| own.expected.is_some() || !rows.is_empty()));
    }
    match (found.len() + of_strangers, found.pop()) {
        (1, settlement) => Ok(OneOrder { rows, settlement }),
        (0, _) => Err(Failure::new(Exit::Failed, "unknown_order", format!("there is no order {id:?}")).hint(
            "`paylatch orders` lists those that there are; a payment without a known order goes by its own id",
        )),
        _ => Err(several(id, &rows)),
    }
}

fn several(id: &str, rows: &[OrderRow]) -> Failure {
    let sources: Vec<_> = rows.iter().map(|row| printable(&row.source)).collect();
    let problem = format!("several sources have an order {id:?}, and are in no common ledger");
    Failure::new(Exit::Usage, "several_orders", problem)
        .hint(format_args!("choose one: --source {}", sources.join(" or --source ")))
}

impl OneOrder {
    /// Keeps that the anomalies of its only row are settled.
    pub(super) async fn acknowledge(&self, store: &Store, by: &By) -> Result<(), Failure> {
        let [row] = self.rows.as_slice() else {
            let id = self.settlement.as_ref().map_or("", |own| &own.order);
            return Err(several(id, &self.rows));
        };
        let order = key(row)?;
        if store.acknowledge(&order, by).await?.is_empty() {
            let problem = format!("order {order} has no anomaly to acknowledge");
            return Err(Failure::new(Exit::Failed, "no_anomaly", problem));
        }
        Ok(())
    }

    /// Prints everything that was said about it.
    pub(super) async fn tell(&self, output: Output, store: &Store, json: bool) -> Result<(), Failure> {
        let (mut acknowledgements, mut timeline, mut expectations) = (Vec::new(), Vec::new(), Vec::new());
        let mut told = Vec::new();
        for row in &self.rows {
            told.extend(store.told(&key(row)?, row.version).await?);
            acknowledgements.extend(store.acknowledgements(Some(&key(row)?)).await?);
            timeline.extend(store.timeline(&key(row)?).await?);
        }
        timeline.sort_by(|a, b| (&a.received_at, &a.event_id).cmp(&(&b.received_at, &b.event_id)));
        if let Some(own) = &self.settlement {
            expectations = store.expectations(&stored_id(&own.order)?, &stored_id(&own.ledger)?).await?;
        }
        let order = Some(&self.rows).filter(|rows| rows.len() == 1).and_then(|rows| rows.first());
        let settlement = self.settlement.as_ref();
        let said = Said { order, acknowledgements, timeline, settlement, expectations, told };
        match json {
            true => output.json(&said),
            false => self.tell_people(output, &said),
        }
        Ok(())
    }

    fn tell_people(&self, output: Output, said: &Said<'_>) {
        if !self.rows.is_empty() {
            output.line(orders_table(&self.rows, &said.acknowledgements));
        }
        for row in &self.rows {
            output
                .line(format_args!("\nfirst event {}, last event {}", row.first_event_at, row.last_event_at));
        }
        for settled in &said.acknowledgements {
            let note = settled.note.as_deref();
            output.line(acknowledgement(&settled.anomaly, &settled.acknowledged_at, note));
        }
        if let Some(settlement) = said.settlement.filter(|own| own.expected.is_some()) {
            output.line(format_args!("\n{}", settlement_table(settlement)));
            if let Some(returned_at) = &settlement.returned_at {
                output.line(format_args!("the customer came back {returned_at}"));
            }
        }
        for told in &said.told {
            output.line(told_to(told));
        }
        if !said.timeline.is_empty() {
            output.line(format_args!("\n{}", events_table(&said.timeline)));
        }
    }
}

fn key(order: &OrderRow) -> Result<Key, Failure> {
    Ok(Key { id: stored_id(&order.order_id)?, source: stored_id(&order.source)? })
}

/// What an endpoint knows of the order, in a line.
fn told_to(told: &Told) -> String {
    let (endpoint, version) = (printable(&told.endpoint), told.version);
    let error = told.error.as_deref().map(printable).unwrap_or_default();
    match told.state {
        "told" => format!("told to {endpoint}, version {version}"),
        "unknown" => format!("not known to be told to {endpoint}, which is far behind"),
        "older" => format!("changed before what the log has: told to {endpoint} if it was an endpoint then"),
        "waiting" => {
            let due_at = told.due_at.as_deref().unwrap_or_default();
            format!("waits for {endpoint} after {} attempts, next {due_at}: {error}", told.attempts)
        }
        "given_up" => format!("given up for {endpoint} after {} attempts: {error}", told.attempts),
        _ => format!("not yet told to {endpoint}"),
    }
}
