//! `paylatch locks`: what is held now, and by which instance.

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::{printable, table};
use crate::config::Needs;
use crate::lock::{HELD_MAX, HeldKey, Locks};

#[derive(Args)]
pub(super) struct ListLocks {
    /// Print the locks as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints every lock that is held.
pub(super) async fn run(context: &Context, list: &ListLocks) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let backend = &settings.lock.backend;
    let wrong = |problem| Failure::new(Exit::Config, "settings", problem);
    let locks = Locks::new(&settings.lock).map_err(wrong)?;
    let held = locks.held().await.map_err(|problem| {
        Failure::new(Exit::Unavailable, "lock_unavailable", format!("{backend} does not answer: {problem}"))
            .hint("lock.urls says where it is")
    })?;
    if backend == "local" {
        context
            .output
            .note("lock.backend is local: every process holds its own locks, which no other can see");
    }
    if held.len() == HELD_MAX {
        context.output.note(format_args!("only {HELD_MAX} are shown"));
    }
    if list.json {
        context.output.json(&held.iter().map(to_json).collect::<Vec<_>>());
    } else {
        context.output.line(held_table(&held));
    }
    Ok(())
}

fn to_json(held: &HeldKey) -> serde_json::Value {
    let lapses_in_ms = u64::try_from(held.lapses_in.as_millis()).unwrap_or(u64::MAX);
    json!({ "key": held.key, "owner": held.owner, "lapses_in_ms": lapses_in_ms })
}

fn held_table(held: &[HeldKey]) -> String {
    let rows = held.iter().map(|held| {
        vec![
            printable(&held.key),
            printable(&held.owner),
            format!("{} ms, unless renewed", held.lapses_in.as_millis()),
        ]
    });
    table(&["key", "held by", "for"], rows)
}
