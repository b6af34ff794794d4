//! `paylatch-bench`: sends signed webhooks to a running server and measures its answers.

mod connection;
mod cpu;
mod load;
mod plan;
mod report;
mod tally;
#[cfg(test)]
mod tests;
mod webhook;

use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use self::plan::{Mix, Plan};
use self::report::Report;
use self::tally::Tally;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::sender::webhook_url;
use crate::config::Needs;

/// Steps of a full progress bar.
const BAR_STEPS: u64 = 1_000;

// How to measure. (A doc comment would stand in the help instead of the program's.)
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// The source whose secret signs; its provider must be stripe.
    #[arg(long, default_value = "stripe", value_name = "NAME")]
    source: String,
    /// Where to send: the whole URL, or the server's alone [default: the configured listener].
    #[arg(long)]
    url: Option<String>,
    /// Which webhooks.
    #[arg(long, value_enum, default_value = "distinct")]
    mix: Mix,
    /// Connections, each with one webhook on its way at a time.
    #[arg(long, default_value_t = 64, value_name = "N")]
    connections: usize,
    /// Webhooks per second of an open loop.
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// How long to measure.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    duration: f64,
    /// How long to send before.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    warmup: f64,
    /// Build so many distinct webhooks; when all were sent, the run ends [default: enough for the time].
    #[arg(long, value_name = "N")]
    events: Option<u64>,
    /// So many payments in a row belong to one order.
    #[arg(long, default_value_t = 1, value_name = "N")]
    order_reuse: u64,
    /// Bodies of so many bytes, filled up by a cart [default: the payment alone, about 1500].
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "BYTES")]
    body_bytes: usize,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// Builds, sends, and prints the figures; tells whether all was accepted.
pub(super) async fn run(context: &Context, bench: &Bench) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let source = context.source(&settings, &bench.source)?;
    let url = webhook_url(bench.url.as_deref(), &settings, source)?;
    if url.scheme_str() != Some("http") {
        let message = format!("cannot measure {url}: bench sends over http:// only");
        return Err(Failure::new(Exit::Usage, "bench", message).hint("name the listener behind the proxy"));
    }
    let plan = Arc::new(Plan::new(bench, &url, source)?);
    let bar = progress_bar();
    let ended = load::run(Arc::clone(&plan), |tally, elapsed| show(&bar, tally, elapsed)).await;
    bar.finish_and_clear();
    let ended = ended.map_err(|error| {
        Failure::new(Exit::Unavailable, "unreachable", format!("{url}: {error}"))
            .hint("bench measures a server that runs: start `paylatch serve`, or name one with --url")
    })?;
    let report = Report::new(&plan, ended);
    if bench.json {
        context.output.json(&report)
    } else {
        report.tell(context.output)
    }
    Ok(report.is_clean())
}

/// Draws itself on a terminal, and nowhere else.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {msg}");
    ProgressBar::new(BAR_STEPS).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, tally: &Tally, elapsed: f64) {
    bar.set_position((elapsed * BAR_STEPS as f64) as u64);
    bar.set_message(format!("{} answered", tally.answered_in_time));
}
