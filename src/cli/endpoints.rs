//! `paylatch endpoints`: lists endpoints with how far each was told, and pauses, resumes, forgets or tests one.

use clap::{Args, Subcommand};
use serde_json::json;

use super::actions::ActsBy;
use super::context::{Context, now_micros};
use super::failure::{Exit, Failure};
use super::output::{printable, table};
use crate::announce;
use crate::config::{Needs, Settings};
use crate::store::{EndpointRow, Store};

#[derive(Args)]
pub(super) struct Endpoints {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Send nothing to it until it is resumed. What changes meanwhile is told then.
    Pause(Named),
    /// Tell it again, at once and whatever it answered before.
    Resume(Named),
    /// Forget how far it was told: if it is configured, it is told anew of all that the log has.
    Forget(Named),
    /// Tell it `endpoint.test`, by the same way and the same checks as everything else.
    Test {
        /// The endpoint.
        name: String,
    },
}

#[derive(Args)]
struct Named {
    /// The endpoint.
    name: String,
    #[command(flatten)]
    acts_by: ActsBy,
}

/// Does it, or shows the endpoints; tells whether the endpoint took the test.
pub(super) async fn run(context: &Context, endpoints: &Endpoints) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    if let Some(Action::Test { name }) = &endpoints.action {
        return test(context, &settings, name, endpoints.json).await;
    }
    let store = context.reached_store(&settings).await?;
    match &endpoints.action {
        None | Some(Action::Test { .. }) => {}
        Some(Action::Pause(named)) => {
            let by = named.acts_by.read(context)?;
            known(&store, &named.name, store.pause_endpoint(&named.name, true, &by).await?).await?;
        }
        Some(Action::Resume(named)) => {
            let by = named.acts_by.read(context)?;
            known(&store, &named.name, store.pause_endpoint(&named.name, false, &by).await?).await?;
        }
        Some(Action::Forget(named)) => {
            let by = named.acts_by.read(context)?;
            known(&store, &named.name, store.forget_endpoint(&named.name, &by).await?).await?;
        }
    }
    let rows = store.endpoints(now_micros()).await?;
    match endpoints.json {
        true => context.output.json(&rows),
        false => context.output.line(shown(&settings, &rows)),
    }
    Ok(true)
}

/// Fails unless there is one of this name.
pub(super) async fn known(store: &Store, name: &str, is_there: bool) -> Result<(), Failure> {
    if is_there {
        return Ok(());
    }
    let names = names(store).await?;
    let problem = format!("no endpoint {name:?} was ever told");
    let hint = match names.is_empty() {
        true => "`paylatch serve` tells those of the settings".to_owned(),
        false => format!("the endpoints are: {}", names.join(", ")),
    };
    Err(Failure::new(Exit::Failed, "unknown_endpoint", problem).hint(hint))
}

/// Of all endpoints that were ever told.
pub(super) async fn names(store: &Store) -> Result<Vec<String>, Failure> {
    Ok(store.endpoints(now_micros()).await?.into_iter().map(|row| row.name).collect())
}

async fn test(context: &Context, settings: &Settings, name: &str, json: bool) -> Result<bool, Failure> {
    let endpoint = settings.relay.endpoints.iter().find(|endpoint| endpoint.name == name);
    let endpoint = endpoint.ok_or_else(|| {
        let problem = format!("there is no [endpoints.{name}] in the settings");
        Failure::new(Exit::Failed, "unknown_endpoint", problem).hint(
            "a url and a secret make one; docs/announce.md, and `paylatch listen` prints one for trying out",
        )
    })?;
    let (is_taken, answer) = announce::test(endpoint, now_micros()).await;
    let answer = printable(&answer);
    match json {
        true => context.output.json(&json!({ "endpoint": name, "taken": is_taken, "answer": answer })),
        false => context
            .output
            .line(format_args!("{name}: {}, {answer}", if is_taken { "taken" } else { "not taken" })),
    }
    Ok(is_taken)
}

fn shown(settings: &Settings, rows: &[EndpointRow]) -> String {
    let header =
        ["endpoint", "state", "since", "lag", "backlog", "waits", "given up", "last told", "last failure"];
    let cells = rows.iter().map(|row| {
        let is_configured = settings.relay.endpoints.iter().any(|endpoint| endpoint.name == row.name);
        let state = row.state_in_words();
        let state = if is_configured { state.to_owned() } else { format!("{state}, not configured") };
        let cells = [
            row.name.clone(),
            if row.resyncing { format!("{state}, told of all again") } else { state },
            row.since.clone(),
            format!("{} s", row.lag_seconds),
            row.backlog_changes.to_string(),
            row.waits.to_string(),
            row.given_up.to_string(),
            row.told_at.clone().unwrap_or_default(),
            row.error.clone().unwrap_or_default(),
        ];
        cells.iter().map(|cell| printable(cell)).collect()
    });
    table(&header, cells)
}
