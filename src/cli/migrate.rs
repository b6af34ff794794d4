//! `paylatch migrate`: brings the database's schema up to this version.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use super::actions::ActsBy;
use super::context::Context;
use super::failure::Failure;
use crate::config::{Needs, parse_age};
use crate::store::{Store, StoreError};

/// The wait before the database is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(super) struct Migrate {
    /// Wait so long for a database that does not answer yet, such as 60s.
    #[arg(long, value_name = "TIME", value_parser = parse_age)]
    wait_for: Option<Duration>,
    #[command(flatten)]
    acts_by: ActsBy,
}

/// Applies what is missing and says what it was.
pub(super) async fn run(context: &Context, migrate: &Migrate) -> Result<(), Failure> {
    let settings = context.settings(Needs { database: true, sources: false })?;
    let store = context.store(&settings)?;
    if let Some(wait) = migrate.wait_for {
        wait_until_reached(&store, wait).await?;
    }
    let by = migrate.acts_by.read(context)?;
    let applied = store.migrate_by(Some(&by)).await?;
    for migration in &applied {
        context.output.line(format_args!("applied {migration}"));
    }
    if applied.is_empty() {
        context.output.line("the schema is current");
    }
    if settings.announce.enabled && store.note_changes(true, None).await? {
        context.output.line("changes of orders are noted from now on");
    }
    Ok(())
}

async fn wait_until_reached(store: &Store, wait: Duration) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match store.reach().await {
            Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) if began.elapsed() < wait => {
                sleep(RETRY_AFTER).await;
            }
            other => return other,
        }
    }
}
