//! What a check found, part by part.

use serde::Serialize;

use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Output, Tone};

/// What was found, part by part: told at once for people, at the end for programs.
pub(super) struct Report {
    output: Output,
    json: bool,
    parts: Vec<Part>,
    worst: Exit,
}

#[derive(Serialize)]
struct Part {
    part: &'static str,
    ok: bool,
    found: String,
    /// Of a failure.
    code: Option<&'static str>,
    hints: Vec<String>,
}

impl Report {
    pub(super) fn new(output: Output, json: bool) -> Self {
        Self { output, json, parts: Vec::new(), worst: Exit::Ok }
    }

    pub(super) fn good(&mut self, part: &'static str, found: impl ToString) {
        self.add("ok", Part { part, ok: true, found: found.to_string(), code: None, hints: Vec::new() });
    }

    pub(super) fn note(&mut self, part: &'static str, advice: impl ToString) {
        self.add("note", Part { part, ok: true, found: advice.to_string(), code: None, hints: Vec::new() });
    }

    /// What a person should look at, although all works.
    pub(super) fn warn(&mut self, part: &'static str, found: impl ToString) {
        self.add("warn", Part { part, ok: true, found: found.to_string(), code: None, hints: Vec::new() });
    }

    pub(super) fn bad(&mut self, part: &'static str, failure: &Failure) {
        let (found, hints) = (failure.message().to_owned(), failure.hints().to_vec());
        self.add("FAIL", Part { part, ok: false, found, code: Some(failure.code()), hints });
        if self.worst == Exit::Ok {
            self.worst = failure.exit();
        }
    }

    fn add(&mut self, word: &str, part: Part) {
        if !self.json {
            let Part { part, ok, found, hints, .. } = &part;
            let word = format!("{word:<4}");
            let word = if *ok { word } else { self.output.tone(Tone::Bad, word) };
            self.output.line(format_args!("{word}  {part:<9}  {found}"));
            for hint in hints {
                self.output.line(format_args!("      {:<9}  {hint}", ""));
            }
        }
        self.parts.push(part);
    }

    /// Tells programs all of it; gives the exit code of the first part that is wrong.
    pub(super) fn end(self) -> Exit {
        if self.json {
            self.output.json(&self.parts);
        }
        self.worst
    }
}
