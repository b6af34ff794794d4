//! `paylatch actions`: what people changed, and why; and who acts by a command.

use std::process;

use clap::Args;

use super::context::{Context, now_micros};
use super::failure::{Exit, Failure};
use super::listing::ROWS_SHOWN;
use super::output::{printable, table};
use crate::config::Needs;
use crate::store::{ActionRow, By, ROWS_MAX, Role};

#[derive(Args)]
pub(super) struct Actions {
    /// Actions before this one.
    #[arg(long, value_name = "ACTION_ID")]
    after: Option<i64>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = ROWS_SHOWN)]
    limit: u32,
    /// Print the columns as JSON.
    #[arg(long)]
    json: bool,
}

/// Who acts, and why: kept with what the command changes.
#[derive(Args)]
pub(super) struct ActsBy {
    /// Who does it [default: the user of the operating system].
    #[arg(long, global = true, value_name = "NAME")]
    by: Option<String>,
    /// Why; kept with what changes.
    #[arg(long, global = true, value_name = "TEXT")]
    note: Option<String>,
}

impl ActsBy {
    pub(super) fn read(&self, context: &Context) -> Result<By, Failure> {
        acting(context, self.by.as_deref(), self.note.as_deref())
    }
}

/// Who acts by this command.
pub(super) fn acting(context: &Context, by: Option<&str>, note: Option<&str>) -> Result<By, Failure> {
    let actor = by.map(str::to_owned).or_else(|| user(context));
    let actor = actor.as_deref().unwrap_or("the command line");
    By::new(actor, Role::Shell, note, now_micros())
        .map_err(|wrong| Failure::new(Exit::Usage, "wrong_actor", wrong))
}

/// The user who runs the command, also where they do it as another one.
fn user(context: &Context) -> Option<String> {
    let mut variables =
        ["SUDO_USER", "USER", "LOGNAME"].iter().filter_map(|name| context.input.environment.get(*name));
    variables.find(|name| !name.is_empty()).cloned().or_else(|| {
        let asked = process::Command::new("id").arg("-un").output().ok()?;
        let name = String::from_utf8(asked.stdout).ok()?.trim().to_owned();
        Some(name).filter(|name| !name.is_empty())
    })
}

/// Prints what was done, the latest first.
pub(super) async fn run(context: &Context, actions: &Actions) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.reached_store(&settings).await?;
    let limit = usize::try_from(actions.limit).unwrap_or(usize::MAX);
    let (mut rows, mut after) = (Vec::new(), actions.after);
    while rows.len() < limit {
        let page = store.actions(after, ROWS_MAX).await?;
        after = page.last().map(|row| row.action_id);
        if after.is_none() {
            break;
        }
        rows.extend(page);
    }
    rows.truncate(limit);
    match actions.json {
        true => context.output.json(&rows),
        false => context.output.line(actions_table(&rows)),
    }
    Ok(())
}

fn actions_table(rows: &[ActionRow]) -> String {
    let header = ["action", "at", "by", "did", "source", "target", "note"];
    let cells = rows.iter().map(|row| {
        let cells = [
            row.action_id.to_string(),
            row.at.clone(),
            format!("{} ({})", row.actor, row.role),
            row.action.clone(),
            row.source.clone().unwrap_or_default(),
            row.target.clone(),
            row.note.clone().unwrap_or_default(),
        ];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}
