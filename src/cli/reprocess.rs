//! `paylatch reprocess`: reads stored events again with today's definitions and settings.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use super::context::Context;
use super::failure::Failure;
use super::output::{Output, printable, table};
use crate::config::{Needs, Settings};
use crate::intake::{Replaced, replace};
use crate::order::Outcome;
use crate::store::{EventFilter, STORED_EVENTS_MAX, Session, StoredEvent};

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
    /// Say what would become of them, and write nothing.
    #[arg(long)]
    dry_run: bool,
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
}

/// How many events were read again, and what became of them.
#[derive(Default, Serialize)]
struct Summary {
    dry_run: bool,
    read: u64,
    /// They say what they said.
    same: u64,
    /// By what they are now.
    replaced: BTreeMap<&'static str, u64>,
    /// Their body was purged.
    purged: u64,
    /// Their source is not configured any more.
    without_source: u64,
    /// What each of these says, or why it stays.
    events: Vec<Reread>,
}

#[derive(Serialize)]
struct Reread {
    event: String,
    was: &'static str,
    now: &'static str,
    reason: Option<String>,
}

/// Reads every chosen event again; tells whether none of those that say something else had to stay as it is.
pub(super) async fn run(context: &Context, reprocess: &Reprocess) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: true })?;
    if let Some(source) = &reprocess.source {
        context.source(&settings, source)?;
    }
    let store = context.reached_store(&settings).await?;
    store.claim()?;
    let mut session = store.session();
    let mut summary = Summary { dry_run: reprocess.dry_run, ..Summary::default() };
    for outcome in reprocess.which.outcomes() {
        let mut filter = EventFilter {
            source: reprocess.source.clone(),
            type_name: reprocess.type_name.clone(),
            outcome: Some(outcome.as_str().to_owned()),
            ..EventFilter::default()
        };
        loop {
            let page = store.stored_events(&filter).await?;
            for stored in &page {
                read_again(&settings, &mut session, stored, &mut summary).await?;
            }
            filter.after = page.last().map(|last| last.key.to_string());
            if page.len() < STORED_EVENTS_MAX as usize {
                break;
            }
        }
    }
    if reprocess.json {
        context.output.json(&summary);
    } else {
        summary.tell(context.output);
    }
    Ok(summary.events.iter().all(|line| line.now != STAYS))
}

/// The word for an event that says something else now and cannot be replaced.
const STAYS: &str = "stays";

async fn read_again(
    settings: &Settings,
    session: &mut Session,
    stored: &StoredEvent,
    summary: &mut Summary,
) -> Result<(), Failure> {
    summary.read += 1;
    let Some(body) = &stored.payload else {
        summary.purged += 1;
        return Ok(());
    };
    let Some(source) = settings.sources.iter().find(|source| *source.name() == stored.key.source) else {
        summary.without_source += 1;
        return Ok(());
    };
    let event = source.reread(&stored.headers, body, stored.received_at);
    summary.add(stored, replace(session, stored, vec![event], summary.dry_run).await?);
    Ok(())
}

impl Which {
    fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        let chosen =
            [(self.parked, Outcome::Parked), (self.dead, Outcome::Dead), (self.noted, Outcome::Noted)];
        chosen.into_iter().filter_map(|(is_chosen, outcome)| is_chosen.then_some(outcome))
    }
}

impl Summary {
    fn add(&mut self, stored: &StoredEvent, replaced: Replaced) {
        let event = stored.key.to_string();
        let was = stored.outcome.as_str();
        let stays = |reason: String| Reread { event: event.clone(), was, now: STAYS, reason: Some(reason) };
        match replaced {
            Replaced::Same => self.same += 1,
            Replaced::Gone => self.events.push(stays("it was replaced in the meantime".to_owned())),
            Replaced::Taken(key) => {
                self.events
                    .push(stays(format!("it is {key} now, and another event is stored under that id")));
            }
            Replaced::Refused(why) => {
                self.events.push(stays(format!("the database refuses what it says now: {why}")));
            }
            Replaced::Done(receipts) => {
                for receipt in receipts {
                    let now = receipt.outcome.as_str();
                    *self.replaced.entry(now).or_default() += 1;
                    let event = stored.key.sibling(&receipt.event).to_string();
                    self.events.push(Reread { event, was, now, reason: receipt.reason });
                }
            }
        }
    }

    fn tell(&self, output: Output) {
        if !self.events.is_empty() {
            let rows = self.events.iter().map(|line| {
                let reason = line.reason.as_deref().map(printable).unwrap_or_default();
                vec![printable(&line.event), line.was.to_owned(), line.now.to_owned(), reason]
            });
            output.line(table(&["event", "was", "now", "reason"], rows));
        }
        let verb = if self.dry_run { "would be replaced" } else { "replaced" };
        let replaced: u64 = self.replaced.values().sum();
        output.line(format_args!(
            "{} events read again: {replaced} {verb}, {} say the same",
            self.read, self.same
        ));
        for (count, why) in [
            (self.purged, "cannot be read: their body was purged"),
            (self.without_source, "were skipped: their source is not configured"),
        ] {
            if count > 0 {
                output.line(format_args!("{count} {why}"));
            }
        }
    }
}
