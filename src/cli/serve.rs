//! `paylatch serve`: production.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::actions::acting;
use super::context::Context;
use super::failure::Failure;
use super::output::{Output, Tone, block};
use crate::config::{Needs, Settings};
use crate::server::{ReloadHandle, Server, supervisor};

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) listen: super::addresses::Listen,
    /// Bring the database's schema up to this version first. Safe from several replicas at once; the role must own the schema.
    #[arg(long)]
    migrate: bool,
}

/// What serving cannot do without.
const NEEDS: Needs = Needs { database: true, sources: true };

/// Takes webhooks until it is told to end.
pub(super) async fn run(context: &Context, serve: &Serve) -> Result<(), Failure> {
    let settings = context.settings(NEEDS)?;
    let traces = context.start_telemetry(&settings)?;
    for advice in &settings.advice {
        warn!("{advice}");
    }
    // Before anybody is told that it is ready: a SIGHUP that nobody listens for ends the process.
    let hangups = signal(SignalKind::hangup());
    let store = context.store(&settings)?;
    if serve.migrate {
        let by = acting(context, None, None)?;
        for migration in store.migrate_by(Some(&by)).await? {
            info!(%migration, "applied");
        }
    }
    let notice = StartNotice::of(&settings, context.settings_file());
    let server = Server::start(settings, store).await?;
    notice.tell(context.output, server.public_address(), server.admin_address());
    supervisor::ready();
    let handle = server.reload_handle();
    let ended = server.run(reload_on_hangup(context, handle, hangups)).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    Ok(ended?)
}

/// What is told once serving begins: a block for people, one line of log for machines. No secret is in it.
struct StartNotice {
    sources: String,
    database: String,
    locks: String,
    settings: String,
}

impl StartNotice {
    fn of(settings: &Settings, file: Option<PathBuf>) -> Self {
        let shown = |name: &str| {
            let own = settings.resolved.iter().find(|resolved| resolved.setting == name);
            own.map(|resolved| resolved.shown.clone()).unwrap_or_default()
        };
        let names: Vec<_> = settings.sources.iter().map(|source| source.name().as_str()).collect();
        Self {
            sources: names.join(" "),
            database: shown("database_url"),
            locks: format!("{} {}", shown("lock.backend"), shown("lock.urls")).trim_end().to_owned(),
            settings: file.map_or("the environment alone".to_owned(), |file| file.display().to_string()),
        }
    }

    fn tell(self, output: Output, public: SocketAddr, admin: SocketAddr) {
        let Self { sources, database, locks, settings } = self;
        let version = env!("CARGO_PKG_VERSION");
        if !output.is_read_by_people() {
            return info!(
                version,
                listen = %public,
                admin_listen = %admin,
                sources,
                database,
                locks,
                settings,
                "listening"
            );
        }
        let lines = [
            ("Webhooks", format!("http://{public}/webhooks/NAME")),
            ("Names", sources),
            ("Dashboard", format!("http://{admin}/ (the API: /docs)")),
            ("Metrics", format!("http://{admin}/metrics")),
            ("Database", database),
            ("Locks", locks),
            ("Settings", format!("{settings} (`paylatch config` shows them)")),
        ];
        let title = format!("paylatch {version}");
        output.note(block(&title, &lines, |label| output.tone_err(Tone::Strong, label)));
        output.note("");
    }
}

/// Reads the settings again at each SIGHUP and takes what can be replaced while it serves, so that secrets and certificates
/// rotate without an interruption. What else changed is taken at the next start; settings with mistakes change nothing. Never returns.
async fn reload_on_hangup(context: &Context, handle: ReloadHandle, hangups: io::Result<Signal>) {
    let Ok(mut hangups) = hangups else { return std::future::pending().await };
    while hangups.recv().await.is_some() {
        supervisor::reloading();
        match context.settings(NEEDS) {
            Ok(settings) => {
                handle.replace(&settings);
                info!(sources = settings.sources.len(), "the settings were read again");
            }
            Err(failure) => {
                error!(%failure, "the settings were read again and have mistakes; everything stays as it was")
            }
        }
        supervisor::ready();
    }
    std::future::pending().await
}
