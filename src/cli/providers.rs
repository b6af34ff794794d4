//! `paylatch providers`: what can be a source's provider.

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::printable;
use super::tables::table;
use crate::config::Needs;
use crate::provider::Providers;

#[derive(Args)]
pub(super) struct ListProviders {
    /// Print the providers as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the names of all definitions.
pub(super) fn run(context: &Context, list: &ListProviders) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let providers = Providers::load(settings.providers_dir.as_deref())
        .map_err(|error| Failure::new(Exit::Config, "providers", error.to_string()))?;
    if list.json {
        let rows = providers.names().map(|name| {
            let only_a_secret = providers.needs_only_a_secret(name);
            json!({ "name": name, "needs_only_a_secret": only_a_secret, "needs": providers.needs(name) })
        });
        context.output.json(&rows.collect::<Vec<_>>());
    } else {
        let rows =
            providers.names().map(|name| vec![printable(name), printable(&providers.needs(name).join(", "))]);
        context.output.line(table(&["provider", "needs"], rows));
    }
    Ok(())
}
