//! `paylatch replay`: signs and sends fixtures, and sums up what became of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::output::{Output, printable};
use super::send::{Sender, Sent, require_http, webhook_url};
use super::tables::table;
use crate::config::Needs;

/// The most webhooks that one run sends.
const WEBHOOKS_MAX: usize = 1_000_000;
/// How many failures are told one by one.
const FAILURES_SHOWN_MAX: usize = 10;

#[derive(Args)]
pub(super) struct Replay {
    /// The source whose secret signs.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// A file with a body, or a directory of them, sent in the order of their names.
    #[arg(value_name = "DIR|FILE")]
    path: PathBuf,
    /// Where to send them: the whole URL, or the server's alone [default: the configured listener].
    #[arg(long)]
    url: Option<String>,
    /// How often each is sent.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Send in a random order, the same for the same seed.
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// How many are in flight at once.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
}

/// Sends everything and prints the summary; tells whether all of it was accepted.
pub(super) async fn run(context: &Context, replay: &Replay) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let source = context.source(&settings, &replay.source)?;
    let url = webhook_url(replay.url.as_deref(), &settings, source)?;
    require_http(&url)?;
    let fixtures = deliveries(replay)?;
    let bar = progress_bar(fixtures.len());
    let started = Instant::now();
    let progress = bar.clone();
    let sender = Sender::new(source.clone(), url);
    let sent = sender.send_all(fixtures, replay.concurrency.into(), move || progress.inc(1)).await;
    bar.finish_and_clear();
    tell_summary(context.output, &sent, started.elapsed());
    tell_failures(context.output, &sent);
    Ok(sent.iter().all(Sent::is_accepted))
}

/// The webhooks in the order of their sending.
fn deliveries(replay: &Replay) -> Result<Vec<Fixture>, Failure> {
    let fixtures = Fixture::read_all(&replay.path)?;
    let count = fixtures.len().saturating_mul(replay.times as usize);
    if count > WEBHOOKS_MAX {
        let message = format!("{count} webhooks are more than one run sends, {WEBHOOKS_MAX}");
        return Err(Failure::new(Exit::Usage, "too_many", message).hint("lower --times"));
    }
    let mut deliveries: Vec<_> = fixtures.iter().cycle().take(count).cloned().collect();
    if let Some(seed) = replay.shuffle {
        deliveries.shuffle(&mut StdRng::seed_from_u64(seed));
    }
    Ok(deliveries)
}

/// Draws itself on a terminal, and nowhere else.
fn progress_bar(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {per_sec}  {eta} left");
    ProgressBar::new(count as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// How many events ended how, and how many webhooks were refused.
fn tell_summary(output: Output, sent: &[Sent], took: Duration) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |word: String| *counts.entry(word).or_default() += 1;
    for sent in sent {
        match &sent.answer {
            Ok(answer) if sent.is_accepted() && answer.receipts.is_empty() => count("accepted".to_owned()),
            Ok(answer) if sent.is_accepted() => {
                answer.receipts.iter().for_each(|receipt| count(printable(&receipt.outcome)));
            }
            Ok(answer) => count(answer.status.to_string()),
            Err(_) => count("no answer".to_owned()),
        }
    }
    let rows = counts.into_iter().map(|(word, count)| vec![word, count.to_string()]);
    output.line(table(&["outcome", "count"], rows));
    let seconds = took.as_secs_f64();
    let rate = sent.len() as f64 / seconds.max(f64::MIN_POSITIVE);
    output.line(format_args!("{} webhooks in {seconds:.2} s, {rate:.0} a second", sent.len()));
}

fn tell_failures(output: Output, sent: &[Sent]) {
    let failed = || sent.iter().filter(|sent| !sent.is_accepted());
    for sent in failed().take(FAILURES_SHOWN_MAX) {
        output.note(format_args!("{}: {}", printable(&sent.fixture), printable(&why(sent))));
    }
    let more = failed().count().saturating_sub(FAILURES_SHOWN_MAX);
    if more > 0 {
        output.note(format_args!("and {more} more that were not accepted"));
    }
}

/// Why a webhook was not accepted.
pub(super) fn why(sent: &Sent) -> String {
    match &sent.answer {
        Ok(answer) => format!("{} {}", answer.status, answer.title),
        Err(problem) => problem.clone(),
    }
}
