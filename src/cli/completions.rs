//! `paylatch completions`: what a shell needs to complete commands and flags.

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::output::Output;

#[derive(Args)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Prints the shell's script.
pub(super) fn run(output: Output, mut command: Command, completions: &Completions) {
    let mut script = Vec::new();
    generate(completions.shell, &mut command, "paylatch", &mut script);
    output.line(String::from_utf8_lossy(&script).trim_end());
}
