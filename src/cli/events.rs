//! `paylatch events`: what was said, and what was decided.

use clap::Args;
use serde::Serialize;

use super::actions::acting;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::listing::{
    ROWS_SHOWN, acknowledgement, cursor, events_table, one_of, read_list, stored_id, types_table,
    unmapped_table,
};
use super::output::{Output, printable};
use crate::config::Needs;
use crate::order::{Key, Outcome};
use crate::store::{EventAcknowledgementRow, EventFilter, EventRow, Store};

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
    /// Events with this outcome; with `conflict` those that another body came for.
    #[arg(long, value_parser = one_of(Outcome::ALL.iter().map(|outcome| outcome.as_str())))]
    outcome: Option<String>,
    /// Instead of events, the types that no definition decides, with how many events of each are stored.
    #[arg(long, conflicts_with_all = ["event_id", "order", "payment", "type_name", "outcome", "after"])]
    unmapped: bool,
    /// Instead of events, the types that came, with when the latest of each arrived: one that stopped may be switched off at the
    /// provider. Up to a minute behind.
    #[arg(long, conflicts_with_all = ["event_id", "order", "payment", "type_name", "outcome", "unmapped", "after"])]
    types: bool,
    /// Events after this one.
    #[arg(long, value_name = "SOURCE/ID", value_parser = cursor)]
    after: Option<String>,
    /// At most so many; and where few are as they should be, no more than so many (2,000 in any case) are looked at for them.
    #[arg(long, value_name = "N", default_value_t = ROWS_SHOWN)]
    limit: u32,
    /// Record that a person has settled what is parked, dead or in conflict: it is not counted any more.
    #[arg(long, requires = "event_id")]
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

/// An event and what was settled about it.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    event: EventRow,
    acknowledgements: Vec<EventAcknowledgementRow>,
}

/// Prints the events.
pub(super) async fn run(context: &Context, events: &Events) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.reached_store(&settings).await?;
    context.filter_by_source(&settings, &store, events.source.as_deref()).await?;
    if events.unmapped {
        return tell_unmapped(context.output, &store, events).await;
    }
    if events.types {
        return tell_types(context.output, &store, events).await;
    }
    let rows = read(context.output, &store, events).await?;
    match (&events.event_id, events.json) {
        (Some(id), json) => {
            let told = tell_each(context, &store, (id, rows), events).await?;
            match json {
                true => context.output.json(&told),
                false => told.iter().for_each(|told| tell_one(context.output, told)),
            }
        }
        (None, true) => context.output.json(&rows),
        (None, false) => context.output.line(events_table(&rows)),
    }
    Ok(())
}

async fn tell_unmapped(output: Output, store: &Store, events: &Events) -> Result<(), Failure> {
    let types = store.unmapped_types(events.source.as_deref(), u32::MAX).await?;
    match events.json {
        true => output.json(&types),
        false => output.line(unmapped_table(&types)),
    }
    Ok(())
}

async fn tell_types(output: Output, store: &Store, events: &Events) -> Result<(), Failure> {
    let types = store.type_arrivals(events.source.as_deref()).await?;
    match events.json {
        true => output.json(&types),
        false => output.line(types_table(&types)),
    }
    Ok(())
}

/// The events of one id, of each source one, with what was settled; settles it first, if that was asked for.
async fn tell_each(
    context: &Context,
    store: &Store,
    (id, mut rows): (&str, Vec<EventRow>),
    events: &Events,
) -> Result<Vec<Told>, Failure> {
    if rows.is_empty() {
        return Err(Failure::no_event(id, None));
    }
    if events.acknowledge {
        if rows.len() > 1 {
            let sources: Vec<_> = rows.iter().map(|row| printable(&row.source)).collect();
            let several = format!("several sources have an event {id:?}");
            return Err(Failure::new(Exit::Usage, "several_events", several)
                .hint(format_args!("choose one: --source {}", sources.join(" or --source "))));
        }
        let by = acting(context, events.by.as_deref(), events.note.as_deref())?;
        for row in &rows {
            let settled = store.acknowledge_event(&key(row)?, None, &by).await?;
            if settled == 0 {
                let nothing = format!("event {id:?} is neither parked nor dead nor in conflict");
                return Err(Failure::new(Exit::Failed, "nothing_to_acknowledge", nothing));
            }
        }
        rows = read(context.output, store, events).await?;
    }
    let mut told = Vec::with_capacity(rows.len());
    for event in rows {
        let acknowledgements = store.event_acknowledgements(&key(&event)?).await?;
        told.push(Told { event, acknowledgements });
    }
    Ok(told)
}

fn key(event: &EventRow) -> Result<Key, Failure> {
    Ok(Key { id: stored_id(&event.event_id)?, source: stored_id(&event.source)? })
}

fn tell_one(output: Output, Told { event, acknowledgements }: &Told) {
    output.line(events_table(std::slice::from_ref(event)));
    for settled in acknowledgements {
        output.line(acknowledgement(&settled.outcome, &settled.acknowledged_at, settled.note.as_deref()));
    }
}

async fn read(output: Output, store: &Store, events: &Events) -> Result<Vec<EventRow>, Failure> {
    let filter = EventFilter {
        id: events.event_id.clone(),
        source: events.source.clone(),
        type_name: events.type_name.clone(),
        outcome: events.outcome.clone(),
        order: events.order.clone(),
        payment: events.payment.clone(),
        ..EventFilter::default()
    };
    let part = async |after, limit| store.events(&EventFilter { after, limit, ..filter.clone() }).await;
    Ok(read_list(events.limit, events.after.clone(), part).await?.told(output))
}
