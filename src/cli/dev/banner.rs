//! What `paylatch dev` says of itself when it has started.

use std::net::SocketAddr;

use super::DataDir;
use crate::cli::context::now_seconds;
use crate::cli::fixtures::Fixture;
use crate::cli::output::{Output, Tone, block};
use crate::cli::sign::curl_line;
use crate::provider::Source;

/// The source that the printed curl line is for.
const EXAMPLE_SOURCE: &str = "stripe";

/// What a newcomer wants to know first, aligned, and a line to paste.
pub(super) fn tell(
    output: Output,
    data: &DataDir,
    sources: &[Source],
    public: SocketAddr,
    admin: SocketAddr,
) {
    let others = sources.len().saturating_sub(1);
    let directory = data.directory();
    let lines = [
        ("Open", format!("http://{admin}/")),
        (
            "Webhooks",
            format!("http://{public}/webhooks/{EXAMPLE_SOURCE} ({others} other sources: `paylatch config`)"),
        ),
        ("Data", format!("{directory}/paylatch.db (SQLite, every commit flushed)")),
        (
            "Secrets",
            format!("`paylatch secret {EXAMPLE_SOURCE}` prints one; {directory}/secrets.toml has all"),
        ),
        ("Look", "`paylatch orders`, `paylatch events` in this directory".to_owned()),
        ("Send", format!("`paylatch send {EXAMPLE_SOURCE} payment_intent.succeeded --order ord_7`")),
    ];
    let title = format!("paylatch {}, for development: not for real money", env!("CARGO_PKG_VERSION"));
    output.line(block(&title, &lines, |label| output.tone(Tone::Strong, label)));
    if let Some(line) = example_line(data, sources, public) {
        output.line(
            "\nOr paste this; twice, to see a duplicate (good for 5 minutes; `paylatch sign` makes a new one):\n",
        );
        output.line(line);
    }
    output.line("\nCtrl-C ends it. What comes in is shown here:\n");
}

fn example_line(data: &DataDir, sources: &[Source], public: SocketAddr) -> Option<String> {
    let source = sources.iter().find(|source| source.name().as_str() == EXAMPLE_SOURCE)?;
    let fixture = Fixture::read(&data.example()).ok()?;
    let signed = source.sign(&fixture.body, now_seconds());
    curl_line(&format!("http://{public}/webhooks/{EXAMPLE_SOURCE}"), &signed, &fixture).ok()
}
