//! Progress bars of long work: drawn on a terminal, and nowhere else.

use std::fs::File;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often what has no number is drawn anew.
const TICK_EVERY: Duration = Duration::from_millis(200);

/// A bar for work whose end is known.
pub(super) fn towards(count: usize) -> ProgressBar {
    ProgressBar::new(count as u64).with_style(style("{bar:40} {pos}/{len}  {per_sec}  {eta} left"))
}

/// A bar for a file that is read to its end.
pub(super) fn through(file: &File) -> ProgressBar {
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    ProgressBar::new(bytes).with_style(style("{bar:40} {percent} % of the file  {eta} left"))
}

/// A count for work whose end is not known.
pub(super) fn counting(what: &'static str) -> ProgressBar {
    ticking(what, "{spinner} {pos} {msg}  {per_sec}  {elapsed}")
}

/// The time that passes while somebody else works.
pub(super) fn waiting(what: &'static str) -> ProgressBar {
    ticking(what, "{spinner} {msg}  {elapsed}")
}

fn ticking(what: &'static str, template: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_style(style(template)).with_message(what);
    bar.enable_steady_tick(TICK_EVERY);
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
