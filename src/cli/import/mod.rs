//! `paylatch import`: events exported from the provider's API, for what was lost while nobody listened.

mod documents;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::actions::ActsBy;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::{Output, printable, table};
use super::progress;
use crate::config::{Needs, Settings};
use crate::http::{Sources, received_now};
use crate::intake::{Intake, Refusal};
use crate::lock::Locks;
use crate::order::{Event, Receipt, Statement};
use crate::provider::Source;
use crate::server::by_name;
use crate::store::{Action, ActionKind, By};

/// How many events are handed over at once: one batch.
const EVENTS_AT_ONCE: usize = 256;
/// Batches that may wait to be handed over.
const BATCHES_MAX: usize = 2;
/// How often these are handed over when the database or the locks do not let them in.
const ATTEMPTS_MAX: u32 = 5;
/// The wait before the next attempt.
const RETRY_AFTER: std::time::Duration = std::time::Duration::from_secs(1);
/// How many unreadable documents are told one by one.
const UNREADABLE_SHOWN_MAX: usize = 10;

#[derive(Args)]
pub(super) struct Import {
    /// The source whose events they are.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// A JSON array of events, lists as an API answers them ({"data": [..]}, {"events": [..]}), or one event per line.
    file: PathBuf,
    /// Pass over so many documents, which an import that stopped took in.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip: u64,
    #[command(flatten)]
    acts_by: ActsBy,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Events of some documents in a row, up to this one.
struct Batch {
    events: Vec<Event>,
    documents: u64,
}

/// What was taken in so far.
#[derive(Default)]
struct Taken {
    documents: u64,
    events: u64,
    outcomes: BTreeMap<&'static str, u64>,
}

/// The documents that are no events, and why the first of them are none.
#[derive(Default)]
struct Unreadable {
    count: u64,
    shown: Vec<String>,
}

/// Brings the file's events in; tells whether every document in it was one.
pub(super) async fn run(context: &Context, import: &Import) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: true })?;
    let source = context.source(&settings, &import.source)?;
    let file =
        File::open(&import.file).map_err(|error| unreadable(import, &format!("cannot be read: {error}")))?;
    let (sender, batches) = mpsc::channel(BATCHES_MAX);
    let reading = spawn_blocking({
        let (source, skip) = (source.clone(), import.skip);
        move || read(&source, file, skip, &sender)
    });
    let by = import.acts_by.read(context)?;
    let begun = Action {
        kind: ActionKind::ImportEvents,
        source: Some(source.name().clone()),
        target: import.file.display().to_string(),
        before: None,
        after: Some(json!({ "skip": import.skip })),
    };
    let taken = take_in(context, &settings, import, (&by, &begun), batches).await?;
    let read = reading.await.map_err(|error| unreadable(import, &error.to_string()))?;
    let found = read.map_err(|problem| {
        unreadable(import, &problem)
            .fact(format_args!("{} documents before it were taken in", taken.documents))
            .hint("expected a JSON array of events, {\"data\": [..]}, {\"events\": [..]}, or one event per line")
    })?;
    tell(context.output, import, &taken, &found);
    Ok(found.count == 0)
}

fn unreadable(import: &Import, problem: &str) -> Failure {
    Failure::new(Exit::Failed, "unreadable_file", format!("{} {problem}", import.file.display()))
}

/// Runs where waiting is allowed.
fn read(source: &Source, file: File, skip: u64, batches: &mpsc::Sender<Batch>) -> Result<Unreadable, String> {
    let bar = progress::through(&file);
    let mut found = Unreadable::default();
    let mut batch = Batch { events: Vec::new(), documents: 0 };
    let read = documents::read(bar.wrap_read(file), &mut |document| {
        batch.documents += 1;
        if batch.documents <= skip {
            return true;
        }
        for event in source.read_unsigned(&Bytes::copy_from_slice(document.as_bytes()), received_now()) {
            match event.statement() {
                Statement::Dead(reason) => found.add(format!("document {}: {reason}", batch.documents)),
                Statement::Fact(_) | Statement::Noted(_) | Statement::Parked(_) => {
                    batch.events.push(event.imported());
                }
            }
        }
        if batch.events.len() < EVENTS_AT_ONCE {
            return true;
        }
        let full = Batch { events: std::mem::take(&mut batch.events), ..batch };
        // Fails where the task that stores the batches has ended; its own error says why.
        batches.blocking_send(full).is_ok()
    });
    bar.finish_and_clear();
    let _ = batches.blocking_send(batch);
    read.map(|()| found)
}

impl Unreadable {
    fn add(&mut self, problem: String) {
        self.count += 1;
        if self.shown.len() < UNREADABLE_SHOWN_MAX {
            self.shown.push(problem);
        }
    }
}

/// The way of every webhook from here on: locks, load, fold, save.
async fn take_in(
    context: &Context,
    settings: &Settings,
    import: &Import,
    (by, begun): (&By, &Action),
    mut batches: mpsc::Receiver<Batch>,
) -> Result<Taken, Failure> {
    let wrong = |problem| Failure::new(Exit::Config, "settings", problem);
    let locks = Locks::new(&settings.lock).map_err(wrong)?;
    let store = context.reached_store(settings).await?;
    store.claim()?;
    store.check().await?;
    store.keep(by, begun).await?;
    let sources = Sources::new(by_name(&settings.sources));
    let (intake, lanes) = Intake::start(&settings.intake, &locks, &store, sources.reader());
    let mut taken = Taken { documents: import.skip, ..Taken::default() };
    let mut stopped = None;
    while let Some(batch) = batches.recv().await {
        match persist(&intake, &batch.events).await {
            Ok(receipts) => taken.add(batch.documents, &receipts),
            Err(refusal) => {
                stopped = Some(refusal);
                break;
            }
        }
    }
    drop((intake, batches));
    let _ = lanes.await;
    locks.drain().await;
    let Some(refusal) = stopped else { return Ok(taken) };
    Err(Failure::new(Exit::Unavailable, "not_stored", refusal.to_string())
        .fact(format_args!("{} documents were taken in", taken.documents))
        .hint(format_args!(
            "go on with --skip {}; what is stored already would be a duplicate",
            taken.documents
        )))
}

impl Taken {
    fn add(&mut self, documents: u64, receipts: &[Receipt]) {
        self.documents = self.documents.max(documents);
        for receipt in receipts {
            self.events += 1;
            *self.outcomes.entry(receipt.outcome.as_str()).or_default() += 1;
        }
    }
}

async fn persist(intake: &Intake, events: &[Event]) -> Result<Vec<Receipt>, Refusal> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let mut attempts = 1;
    loop {
        match intake.process(events.to_vec(), Instant::now()).await {
            Err(_) if attempts < ATTEMPTS_MAX => {
                attempts += 1;
                sleep(RETRY_AFTER).await;
            }
            other => return other,
        }
    }
}

fn tell(output: Output, import: &Import, taken: &Taken, unreadable: &Unreadable) {
    if import.json {
        return output.json(&json!({
            "outcomes": taken.outcomes, "documents": taken.documents, "unreadable": unreadable.shown,
        }));
    }
    let rows = taken.outcomes.iter().map(|(word, count)| vec![(*word).to_owned(), count.to_string()]);
    output.line(table(&["outcome", "count"], rows));
    output.line(format_args!("{} events, {} unreadable documents", taken.events, unreadable.count));
    for problem in &unreadable.shown {
        output.note(printable(problem));
    }
}
