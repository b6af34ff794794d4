//! `paylatch serve`: production.

use super::context::Context;
use super::failure::Failure;
use crate::config::Needs;
use crate::server::Server;

/// Takes webhooks until it is told to end.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let settings = context.settings(Needs { database: true, sources: true })?;
    context.start_logs(&settings)?;
    for advice in &settings.advice {
        tracing::warn!("{advice}");
    }
    let server = Server::start(settings).await?;
    tracing::info!(listen = %server.public_address(), admin_listen = %server.admin_address(), "listening");
    server.run(std::future::pending()).await?;
    Ok(())
}
