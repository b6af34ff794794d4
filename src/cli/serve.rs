//! `paylatch serve`: production.

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::context::Context;
use super::failure::Failure;
use crate::config::Needs;
use crate::http::Sources;
use crate::server::{Server, by_name, supervisor};

/// What serving cannot do without.
const NEEDS: Needs = Needs { database: true, sources: true };

/// Takes webhooks until it is told to end.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let settings = context.settings(NEEDS)?;
    context.start_logs(&settings)?;
    for advice in &settings.advice {
        warn!("{advice}");
    }
    let store = context.store(&settings)?;
    let server = Server::start(settings, store).await?;
    info!(listen = %server.public_address(), admin_listen = %server.admin_address(), "listening");
    supervisor::ready();
    let sources = server.sources();
    server.run(reload_on_hangup(context, sources)).await?;
    Ok(())
}

/// Reads the settings again at each SIGHUP and takes their sources, so that secrets rotate without an interruption. What
/// else changed is taken at the next start; settings with mistakes change nothing. Never returns.
async fn reload_on_hangup(context: &Context, sources: Sources) {
    let Ok(mut hangups) = signal(SignalKind::hangup()) else { return std::future::pending().await };
    while hangups.recv().await.is_some() {
        supervisor::reloading();
        match context.settings(NEEDS) {
            Ok(settings) => {
                sources.replace(by_name(&settings.sources));
                info!(sources = settings.sources.len(), "sources were read again");
            }
            Err(failure) => error!(%failure, "the settings were read again; the sources stay as they were"),
        }
        supervisor::ready();
    }
    std::future::pending().await
}
