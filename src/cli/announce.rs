//! `paylatch announce`: turns the log of changed orders on or off, which announcements are made from.

use clap::{Args, Subcommand};
use serde_json::json;

use super::actions::ActsBy;
use super::context::Context;
use super::failure::Failure;
use crate::config::Needs;

#[derive(Args)]
pub(super) struct Announce {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    acts_by: ActsBy,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Note changes of orders from now on. Needs the owner of the schema.
    On,
    /// Note them no longer. What was noted stays until it is old.
    Off,
    /// Begin another epoch: after a restore, or after a standby was promoted that may lack commits.
    NewEpoch,
}

/// Does it, and says what holds now.
pub(super) async fn run(context: &Context, announce: &Announce) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.store(&settings)?;
    let by = announce.acts_by.read(context)?;
    let (result, said) = match announce.action {
        Action::On => {
            let is_new = store.note_changes(true, Some(&by)).await?;
            let said = if is_new {
                "changes of orders are noted from now on"
            } else {
                "changes of orders are noted"
            };
            (json!({ "on": true, "changed": is_new }), said.to_owned())
        }
        Action::Off => {
            let is_new = store.note_changes(false, Some(&by)).await?;
            (json!({ "on": false, "changed": is_new }), "changes of orders are not noted".to_owned())
        }
        Action::NewEpoch => {
            let epoch = store.begin_epoch(&by).await?;
            (json!({ "epoch": epoch }), format!("epoch {epoch} begins; every reader begins anew"))
        }
    };
    if announce.json {
        context.output.json(&result);
    } else {
        context.output.line(said);
    }
    Ok(())
}
