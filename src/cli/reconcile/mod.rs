//! `paylatch reconcile`: the provider's own record against the events that are stored.

mod print;
mod read;

use std::path::PathBuf;

use clap::Args;

use self::read::{FileRead, Held, Kept, read_file};
use super::actions::ActsBy;
use super::context::{Context, now_micros};
use super::failure::{Exit, Failure};
use super::listing::{one_of, read_list, stored_id};
use super::progress;
use crate::config::Needs;
use crate::order::{Disagreement, Id, Key, ReportFinding, TimeSpan, UnixMicros};
use crate::provider::{Report, Source};
use crate::store::{FindingFilter, FindingRow, ReportFile, Store, Window, unknown_types};

/// How long after a movement a report may still lack it, unless told otherwise.
const SETTLE_DAYS: u32 = 3;
const DAY: i64 = 86_400_000_000;
/// The most findings that one call prints as JSON.
const FINDINGS_MAX: u32 = 100_000;

#[derive(Args)]
pub(super) struct Reconcile {
    /// The source whose record it is.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Which report the files are; without one those are listed that its provider makes.
    #[arg(long, value_name = "NAME", requires = "source")]
    report: Option<String>,
    /// The files, as the provider made them.
    #[arg(value_name = "FILE", requires = "report")]
    files: Vec<PathBuf>,
    /// How many days a movement may be old before a report must have it.
    #[arg(long, value_name = "N", default_value_t = SETTLE_DAYS)]
    settle_days: u32,
    /// Say what would be found, and keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// List what was found before and is still open.
    #[arg(long, conflicts_with_all = ["report", "files"])]
    findings: bool,
    /// With --findings: only these.
    #[arg(long, value_name = "WORD", requires = "findings", value_parser = one_of(Disagreement::ALL.iter().map(|word| word.as_str())))]
    finding: Option<String>,
    /// With --findings: also those that are gone or acknowledged.
    #[arg(long, requires = "findings")]
    all: bool,
    /// Record that the findings of this movement are settled as they are; with other sums they count again.
    #[arg(long, value_name = "REFERENCE", requires = "source", conflicts_with_all = ["report", "files", "findings"])]
    acknowledge: Option<String>,
    #[command(flatten)]
    acts_by: ActsBy,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What a run came to.
struct Outcome {
    files: Vec<(PathBuf, FileRead)>,
    payments: u64,
    found: Found,
}

/// Findings, as they are kept or as they would be.
enum Found {
    Kept(Vec<FindingRow>),
    Preview(Vec<ReportFinding>),
}

/// Compares, lists or settles; tells whether nothing is open.
pub(super) async fn run(context: &Context, asked: &Reconcile) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: true })?;
    let source = asked.source.as_deref().map(|name| context.source(&settings, name)).transpose()?;
    let store = context.reached_store(&settings).await?;
    store.check().await?;
    if let (Some(reference), Some(source)) = (&asked.acknowledge, source) {
        return acknowledge(context, asked, &store, source, reference).await;
    }
    if asked.findings {
        for own in
            settings.sources.iter().filter(|own| source.is_none_or(|source| source.name() == own.name()))
        {
            store.compare_findings(own.name(), now_micros()).await?;
        }
        let rows = findings(&store, asked, source).await?;
        print::findings(context.output, asked.json, &rows);
        return Ok(rows.iter().all(|row| row.acknowledged || row.gone_at.is_some()));
    }
    let source = source.ok_or_else(|| {
        Failure::new(Exit::Usage, "nothing_to_reconcile", "neither a source nor --findings is given")
            .hint("expected --source NAME --report NAME FILE.., or --findings")
    })?;
    let report = report(source, asked)?;
    let outcome = compare(&store, source, &report, asked).await?;
    print::outcome(context.output, asked, source, &outcome);
    let is_read = outcome.files.iter().all(|(_, file)| file.unreadable == 0);
    Ok(is_read && outcome.found.is_empty())
}

impl Found {
    fn is_empty(&self) -> bool {
        match self {
            Self::Kept(rows) => rows.is_empty(),
            Self::Preview(findings) => findings.is_empty(),
        }
    }
}

