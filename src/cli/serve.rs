//! `paylatch serve`: production.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::context::Context;
use super::failure::Failure;
use crate::config::Needs;
use crate::server::{Live, Server, supervisor};

/// What serving cannot do without.
const NEEDS: Needs = Needs { database: true, sources: true };

/// Takes webhooks until it is told to end.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let settings = context.settings(NEEDS)?;
    let traces = context.start_telemetry(&settings)?;
    for advice in &settings.advice {
        warn!("{advice}");
    }
    // Before anybody is told that it is ready: a SIGHUP that nobody listens for ends the process.
    let hangups = signal(SignalKind::hangup());
    let store = context.store(&settings)?;
    let server = Server::start(settings, store).await?;
    info!(listen = %server.public_address(), admin_listen = %server.admin_address(), "listening");
    supervisor::ready();
    let live = server.live();
    let ended = server.run(reload_on_hangup(context, live, hangups)).await;
    if let Some(traces) = traces {
        traces.end().await;
    }
    Ok(ended?)
}

/// Reads the settings again at each SIGHUP and takes what can be replaced while it serves, so that secrets and certificates
/// rotate without an interruption. What else changed is taken at the next start; settings with mistakes change nothing. Never returns.
async fn reload_on_hangup(context: &Context, live: Live, hangups: io::Result<Signal>) {
    let Ok(mut hangups) = hangups else { return std::future::pending().await };
    while hangups.recv().await.is_some() {
        supervisor::reloading();
        match context.settings(NEEDS) {
            Ok(settings) => {
                live.replace(&settings);
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
