//! `paylatch replay`: signs and sends fixtures, and sums up what became of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde::Serialize;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::output::{Output, Tone, printable, table};
use super::progress;
use super::sender::{Sender, Sent, webhook_url};
use super::stored::webhook_of;
use crate::config::Needs;

/// The most webhooks that one run sends.
const WEBHOOKS_MAX: usize = 1_000_000;
/// How many reasons are told.
const FAILURES_SHOWN_MAX: usize = 10;

#[derive(Args)]
pub(super) struct Replay {
    /// The source whose secret signs.
    #[arg(long, value_name = "NAME")]
    source: String,
    /// A file with a body, or a directory of them, sent in the order of their names.
    #[arg(value_name = "DIR|FILE", required_unless_present = "event")]
    path: Option<PathBuf>,
    /// Instead of files, this event of the source, by the bytes that are stored.
    #[arg(long, value_name = "EVENT_ID", conflicts_with = "path")]
    event: Option<String>,
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
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// Sends everything and prints the summary; tells whether all of it was accepted.
pub(super) async fn run(context: &Context, replay: &Replay) -> Result<bool, Failure> {
    let needs = Needs { database: replay.event.is_some(), sources: false };
    let settings = context.settings_or_dev(needs)?;
    let source = context.source(&settings, &replay.source)?;
    let url = webhook_url(replay.url.as_deref(), &settings, source)?;
    let fixtures = match (&replay.event, &replay.path) {
        (Some(event), _) => {
            vec![webhook_of(&context.reached_store(&settings).await?, source, &url, event).await?]
        }
        (None, Some(path)) => Fixture::read_all(path)?,
        (None, None) => Vec::new(),
    };
    let fixtures = deliveries(replay, &fixtures)?;
    let bar = progress::towards(fixtures.len());
    let started = Instant::now();
    let progress = bar.clone();
    let sender = Sender::new(source.clone(), url)?;
    let sent = sender.send_all(fixtures, replay.concurrency.into(), move || progress.inc(1)).await;
    bar.finish_and_clear();
    let summary = Summary::of(&sent, started.elapsed());
    match replay.json {
        true => context.output.json(&summary),
        false => summary.tell(context.output),
    }
    Ok(sent.iter().all(Sent::is_accepted))
}

/// The webhooks in the order of their sending.
fn deliveries(replay: &Replay, fixtures: &[Fixture]) -> Result<Vec<Fixture>, Failure> {
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

/// What became of everything that was sent.
#[derive(Serialize)]
pub(super) struct Summary {
    webhooks: usize,
    seconds: f64,
    /// Events by their outcome, and webhooks that were refused by status.
    outcomes: BTreeMap<String, usize>,
    /// Each reason once.
    failures: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    why: String,
    /// The first webhook that had it.
    first: String,
    count: usize,
}

impl Summary {
    pub(super) fn of(sent: &[Sent], took: Duration) -> Self {
        let mut summary = Self {
            webhooks: sent.len(),
            seconds: took.as_secs_f64(),
            outcomes: BTreeMap::new(),
            failures: Vec::new(),
        };
        for sent in sent {
            match &sent.answer {
                Ok(answer) if sent.is_accepted() && answer.receipts.is_empty() => summary.count("accepted"),
                Ok(answer) if sent.is_accepted() => {
                    answer.receipts.iter().for_each(|receipt| summary.count(&receipt.outcome));
                }
                Ok(answer) => summary.fail(sent, &answer.status.to_string()),
                Err(_) => summary.fail(sent, "no answer"),
            }
        }
        summary
    }

    fn count(&mut self, word: &str) {
        *self.outcomes.entry(printable(word)).or_default() += 1;
    }

    fn fail(&mut self, sent: &Sent, word: &str) {
        self.count(word);
        let why = sent.why();
        match self.failures.iter_mut().find(|known| known.why == why) {
            Some(known) => known.count += 1,
            None => self.failures.push(Failed { why, first: sent.fixture.clone(), count: 1 }),
        }
    }

    pub(super) fn tell(&self, output: Output) {
        let rows = self.outcomes.iter().map(|(word, count)| vec![word.clone(), count.to_string()]);
        output.line(table(&["outcome", "count"], rows));
        let rate = self.webhooks as f64 / self.seconds.max(f64::MIN_POSITIVE);
        let webhooks = if self.webhooks == 1 { "webhook" } else { "webhooks" };
        output
            .line(format_args!("{} {webhooks} in {:.2} s, {rate:.0} a second", self.webhooks, self.seconds));
        for Failed { why, first, count } in self.failures.iter().take(FAILURES_SHOWN_MAX) {
            let others = if *count > 1 { format!(" and {} more", count - 1) } else { String::new() };
            output.note(format_args!("{}{others}: {}", printable(first), printable(why)));
        }
        if self.outcomes.keys().all(|word| word == "no answer") {
            let hint = output.tone_err(Tone::Hint, "hint:");
            output.note(format_args!(
                "{hint} nothing answers there: start `paylatch dev`, or name a server with --url"
            ));
        }
    }
}
