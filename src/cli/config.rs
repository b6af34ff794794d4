//! `paylatch config`: every setting as it holds, and where it comes from.

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::output::{printable, table};
use crate::config::{Needs, Resolved};

#[derive(Args)]
pub(super) struct Config {
    /// Print the settings as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the settings, secrets masked.
pub(super) fn run(context: &Context, config: &Config) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let origin =
        |resolved: &Resolved| resolved.origin.as_ref().map_or("default".to_owned(), ToString::to_string);
    if config.json {
        let rows = settings.resolved.iter().map(|resolved| {
            json!({ "setting": resolved.setting, "value": resolved.shown, "origin": origin(resolved) })
        });
        context.output.json(&rows.collect::<Vec<_>>());
    } else {
        let rows = settings.resolved.iter().map(|resolved| {
            vec![printable(&resolved.setting), printable(&resolved.shown), printable(&origin(resolved))]
        });
        context.output.line(table(&["setting", "value", "from"], rows));
    }
    for advice in &settings.advice {
        context.output.note(format_args!("note: {advice}"));
    }
    Ok(())
}
