//! `paylatch dev`: everything on one machine, with nothing installed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

use super::context::Context;
use super::data::Data;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::orders;
use super::output::{Output, Tone, printable};
use super::replay::why;
use super::send::{Sender, Sent};
use super::sign::curl_line;
use super::tables::table;
use super::{arrows, clock, welcome};
use crate::config::{Needs, Settings};
use crate::http::Witness;
use crate::provider::{Providers, Source};
use crate::server::Server;
use crate::store::Store;

/// The source that the printed curl line is for.
const EXAMPLE_SOURCE: &str = "stripe";

#[derive(Args)]
pub(super) struct Dev {
    /// Send the fixtures in DIR to the source of DIR's name, print what became of them, and exit.
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Keep serving after --replay.
    #[arg(long, requires = "replay")]
    stay: bool,
    #[command(flatten)]
    pub(super) listen: super::Listen,
}

/// A replay that was asked for.
struct Rehearsal {
    source: Source,
    fixtures: Vec<Fixture>,
}

/// Serves until it is told to end, or until the replay is done; tells whether all of that was accepted.
pub(super) async fn run(context: &Context, dev: &Dev) -> Result<bool, Failure> {
    let providers =
        Providers::load(None).map_err(|error| Failure::new(Exit::Failed, "providers", error.to_string()))?;
    let fixtures = dev.replay.as_deref().map(Fixture::read_all).transpose()?;
    let data = Data::prepare(&providers)?;
    let settings = Settings::read(data.layers(context)?, Needs { database: true, sources: true })?;
    let traces = context.start_telemetry(&settings)?;
    let rehearsal = dev.replay.as_deref().zip(fixtures);
    let rehearsal =
        rehearsal.map(|(path, fixtures)| Rehearsal::new(context, &settings, path, fixtures)).transpose()?;
    let store = context.store(&settings)?;
    store.migrate().await?;
    let sources = settings.sources.clone();
    let server = Server::start(settings, store.clone()).await?;
    let (witness, mut seen) = Witness::new();
    let (public, admin) = (server.public_address(), server.admin_address());
    let tell_welcome = || tell_welcome(context.output, &data, &sources, public, admin);
    let mut accepted = Ok(true);
    let done = async {
        if let Some(rehearsal) = rehearsal {
            accepted = rehearsal.run(context.output, &store, public).await;
            if !dev.stay || accepted.is_err() {
                return;
            }
        }
        tell_welcome();
        // What was replayed is told already.
        while seen.try_recv().is_ok() {}
        arrows::show(context.output, &store, seen).await;
        std::future::pending().await
    };
    let ended = server.seen_by(witness).run(done).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    ended?;
    accepted
}

impl Rehearsal {
    fn new(
        context: &Context,
        settings: &Settings,
        path: &Path,
        fixtures: Vec<Fixture>,
    ) -> Result<Self, Failure> {
        let name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self { source: context.source(settings, &name)?.clone(), fixtures })
    }

    /// Sends the fixtures in their order, and prints the receipts and then the orders.
    async fn run(self, output: Output, store: &Store, address: SocketAddr) -> Result<bool, Failure> {
        let name = self.source.name().clone();
        let url = format!("http://{address}/webhooks/{name}");
        let url =
            url.parse().map_err(|_| Failure::new(Exit::Failed, "wrong_url", format!("{url} is no URL")))?;
        let sent = Sender::new(self.source, url).send_all(self.fixtures, 1, || {}).await;
        output.line(receipts(&sent));
        output.line("");
        output.line(orders::of_source(store, &name).await?);
        Ok(sent.iter().all(Sent::is_accepted))
    }
}

/// A line for each event that was answered, and for each webhook that was not accepted.
fn receipts(sent: &[Sent]) -> String {
    let row = |sent: &Sent, event: &str, order: &str, outcome: &str, reason: &str| {
        [&sent.fixture, event, order, outcome, reason].map(printable).to_vec()
    };
    let rows = sent.iter().flat_map(|sent| match &sent.answer {
        Ok(answer) if sent.is_accepted() => answer
            .receipts
            .iter()
            .map(|receipt| {
                let (order, reason) = (receipt.order.as_deref(), receipt.reason.as_deref());
                row(sent, &receipt.event, order.unwrap_or("-"), &receipt.outcome, reason.unwrap_or_default())
            })
            .collect(),
        Ok(_) | Err(_) => vec![row(sent, "-", "-", "not accepted", &why(sent))],
    });
    table(&["webhook", "event", "order", "outcome", "reason"], rows)
}

/// What a newcomer wants to know first, aligned, and a line to paste.
fn tell_welcome(output: Output, data: &Data, sources: &[Source], public: SocketAddr, admin: SocketAddr) {
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
    output.line(welcome::block(&title, &lines, |label| output.tone(Tone::Strong, label)));
    if let Some(line) = example_line(data, sources, public) {
        output.line(
            "\nTry this; twice, to see a duplicate (good for 5 minutes; `paylatch sign` makes a new one):\n",
        );
        output.line(line);
    }
    output.line("\nCtrl-C ends it. What comes in is shown here:\n");
}

fn example_line(data: &Data, sources: &[Source], public: SocketAddr) -> Option<String> {
    let source = sources.iter().find(|source| source.name().as_str() == EXAMPLE_SOURCE)?;
    let fixture = Fixture::read(&data.example()).ok()?;
    let signed = source.sign(&fixture.body, clock::now_seconds());
    curl_line(&format!("http://{public}/webhooks/{EXAMPLE_SOURCE}"), &signed, &fixture).ok()
}
