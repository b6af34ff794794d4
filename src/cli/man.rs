//! `paylatch man`: the manual page, written from the same definitions as the help.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// The page in the language of `man`: all commands, each with what it takes.
pub(super) fn page(mut command: Command) -> String {
    command.build();
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(
        ".TH PAYLATCH 1 \"\" \"paylatch {version}\" \"Paylatch\"\n.SH NAME\npaylatch \\- {}\n.SH SYNOPSIS\n.B paylatch\n\
         .I COMMAND\n.SH OPTIONS\n",
        escaped(about.trim_end_matches('.'))
    );
    command.get_arguments().for_each(|argument| option(&mut page, argument));
    page.push_str(".SH COMMANDS\n");
    for own in command.get_subcommands().filter(|own| own.get_name() != "help") {
        subcommand(&mut page, own, own.get_name());
    }
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(page, ".SH EXIT STATUS\n{}", escaped(&after));
    page
}

fn subcommand(page: &mut String, command: &Command, name: &str) {
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string);
    let _ = writeln!(page, ".SS paylatch {}\n{}", escaped(name), escaped(&about.unwrap_or_default()));
    if let Some(example) = command.get_after_help() {
        let _ = writeln!(page, ".PP\n{}", escaped(&example.to_string()));
    }
    // Options that every command takes are printed once.
    let own =
        command.get_arguments().filter(|argument| !argument.is_global_set() && argument.get_id() != "help");
    own.for_each(|argument| option(page, argument));
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        subcommand(page, below, &format!("{name} {}", below.get_name()));
    }
}

fn option(page: &mut String, argument: &Arg) {
    let values: String =
        argument.get_value_names().unwrap_or_default().iter().map(|name| format!(" {name}")).collect();
    let takes_values = argument.get_action().takes_values();
    let written = match argument.get_long() {
        Some(long) if takes_values => format!("--{long}{values}"),
        Some(long) => format!("--{long}"),
        None => values.trim_start().to_owned(),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(page, ".TP\n.B {}\n{}", escaped(&written), escaped(&help));
}

/// A line that begins with a dot or a quote would be a request, and a backslash begins one; a dash of a flag is a minus.
fn escaped(text: &str) -> String {
    let lines = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = lines.lines().map(|line| match line.chars().next() {
        Some('.' | '\'') => format!("\\&{line}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{escaped, page};
    use crate::cli::Paylatch;

    #[test]
    fn every_command_is_on_the_page_and_text_is_taken_for_no_request() {
        let page = page(Paylatch::command());
        for command in Paylatch::command().get_subcommands() {
            assert!(
                page.contains(&format!(".SS paylatch {}\n", command.get_name())),
                "{}",
                command.get_name()
            );
        }
        assert!(page.contains(".SS paylatch config init\n"));
        assert_eq!(escaped(".x\n'y\n-z \\n"), "\\&.x\n\\&'y\n\\-z \\en");
    }
}