/// The report that was asked for.
fn report(source: &Source, asked: &Reconcile) -> Result<Report, Failure> {
    let known = source.reports();
    let own = known.iter().find(|report| Some(report.name()) == asked.report.as_deref());
    if let (Some(report), false) = (own, asked.files.is_empty()) {
        return Ok(report.clone());
    }
    let what = match (&asked.report, own) {
        (Some(_), Some(report)) => format!("no file is given for the report {}", report.name()),
        (Some(name), None) => format!("{} makes no report {name:?}", source.settings().provider),
        (None, _) => "no report is named".to_owned(),
    };
    let failure = Failure::new(Exit::Usage, "unknown_report", what);
    if known.is_empty() {
        return Err(failure.hint("its definition has no [[report]]; docs/reconcile.md says how to write one"));
    }
    Err(known.iter().fold(failure, |failure, report| {
        let (page, get) = report.origin();
        failure.hint(format_args!("--report {}: {get} ({page})", report.name()))
    }))
}

async fn compare(
    store: &Store,
    source: &Source,
    report: &Report,
    asked: &Reconcile,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome { files: Vec::new(), payments: 0, found: Found::Preview(Vec::new()) };
    let (mut windows, mut rows) = (Vec::new(), Held::default());
    for path in &asked.files {
        let mut kept = if asked.dry_run { Kept::InMemory(&mut rows) } else { Kept::InStore(store) };
        let (file, read) = read_file(report, source, path, &mut kept).await?;
        windows.push(Window { file, classes: report.classes(), due: due(report, &read, asked.settle_days) });
        outcome.files.push((path.clone(), read));
    }
    if asked.dry_run {
        outcome.payments = rows.by_payment.len() as u64;
        outcome.found = Found::Preview(preview(store, &windows, rows).await?);
        return Ok(outcome);
    }
    for window in &windows {
        let bar = progress::counting("payments compared");
        let compared =
            store.compare_report(window, now_micros(), |payments| bar.set_position(payments)).await;
        bar.finish_and_clear();
        outcome.payments += compared?.payments;
    }
    store.find_unknown_types(source.name(), now_micros()).await?;
    store.compare_findings(source.name(), now_micros()).await?;
    outcome.found = Found::Kept(findings(store, asked, Some(source)).await?);
    Ok(outcome)
}

async fn preview(store: &Store, windows: &[Window], rows: Held) -> Result<Vec<ReportFinding>, Failure> {
    let Some(first) = windows.first() else { return Ok(Vec::new()) };
    // Together, as they would be kept together.
    let spans = windows.iter().filter_map(|window| window.due);
    let due = spans.reduce(|a, b| TimeSpan { from: a.from.min(b.from), to: a.to.max(b.to) });
    let mut found = store.preview_report(&Window { due, ..first.clone() }, rows.by_payment).await?;
    found.extend(unknown_types(rows.unknown.values()));
    Ok(found)
}

/// The time of what a report must have: one that lists what was paid out has what happened some days before its end.
fn due(report: &Report, read: &FileRead, settle_days: u32) -> Option<TimeSpan> {
    let span = read.span.filter(|_| read.is_complete)?;
    let settles_in = i64::from(settle_days).saturating_mul(DAY);
    let end = if report.settles() { span.to.0.saturating_sub(settles_in) } else { span.to.0 };
    let to = UnixMicros(end.min(now_micros().0.saturating_sub(settles_in)));
    (span.from <= to).then_some(TimeSpan { from: span.from, to })
}

async fn acknowledge(
    context: &Context,
    asked: &Reconcile,
    store: &Store,
    source: &Source,
    reference: &str,
) -> Result<bool, Failure> {
    let movement = Key { id: stored_id(reference)?, source: source.name().clone() };
    let settled = store.acknowledge_findings(&movement, &asked.acts_by.read(context)?).await?;
    if settled == 0 {
        return Err(Failure::new(Exit::Failed, "unknown_finding", "no finding of that movement is open")
            .hint("`paylatch reconcile --findings` lists them, each with its reference"));
    }
    print::acknowledged(context.output, asked.json, settled);
    Ok(true)
}

/// All that are asked for, page by page.
async fn findings(
    store: &Store,
    asked: &Reconcile,
    source: Option<&Source>,
) -> Result<Vec<FindingRow>, Failure> {
    let filter = FindingFilter {
        source: source.map(|source| source.name().to_string()),
        finding: asked.finding.clone(),
        all: asked.all,
        ..FindingFilter::default()
    };
    let part = async |after, limit| store.findings(&FindingFilter { after, limit, ..filter.clone() }).await;
    Ok(read_list(FINDINGS_MAX, None, part).await?.rows)
}

/// A file as the store knows it.
fn report_file(report: &Report, source: &Id, sha256: [u8; 32]) -> ReportFile {
    ReportFile {
        sha256,
        source: source.clone(),
        definition: report.name().to_owned(),
        definition_sha256: report.sha256(),
    }
}
