//! Asks a person to confirm what cannot be undone. A script cannot be asked: it confirms by `--yes`.

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, stdin};

use super::output::Output;

/// Whether somebody who could be asked sits there.
pub(super) fn can_ask() -> bool {
    stdin().is_terminal()
}

/// Whether that person says yes.
pub(super) fn is_agreed_to(output: Output, question: impl Display) -> bool {
    output.note(format_args!("{question}; go on? [y/N]"));
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
