//! `paylatch providers`: what can be a source's provider, what each needs, and what to subscribe to.

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::{printable, table};
use crate::config::Needs;
use crate::provider::Providers;

#[derive(Args)]
pub(super) struct ListProviders {
    /// Print the providers as JSON.
    #[arg(long)]
    json: bool,
}

/// The longest line of a cell, in characters, unless one word is longer.
const LINE_CHARS_MAX: usize = 60;

/// Prints all definitions by name.
pub(super) fn run(context: &Context, list: &ListProviders) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let providers = Providers::load(settings.providers_dir.as_deref())
        .map_err(|error| Failure::new(Exit::Config, "providers", error.to_string()))?;
    let names = providers.names();
    if list.json {
        let rows = names.map(|name| {
            json!({
                "name": name,
                "needs": providers.needs(name),
                "needs_only_a_secret": providers.needs_only_a_secret(name),
                "takes": providers.takes(name),
                "buyer_sets": providers.buyer_sets(name),
                "subscribe": providers.subscribe(name),
            })
        });
        context.output.json(&rows.collect::<Vec<_>>());
    } else {
        let rows = names.map(|name| {
            let takes = providers.takes(name).into_iter().map(|setting| format!("[{setting}]"));
            let settings: Vec<String> = providers.needs(name).into_iter().chain(takes).collect();
            let buyer_sets: Vec<String> = providers.buyer_sets(name).into_iter().map(str::to_owned).collect();
            vec![printable(name), lines(&settings), lines(&buyer_sets), lines(providers.subscribe(name))]
        });
        context.output.line(table(
            &["provider", "needs [takes]", "order by the buyer", "events to subscribe to"],
            rows,
        ));
    }
    Ok(())
}

/// A list that is broken into lines.
fn lines(words: &[String]) -> String {
    let mut lines = vec![String::new()];
    for (position, word) in words.iter().enumerate() {
        let word = printable(word) + if position + 1 < words.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if line.len() + word.len() < LINE_CHARS_MAX => *line += &format!(" {word}"),
            Some(_) | None => lines.push(word),
        }
    }
    lines.join("\n")
}
