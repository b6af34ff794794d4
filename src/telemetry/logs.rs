//! Logs: for people on a terminal, one JSON object a line for machines. Always to standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use super::traces::Traces;

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people if standard error is a terminal, else JSON.
    Auto,
    /// For people; in colour if standard error is a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}; expected levels as in `info` or `info,paylatch::http=debug`")]
pub struct BadFilter(#[from] tracing_subscriber::filter::ParseError);

/// Shows what passes `filter` from here on, and hands spans to `traces`. `no_colour`: the user's `NO_COLOR`. A second call
/// changes nothing.
///
/// # Errors
/// [`BadFilter`].
pub fn start_logs(
    format: LogFormat,
    filter: &str,
    no_colour: bool,
    traces: Option<&Traces>,
) -> Result<(), BadFilter> {
    let terminal = stderr().is_terminal();
    let filter = EnvFilter::try_new(filter)?;
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    };
    let logs = fmt::layer().with_writer(stderr);
    let logs = if json {
        logs.json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter(filter)
            .boxed()
    } else {
        logs.with_ansi(terminal && !no_colour).with_target(false).with_filter(filter).boxed()
    };
    let _already_started = registry().with(logs).with(traces.map(Traces::layer)).try_init();
    Ok(())
}
