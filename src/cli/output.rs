//! What the command line writes: answers to stdout, remarks and errors to stderr.

use std::fmt::{Display, Write as _};
use std::io::{IsTerminal, Write, stderr, stdout};

use comfy_table::{Table, presets};
use serde::Serialize;

pub(super) use crate::printable::printable;

/// Whether colour may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    no_colour: bool,
    colour_out: bool,
    colour_err: bool,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    /// Something to look at first.
    Strong,
    /// Something that went wrong.
    Bad,
    /// A way out.
    Hint,
}

impl Output {
    /// Colour goes to terminals only, and never when `NO_COLOR` says so.
    pub(super) fn new(no_colour: bool) -> Self {
        Self {
            no_colour,
            colour_out: !no_colour && stdout().is_terminal(),
            colour_err: !no_colour && stderr().is_terminal(),
        }
    }

    /// Whether the user wants no colour anywhere.
    pub(super) fn is_colourless(self) -> bool {
        self.no_colour
    }

    /// Whether remarks go to a terminal.
    pub(super) fn is_read_by_people(self) -> bool {
        stderr().is_terminal()
    }

    /// A line of the answer.
    pub(super) fn line(self, text: impl Display) {
        write_line(&mut stdout().lock(), text);
    }

    /// The answer as JSON, for programs.
    pub(super) fn json(self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("\"{error}\""));
        self.line(text);
    }

    /// A remark beside the answer.
    pub(super) fn note(self, text: impl Display) {
        write_line(&mut stderr().lock(), text);
    }

    /// `text` in its tone, for stdout.
    pub(super) fn tone(self, tone: Tone, text: impl Display) -> String {
        paint(self.colour_out, tone, text)
    }

    /// `text` in its tone, for stderr.
    pub(super) fn tone_err(self, tone: Tone, text: impl Display) -> String {
        paint(self.colour_err, tone, text)
    }
}

/// A reader that went away, as in `paylatch orders | head`, is no error.
fn write_line(to: &mut impl Write, text: impl Display) {
    let _ = writeln!(to, "{text}");
}

fn paint(colour: bool, tone: Tone, text: impl Display) -> String {
    let code = match tone {
        Tone::Strong => 1,
        Tone::Bad => 31,
        Tone::Hint => 36,
    };
    if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
}

/// A table under `header`. Cells are printed as they are: escape what others chose.
pub(super) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec()).add_rows(rows);
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The title, and under it labels and values in two columns. `tone` dresses the labels.
pub(super) fn block(title: &str, lines: &[(&str, String)], tone: impl Fn(&str) -> String) -> String {
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    let mut text = format!("{title}\n");
    for (label, value) in lines {
        let _ = write!(text, "\n  {}  {value}", tone(&format!("{label:<width$}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn values_stand_under_each_other() {
        let lines = [("Webhooks", "a".to_owned()), ("API", "b".to_owned())];
        assert_eq!(block("it", &lines, str::to_owned), "it\n\n  Webhooks  a\n  API       b");
    }
}
