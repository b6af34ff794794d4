//! `paylatch config`: every setting as it holds, and where it comes from; and a file to begin with.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::{printable, table};
use crate::config::{Needs, Resolved};

#[derive(Args)]
pub(super) struct Config {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print the settings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Write a settings file to begin with, every line of it a comment.
    Init {
        /// Where.
        #[arg(default_value = "paylatch.toml")]
        path: PathBuf,
    },
}

/// Every setting that most need, commented out: nothing holds until somebody decides it.
const TEMPLATE: &str = include_str!("settings_template.toml");

/// Prints the settings, secrets masked; or writes a file for them.
pub(super) fn run(context: &Context, config: &Config) -> Result<(), Failure> {
    if let Some(Action::Init { path }) = &config.action {
        write_template(path)?;
        context.output.line(format_args!("wrote {}", path.display()));
        return Ok(());
    }
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

/// For its owner alone, and never over one that is there.
fn write_template(path: &Path) -> Result<(), Failure> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = made.and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    written.map_err(|error| {
        Failure::new(
            Exit::Failed,
            "settings_not_written",
            format!("cannot write {}: {error}", path.display()),
        )
        .hint("name another file: `paylatch config init FILE`")
    })
}

#[cfg(test)]
mod tests {
    use super::TEMPLATE;
    use crate::config::{File, Layers, Needs, Settings};

    #[test]
    fn the_template_holds_nothing_until_its_lines_are_uncommented_and_is_right_then() {
        let read = |text: String| {
            let file = Some(File { path: "paylatch.toml".into(), text });
            Settings::read(Layers { file, ..Layers::default() }, Needs::default())
        };
        assert!(read(TEMPLATE.to_owned()).unwrap().sources.is_empty());
        let is_setting = |line: &str| line.starts_with("# [") || line.split_once(" = ").is_some();
        let lines = TEMPLATE.lines().filter(|line| is_setting(line));
        let text: Vec<_> = lines.map(|line| line.trim_start_matches("# ")).collect();
        // The files that it names are not there.
        let text = text
            .join("\n")
            .replace("admin_token_file = \"/run/secrets/admin\"", "admin_token = 'canary_of_a_test'");
        let text =
            text.replace("secret_files = [\"/run/secrets/stripe\"]", "secrets = ['canary_0123456789']");
        assert_eq!(read(text).unwrap().sources.len(), 1);
    }
}
