//! `paylatch reprocess`: reads stored events again with today's definitions and settings.

mod conflicts;
mod summary;

use std::collections::BTreeMap;

use clap::Args;
use jiff::Timestamp;

use super::actions::ActsBy;
use super::context::Context;
use super::failure::Failure;
use super::progress;
use super::readings::readings;
use crate::config::{Needs, Settings};
use crate::intake::{Replaced, replace};
use crate::order::{Key, Outcome};
use crate::provider::Source;
use crate::store::{By, EventFilter, Session, Store, StoredEvent};

use self::summary::Summary;

#[derive(Args)]
pub(super) struct Reprocess {
    #[command(flatten)]
    which: Which,
    /// Events of this type, in the provider's words.
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// Events of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Events of the payments that belong to this order now.
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Events that arrived at this time or later, such as 2026-11-28T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Pass over events that today's definitions and settings have read already: goes on where a run was ended.
    #[arg(long)]
    resume: bool,
    /// Do not ask before orders change.
    #[arg(long)]
    yes: bool,
    /// Say what would become of them, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    acts_by: ActsBy,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Which {
    /// Events whose payment, amount or currency was missing.
    #[arg(long)]
    parked: bool,
    /// Events that could not be read.
    #[arg(long)]
    dead: bool,
    /// Events that moved no money.
    #[arg(long)]
    noted: bool,
    /// Events that moved money or a link, and those that said the same once more.
    #[arg(long)]
    applied: bool,
    /// Events of every outcome.
    #[arg(long)]
    all: bool,
    /// These events.
    #[arg(value_name = "EVENT_ID")]
    ids: Vec<String>,
}

/// Reads every chosen event again; tells whether none of those that say something else had to stay as it is.
pub(super) async fn run(context: &Context, reprocess: &Reprocess) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: true })?;
    if let Some(source) = &reprocess.source {
        context.source(&settings, source)?;
    }
    let store = context.reached_store(&settings).await?;
    for id in &reprocess.which.ids {
        known(&store, id, reprocess.source.as_deref()).await?;
    }
    store.claim()?;
    let mut session = store.session();
    let mut summary = Summary::new(reprocess.dry_run);
    let by = reprocess.acts_by.read(context)?;
    let by = (!reprocess.dry_run).then_some(&by);
    if by.is_some() && !reprocess.yes {
        let mut rehearsal = Summary::new(true);
        read_all(&settings, &store, &mut session, (reprocess, None), &mut rehearsal).await?;
        if !rehearsal.is_agreed_to(context.output)? {
            return Ok(false);
        }
    }
    read_all(&settings, &store, &mut session, (reprocess, by), &mut summary).await?;
    summary.conflicts_settled = conflicts::settle(&settings, &store, (reprocess, by)).await?;
    if reprocess.json {
        context.output.json(&summary);
    } else {
        summary.tell(context.output);
    }
    Ok(summary.is_well())
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "expected a time such as 2026-11-28T12:00:00Z")
}

/// Fails unless there is an event of this id.
async fn known(store: &Store, id: &str, source: Option<&str>) -> Result<(), Failure> {
    let source = source.map(str::to_owned);
    let filter = EventFilter { id: Some(id.to_owned()), source, limit: 1, ..EventFilter::default() };
    let is_there = !store.events(&filter).await?.rows.is_empty();
    is_there.then_some(()).ok_or_else(|| Failure::no_event(id, None))
}

/// Reads every chosen event again, page by page; without anybody who acts, nothing is written.
async fn read_all(
    settings: &Settings,
    store: &Store,
    session: &mut Session,
    (reprocess, by): (&Reprocess, Option<&By>),
    summary: &mut Summary,
) -> Result<(), Failure> {
    let progress = progress::counting("events read again");
    for (outcome, id) in reprocess.which.chosen() {
        let mut filter = EventFilter {
            id,
            source: reprocess.source.clone(),
            type_name: reprocess.type_name.clone(),
            outcome: outcome.map(|outcome| outcome.as_str().to_owned()),
            order: reprocess.order.clone(),
            unread: if reprocess.resume { readings(settings) } else { Vec::new() },
            ..EventFilter::default()
        };
        loop {
            let page = store.stored_events(&filter).await?;
            let is_chosen = |stored: &&StoredEvent| {
                reprocess.since.is_none_or(|since| stored.received_at.0 >= since.as_microsecond())
            };
            for stored in page.rows.iter().filter(is_chosen) {
                read_again(settings, (store, session), (stored, by), summary).await?;
                progress.inc(1);
            }
            summary.note_read(session, by).await?;
            filter.after = page.after;
            if filter.after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

async fn read_again(
    settings: &Settings,
    (store, session): (&Store, &mut Session),
    (stored, by): (&StoredEvent, Option<&By>),
    summary: &mut Summary,
) -> Result<(), Failure> {
    summary.read += 1;
    let Some(body) = &stored.payload else {
        summary.purged += 1;
        return Ok(());
    };
    let Some(source) = source_of(settings, &stored.key) else {
        summary.without_source += 1;
        return Ok(());
    };
    let event = source.reread(&stored.headers, body, stored.received_at);
    let would = replace(session, stored, vec![event.clone()], None).await?;
    let were = statuses(store, &would).await?;
    let done = match (by, &would) {
        (Some(by), Replaced::Done { .. }) => replace(session, stored, vec![event], Some(by)).await?,
        _ => would,
    };
    summary.add((stored, source.read_by()), done, &were);
    Ok(())
}

fn source_of<'s>(settings: &'s Settings, key: &Key) -> Option<&'s Source> {
    settings.sources.iter().find(|source| *source.name() == key.source)
}

/// The statuses that the orders have which are to change.
async fn statuses(store: &Store, would: &Replaced) -> Result<BTreeMap<Key, String>, Failure> {
    let mut statuses = BTreeMap::new();
    let Replaced::Done { orders, .. } = would else { return Ok(statuses) };
    for (order, _) in orders {
        let row = store.order(order).await?;
        statuses.extend(row.map(|row| (order.clone(), row.status)));
    }
    Ok(statuses)
}

impl Which {
    /// Outcomes, of which all events are chosen, or single events.
    fn chosen(&self) -> Vec<(Option<Outcome>, Option<String>)> {
        let by_id = self.ids.iter().map(|id| (None, Some(id.clone())));
        let outcomes = [
            (self.parked, Outcome::Parked),
            (self.dead, Outcome::Dead),
            (self.noted, Outcome::Noted),
            (self.applied, Outcome::Applied),
            (self.applied, Outcome::Restated),
        ];
        let by_outcome = outcomes.into_iter().filter(|(is_chosen, _)| *is_chosen);
        if self.all {
            return vec![(None, None)];
        }
        by_outcome.map(|(_, outcome)| (Some(outcome), None)).chain(by_id).collect()
    }
}
