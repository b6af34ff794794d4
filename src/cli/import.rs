//! `paylatch import`: events exported from the provider's API, for what was lost while nobody listened.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

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

/// How many events are handed over at once: one batch.
const EVENTS_AT_ONCE: usize = 256;
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
    /// A JSON array of events, a list as an API answers it ({"data": [..]}), or one event per line.
    file: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Brings the file's events in; tells whether every document in it was one.
pub(super) async fn run(context: &Context, import: &Import) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: true })?;
    let source = context.source(&settings, &import.source)?;
    let text = std::fs::read(&import.file).map_err(|error| {
        Failure::new(
            Exit::Failed,
            "unreadable_file",
            format!("cannot read {}: {error}", import.file.display()),
        )
    })?;
    let (events, unreadable) = read(source, &Bytes::from(text)).map_err(|problem| {
        Failure::new(Exit::Failed, "unreadable_file", format!("{} {problem}", import.file.display()))
            .hint("expected a JSON array of events, {\"data\": [..]}, or one event per line")
    })?;
    let receipts = take_in(context, &settings, events).await?;
    tell(context.output, import, &receipts, &unreadable);
    Ok(unreadable.is_empty())
}

/// The events, and why a document is none.
fn read(source: &Source, text: &Bytes) -> Result<(Vec<Event>, Vec<String>), String> {
    let (mut events, mut unreadable) = (Vec::new(), Vec::new());
    for (position, document) in (1..).zip(documents(text)?) {
        for event in source.read_unsigned(&document, received_now()) {
            match event.statement() {
                Statement::Dead(reason) => unreadable.push(format!("document {position}: {reason}")),
                Statement::Fact(_) | Statement::Noted(_) | Statement::Parked(_) => {
                    events.push(event.imported())
                }
            }
        }
    }
    Ok((events, unreadable))
}

/// The exact bytes of each event's document.
fn documents(text: &Bytes) -> Result<Vec<Bytes>, String> {
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let mut documents = Vec::new();
    let mut add = |json: &str| documents.push(text.slice_ref(json.as_bytes()));
    for value in serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>() {
        let json = value.map_err(|error| format!("is not readable JSON: {error}"))?.get();
        if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(json) {
            list.iter().for_each(|item| add(item.get()));
        } else if let Ok(page) = serde_json::from_str::<Page<'_>>(json) {
            page.data.iter().for_each(|item| add(item.get()));
        } else {
            add(json);
        }
    }
    Ok(documents)
}

/// The way of every webhook from here on: locks, load, fold, save.
async fn take_in(
    context: &Context,
    settings: &Settings,
    events: Vec<Event>,
) -> Result<Vec<Receipt>, Failure> {
    let wrong = |problem| Failure::new(Exit::Config, "settings", problem);
    let locks = Locks::new(&settings.lock).map_err(wrong)?;
    let store = context.reached_store(settings).await?;
    store.claim()?;
    store.check().await?;
    let sources = Sources::new(by_name(&settings.sources));
    let (intake, lanes) = Intake::start(&settings.intake, &locks, &store, sources.reader());
    let mut receipts = Vec::with_capacity(events.len());
    let mut stopped = None;
    let progress = progress::towards(events.len());
    for part in events.chunks(EVENTS_AT_ONCE) {
        match persist(&intake, part).await {
            Ok(answered) => {
                progress.inc(answered.len() as u64);
                receipts.extend(answered);
            }
            Err(refusal) => {
                stopped = Some(refusal);
                break;
            }
        }
    }
    progress.finish_and_clear();
    drop(intake);
    let _ = lanes.await;
    locks.drain().await;
    match stopped {
        None => Ok(receipts),
        Some(refusal) => Err(Failure::new(Exit::Unavailable, "not_stored", refusal.to_string())
            .fact(format_args!("{} of {} events were taken in", receipts.len(), events.len()))
            .hint("import the file again: what is stored already is a duplicate then")),
    }
}

async fn persist(intake: &Intake, events: &[Event]) -> Result<Vec<Receipt>, Refusal> {
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

fn tell(output: Output, import: &Import, receipts: &[Receipt], unreadable: &[String]) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for receipt in receipts {
        *counts.entry(receipt.outcome.as_str()).or_default() += 1;
    }
    if import.json {
        output.json(&json!({ "outcomes": counts, "unreadable": unreadable }));
        return;
    }
    let rows = counts.iter().map(|(word, count)| vec![(*word).to_owned(), count.to_string()]);
    output.line(table(&["outcome", "count"], rows));
    output.line(format_args!("{} events, {} unreadable documents", receipts.len(), unreadable.len()));
    for problem in unreadable.iter().take(UNREADABLE_SHOWN_MAX) {
        output.note(printable(problem));
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, documents};

    fn read(text: &'static str) -> Vec<String> {
        let documents = documents(&Bytes::from_static(text.as_bytes())).unwrap();
        documents.iter().map(|document| String::from_utf8_lossy(document).into_owned()).collect()
    }

    #[test]
    fn arrays_pages_and_lines_of_events_are_read_byte_by_byte() {
        let both = ["{\"id\": 1.0}", "{\"id\":2,\"data\":{}}"];
        assert_eq!(read("[{\"id\": 1.0}, {\"id\":2,\"data\":{}}]"), both);
        assert_eq!(read("{\"object\":\"list\",\"data\":[{\"id\": 1.0},{\"id\":2,\"data\":{}}]}"), both);
        assert_eq!(read("{\"id\": 1.0}\n{\"id\":2,\"data\":{}}\n"), both);
        assert_eq!(read("{\"data\":[{\"id\": 1.0}]}\n{\"data\":[{\"id\":2,\"data\":{}}]}"), both);
        assert_eq!(read("\n"), Vec::<String>::new());
        assert!(documents(&Bytes::from_static(b"[{]")).unwrap_err().contains("not readable JSON"));
    }
}
