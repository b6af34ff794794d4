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
    let names: Vec<_> = sources.iter().map(|source| source.name().as_str()).collect();
    let directory = data.directory();
    let database = format!("./{}", data.database().display());
    let lines = [
        ("Webhooks", format!("http://{public}/webhooks/NAME")),
        ("Names", names.join(" ")),
        ("API", format!("http://{admin}/docs")),
        ("Metrics", format!("http://{admin}/metrics")),
        ("Database", format!("{database} (SQLite, every commit flushed)")),
        ("Locks", "in this process".to_owned()),
        ("Secrets", format!("{directory}/secrets.toml")),
        ("Look", "paylatch orders; paylatch events".to_owned()),
        ("Look", format!("sqlite3 {database} 'SELECT * FROM v_orders'")),
    ];
    let title = format!("paylatch {}, for development: not for real money", env!("CARGO_PKG_VERSION"));
    output.line(block(&title, &lines, |label| output.tone(Tone::Strong, label)));
    if let Some(line) = example_line(data, sources, public) {
        output.line(
            "\nTry this; twice, to see a duplicate (good for 5 minutes; `paylatch sign` makes a new one):\n",
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
