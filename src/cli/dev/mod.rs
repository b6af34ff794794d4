//! `paylatch dev`: everything on one machine, with nothing installed.

mod banner;
mod browser;
mod data_dir;
mod demo;
mod running;
mod webhook_log;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;

pub(super) use self::data_dir::DataDir;
use self::running::{Running, Start};
use super::caller_input::read_file;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::listing;
use super::output::Output;
use super::receipts::receipts;
use super::sender::{Sender, Sent};
use crate::config::{Needs, Settings};
use crate::provider::{Providers, Source};
use crate::server::Server;
use crate::store::Store;

#[derive(Args)]
pub(super) struct Dev {
    /// Send the fixtures in DIR to the source of DIR's name, print what became of them, and exit.
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// The source that --replay sends to, if it is not of DIR's name.
    #[arg(long, value_name = "NAME", requires = "replay")]
    source: Option<String>,
    /// Keep serving after --replay.
    #[arg(long, requires = "replay")]
    stay: bool,
    /// Send webhooks that are in the program, so that there is something to look at: whole lives of orders, and what needs a
    /// person.
    #[arg(long, conflicts_with = "replay")]
    demo: bool,
    /// Open the address in the browser.
    #[arg(long)]
    open: bool,
    /// Use the database and the locks of the settings file, too, and all of its endpoints: not only its sources, its definitions and
    /// the endpoints on this machine.
    #[arg(long)]
    with_database: bool,
    #[command(flatten)]
    pub(super) listen: super::addresses::Listen,
}

/// A replay that was asked for.
struct Replay {
    source: Source,
    fixtures: Vec<Fixture>,
}

/// Serves until it is told to end, or until the replay is done; tells whether all of that was accepted.
pub(super) async fn run(context: &Context, dev: &Dev) -> Result<bool, Failure> {
    let providers =
        Providers::load(None).map_err(|error| Failure::new(Exit::Failed, "providers", error.to_string()))?;
    let fixtures = dev.replay.as_deref().map(Fixture::read_all).transpose()?;
    // Read before anything is made: a mistyped name leaves no directory behind.
    context.settings_file().map(|path| read_file(&path)).transpose()?;
    let data = DataDir::prepare(&providers)?;
    let start = Start::new(context.settings_file(), dev.with_database);
    let settings =
        Settings::read(data.layers(&context.input, &start)?, Needs { database: true, sources: true })?;
    let traces = context.start_telemetry(&settings)?;
    let replay =
        fixtures.map(|fixtures| Replay::new(context, &settings, &providers, dev, fixtures)).transpose()?;
    let store = context.store(&settings)?;
    store.migrate().await?;
    let sources = settings.sources.clone();
    let server = Server::start(settings, store.clone()).await?;
    let observer = server.observer();
    let (public, admin) = (server.public_address(), server.admin_address());
    // Without it, the other commands look for a server where the settings say.
    let _announced = data.announce(&Running { start, listen: public, admin_listen: admin });
    let tell_banner = || banner::tell(context.output, &data, &sources, public, admin);
    let mut accepted = Ok(true);
    let done = async {
        if let Some(replay) = replay {
            accepted = replay.run(context.output, &store, public).await;
            if !dev.stay || accepted.is_err() {
                return;
            }
        }
        if dev.demo
            && let Err(failure) = demo::run(context.output, &providers, &sources, public).await
        {
            accepted = Err(failure);
            return;
        }
        // The replay is summed up by itself: only what comes from here on is shown.
        let watch = observer.watch();
        tell_banner();
        if dev.open {
            browser::open(context.output, format!("http://{admin}/"));
        }
        webhook_log::show(context.output, &store, watch).await;
        std::future::pending().await
    };
    let ended = server.run(done).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    ended?;
    accepted
}

impl Replay {
    fn new(
        context: &Context,
        settings: &Settings,
        providers: &Providers,
        dev: &Dev,
        fixtures: Vec<Fixture>,
    ) -> Result<Self, Failure> {
        let name = dev.source.clone().unwrap_or_else(|| directory_name(dev.replay.as_deref()));
        match context.source(settings, &name) {
            Ok(source) => Ok(Self { source: source.clone(), fixtures }),
            Err(failure) => Err(tell_needs(failure, providers, &name)),
        }
    }

    /// Sends the fixtures in their order, and prints the receipts and then the orders.
    async fn run(self, output: Output, store: &Store, address: SocketAddr) -> Result<bool, Failure> {
        let name = self.source.name().clone();
        let url = format!("http://{address}/webhooks/{name}");
        let url =
            url.parse().map_err(|_| Failure::new(Exit::Failed, "wrong_url", format!("{url} is no URL")))?;
        let sent = Sender::new(self.source, url)?.send_all(self.fixtures, 1, || {}).await;
        output.line(receipts(&sent));
        output.line("");
        output.line(listing::orders_of(store, &name).await?);
        Ok(sent.iter().all(Sent::is_accepted))
    }
}

fn directory_name(path: Option<&Path>) -> String {
    let path = path.unwrap_or(Path::new("."));
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A provider that needs more than a secret has no source here until somebody says the rest.
fn tell_needs(failure: Failure, providers: &Providers, name: &str) -> Failure {
    let needs = providers.needs(name);
    if needs.is_empty() {
        return failure.hint("send to one of them: --source NAME");
    }
    failure.hint(format_args!(
        "{name} needs {}: say them under [sources.{name}] in ./paylatch.toml, then replay again (any text will do for \
         fixtures, but for certificates: what is signed with one can only be replayed as it came)",
        needs.join(", ")
    ))
}
