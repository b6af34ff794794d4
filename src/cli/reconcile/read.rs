//! Reads a report row by row, on a thread of its own; the store keeps the rows a batch at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::super::context::now_micros;
use super::super::failure::{Exit, Failure};
use super::super::progress;
use super::report_file;
use crate::order::{Id, ReportRow, TimeSpan};
use crate::provider::{BadReport, Line, Report, Source, Taken};
use crate::store::{ROWS_AT_ONCE, ReportFile, ReportRead, Store};

/// Batches that may wait for the store.
const BATCHES_MAX: usize = 2;
/// How many unreadable rows are told one by one.
const UNREADABLE_SHOWN_MAX: usize = 10;
/// How many types and accounts are counted each by itself; the others together.
const NAMES_MAX: usize = 100;
const OTHERS: &str = "others";
/// How many rows are held at once when none is kept.
const DRY_RUN_ROWS_MAX: u64 = 200_000;

/// What a file came to.
#[derive(Debug, Clone, Default)]
pub(super) struct FileRead {
    /// Rows that tell of customers' money, or of nothing that is known.
    pub(super) rows: u64,
    /// Of these, not known before, and known with other numbers.
    pub(super) new: u64,
    pub(super) changed: u64,
    /// Rows that move no customer's money, by type.
    pub(super) ignored: BTreeMap<String, u64>,
    /// Rows of accounts that are none of the source's, by account.
    pub(super) foreign: BTreeMap<String, u64>,
    pub(super) unreadable: u64,
    /// The first of them, and why.
    pub(super) problems: Vec<String>,
    /// The same bytes were read before, by the same definition.
    pub(super) was_read: bool,
    pub(super) is_complete: bool,
    pub(super) span: Option<TimeSpan>,
}

/// Where rows go.
pub(super) enum Kept<'k> {
    InStore(&'k Store),
    InMemory(&'k mut Held),
}

/// Rows of a dry run, each once.
#[derive(Default)]
pub(super) struct Held {
    pub(super) by_payment: BTreeMap<Id, Vec<ReportRow>>,
    /// Those that no rule knows.
    pub(super) unknown: BTreeMap<Id, ReportRow>,
}

/// Reads a file, and keeps its rows.
pub(super) async fn read_file(
    report: &Report,
    source: &Source,
    path: &Path,
    kept: &mut Kept<'_>,
) -> Result<(ReportFile, FileRead), Failure> {
    let file = report_file(report, source.name(), digest(path).await?);
    if let Kept::InStore(store) = kept {
        if let Some(ReportRead { is_complete: true, span }) = store.report(&file).await? {
            return Ok((file, FileRead { was_read: true, is_complete: true, span, ..FileRead::default() }));
        }
        store.begin_report(&file, now_micros()).await?;
    }
    let (sender, mut batches) = mpsc::channel(BATCHES_MAX);
    let reading = spawn_blocking({
        let (report, path, accounts) = (report.clone(), path.to_owned(), source.settings().accounts.clone());
        move || read_rows(&report, &accounts, &path, &sender)
    });
    let (mut new, mut changed) = (0, 0);
    while let Some(batch) = batches.recv().await {
        match kept {
            Kept::InStore(store) => {
                let added = store.add_report_rows(&file, &batch, now_micros()).await?;
                (new, changed) = (new + added.new, changed + added.changed);
            }
            Kept::InMemory(rows) => hold(rows, batch, &mut new)?,
        }
    }
    let read = reading.await.map_err(|error| unreadable(path, error.to_string()))?;
    let read = FileRead { new, changed, ..read.map_err(|bad| refused(path, &bad))? };
    if let Kept::InStore(store) = kept {
        store.end_report(&file, read.rows, read.span, read.is_complete).await?;
    }
    Ok((file, read))
}

fn hold(rows: &mut Held, batch: Vec<ReportRow>, new: &mut u64) -> Result<(), Failure> {
    for row in batch {
        let is_new = match row.fact.as_ref().map(|fact| fact.payment.clone()) {
            None => rows.unknown.insert(row.id.clone(), row).is_none(),
            Some(payment) => {
                let own = rows.by_payment.entry(payment).or_default();
                let is_new = own.iter().all(|known| known.id != row.id);
                if is_new {
                    own.push(row);
                }
                is_new
            }
        };
        *new += u64::from(is_new);
    }
    if *new <= DRY_RUN_ROWS_MAX {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        "too_many_rows",
        format!("a dry run holds at most {DRY_RUN_ROWS_MAX} rows"),
    )
    .hint("leave out --dry-run: a report changes no order"))
}

/// Runs where waiting is allowed.
fn read_rows(
    report: &Report,
    accounts: &[String],
    path: &Path,
    batches: &mpsc::Sender<Vec<ReportRow>>,
) -> Result<FileRead, BadReport> {
    let file =
        File::open(path).map_err(|error| BadReport { problem: error.to_string(), ways_out: Vec::new() })?;
    let bar = progress::through(&file);
    let mut read = FileRead::default();
    let mut batch = Vec::with_capacity(ROWS_AT_ONCE);
    let span = report.read(accounts, bar.wrap_read(file), |line, told| {
        match told {
            Line::Row(row) => batch.push(row),
            Line::Ignored(type_name) => count(&mut read.ignored, type_name),
            Line::Foreign(account) => count(&mut read.foreign, account),
            Line::Unreadable(problem) => {
                read.unreadable += 1;
                if read.problems.len() < UNREADABLE_SHOWN_MAX {
                    read.problems.push(format!("row {line}: {problem}"));
                }
            }
        }
        if batch.len() < ROWS_AT_ONCE {
            return Taken::More;
        }
        read.rows += batch.len() as u64;
        match batches.blocking_send(std::mem::take(&mut batch)) {
            Ok(()) => Taken::More,
            // The task that stores the rows has ended; its own error says why.
            Err(_) => Taken::Enough,
        }
    });
    bar.finish_and_clear();
    let span = span?;
    read.rows += batch.len() as u64;
    let _ = batches.blocking_send(batch);
    Ok(FileRead { span, is_complete: read.unreadable == 0, ..read })
}

fn count(names: &mut BTreeMap<String, u64>, name: String) {
    let is_counted = names.len() < NAMES_MAX || names.contains_key(&name);
    *names.entry(if is_counted { name } else { OTHERS.to_owned() }).or_default() += 1;
}

async fn digest(path: &Path) -> Result<[u8; 32], Failure> {
    let own = path.to_owned();
    let hashing = spawn_blocking(move || {
        let (mut file, mut digest) = (File::open(own)?, Sha256::new());
        let mut part = vec![0; 256 * 1024];
        loop {
            match file.read(&mut part)? {
                0 => return Ok::<[u8; 32], std::io::Error>(digest.finalize().into()),
                length => digest.update(part.get(..length).unwrap_or_default()),
            }
        }
    });
    let digest = hashing.await.map_err(|error| unreadable(path, error.to_string()))?;
    digest.map_err(|error| unreadable(path, error.to_string()))
}

fn unreadable(path: &Path, problem: String) -> Failure {
    Failure::new(Exit::Failed, "unreadable_file", format!("cannot read {}: {problem}", path.display()))
}

/// The file is not this report.
fn refused(path: &Path, bad: &BadReport) -> Failure {
    let failure = Failure::new(Exit::Failed, "unreadable_report", format!("{}: {bad}", path.display()));
    bad.ways_out.iter().fold(failure, |failure, way_out| failure.hint(way_out))
}
