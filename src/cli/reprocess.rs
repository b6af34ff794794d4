//! `paylatch reprocess`: reads stored events again with today's definitions and settings.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::actions::ActsBy;
use super::confirm;
use super::context::Context;
use super::failure::Failure;
use super::output::{Output, printable, table};
use super::progress;
use crate::config::{Needs, Settings};
use crate::intake::{Replaced, replace};
use crate::order::Outcome;
use crate::store::{By, EventFilter, STORED_EVENTS_MAX, Session, Store, StoredEvent};

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
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
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
    /// Orders that change.
    #[serde(skip)]
    orders: BTreeSet<String>,
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
    let by = reprocess.acts_by.read(context)?;
    let by = (!reprocess.dry_run).then_some(&by);
    if by.is_some() && !reprocess.yes && confirm::can_ask() {
        let mut rehearsal = Summary { dry_run: true, ..Summary::default() };
        read_all(&settings, &store, &mut session, (reprocess, None), &mut rehearsal).await?;
        if !rehearsal.is_agreed_to(context.output) {
            return Ok(false);
        }
    }
    read_all(&settings, &store, &mut session, (reprocess, by), &mut summary).await?;
    if reprocess.json {
        context.output.json(&summary);
    } else {
        summary.tell(context.output);
    }
    Ok(summary.is_well())
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
            ..EventFilter::default()
        };
        loop {
            let page = store.stored_events(&filter).await?;
            let is_chosen = |stored: &&StoredEvent| {
                reprocess.since.is_none_or(|since| stored.received_at.0 >= since.as_microsecond())
            };
            for stored in page.iter().filter(is_chosen) {
                read_again(settings, session, (stored, by), summary).await?;
                progress.inc(1);
            }
            filter.after = page.last().map(|last| last.key.to_string());
            if page.len() < STORED_EVENTS_MAX as usize {
                break;
            }
        }
    }
    Ok(())
}

/// The word for an event that says something else now and cannot be replaced.
const STAYS: &str = "stays";

async fn read_again(
    settings: &Settings,
    session: &mut Session,
    (stored, by): (&StoredEvent, Option<&By>),
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
    summary.add(stored, replace(session, stored, vec![event], by).await?);
    Ok(())
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

impl Summary {
    /// Whether something was read if anything was asked for, and nothing that says something else had to stay.
    fn is_well(&self) -> bool {
        let unread = self.purged + self.without_source;
        self.events.iter().all(|line| line.now != STAYS) && (unread == 0 || unread < self.read)
    }

    /// An order that comes to be paid may set something off: a person at a terminal says yes to it first.
    fn is_agreed_to(&self, output: Output) -> bool {
        let orders = self.orders.len();
        if orders == 0 {
            return true;
        }
        confirm::is_agreed_to(output, format_args!("{orders} orders would change, and may come to be paid"))
    }

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
                    if receipt.outcome == Outcome::Applied {
                        let order = receipt.order.as_ref().map(|order| stored.key.sibling(order).to_string());
                        self.orders.extend(order);
                    }
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
