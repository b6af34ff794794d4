//! How a command starts: the settings that were chosen, a runtime to work in, and what the shell is told at the end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Args;
use tokio::runtime::Builder;

use super::caller_input::CallerInput;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::config::Flag;

// Where settings come from, beside the environment. (A doc comment would stand in the help instead of the program's.)
#[derive(Args)]
pub(super) struct ChosenSettings {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The settings file [default: PAYLATCH_CONFIG, else ./paylatch.toml if there is one]"
    )]
    config: Option<PathBuf>,
    #[arg(
        long = "set",
        global = true,
        value_name = "NAME=VALUE",
        help = "A setting, ahead of environment and file, such as lock.ttl_ms=3000; may be repeated"
    )]
    settings: Vec<String>,
}

/// Says what is wrong with the command line.
pub(super) fn wrong_usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}

/// Does `work` in a runtime, and tells what failed.
pub(super) fn start(
    chosen: ChosenSettings,
    environment: BTreeMap<String, String>,
    work: impl AsyncFnOnce(&mut Context) -> Result<Exit, Failure>,
) -> ExitCode {
    let no_colour = environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
    let output = Output::new(no_colour);
    let exit = in_a_runtime(chosen, environment, output, work).unwrap_or_else(|failure| {
        failure.tell(output);
        failure.exit()
    });
    ExitCode::from(exit as u8)
}

fn in_a_runtime(
    chosen: ChosenSettings,
    environment: BTreeMap<String, String>,
    output: Output,
    work: impl AsyncFnOnce(&mut Context) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let flags = chosen.settings.iter().map(|text| parse_setting(text)).collect::<Result<_, _>>()?;
    let mut context = Context { input: CallerInput { environment, config: chosen.config, flags }, output };
    let no_runtime = |error| Failure::new(Exit::Failed, "no_runtime", format!("cannot start: {error}"));
    let workers = Builder::new_multi_thread().worker_threads(worker_threads()).enable_all().build();
    let runtime = workers.map_err(no_runtime)?;
    let result = runtime.block_on(work(&mut context));
    // What still runs was told to end and had its time.
    runtime.shutdown_background();
    result
}

/// One core is left to the thread of the lanes, and to a database on the same machine: a worker more would take its time
/// from the commit that all others wait for.
fn worker_threads() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

fn parse_setting(text: &str) -> Result<Flag, Failure> {
    let wrong =
        || Failure::new(Exit::Usage, "wrong_flag", "--set expects NAME=VALUE, such as lock.ttl_ms=3000");
    let (setting, value) = text.split_once('=').ok_or_else(wrong)?;
    Ok(Flag { setting: setting.trim().to_owned(), value: value.to_owned(), written: "--set" })
}
