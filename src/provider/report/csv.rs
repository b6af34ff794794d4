//! CSV as RFC 4180 has it: quotes, CRLF, a byte order mark, columns in any order and more of them than are read.

use std::borrow::Cow;
use std::io::Read;

use ::csv::{Reader, ReaderBuilder, StringRecord};

use super::bounded::{Bounded, Room};
use super::columns::{Cells, quoted};
use super::layout::{
    LineKind, RowCount, account_of, first_cell, kind_by_first_cell, known_beginnings, unmarked,
};
use super::{BadReport, RECORD_BYTES_MAX, Report, Taken};

/// The most columns.
const COLUMNS_MAX: usize = 1_000;

/// The lines of a file, none longer than a limit.
pub(crate) struct Lines<R: Read> {
    reader: Reader<Bounded<R>>,
    room: Room,
    record: StringRecord,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(file: R, record_bytes_max: usize) -> Self {
        let (file, room) = Bounded::new(file, record_bytes_max);
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        Self { reader, room, record: StringRecord::new() }
    }

    /// The next line that is not empty, with its number.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &StringRecord)>, BadReport> {
        if !self.reader.read_record(&mut self.record).map_err(|error| unreadable(&error))? {
            return Ok(None);
        }
        self.room.renew();
        let (line, records) =
            self.record.position().map_or((0, 0), |position| (position.line(), position.record()));
        // The second letter of a line's end is read with the line behind it, which is counted too low by one.
        let line = line + u64::from(records > 0 && self.room.has_crlf());
        Ok(Some((line, &self.record)))
    }
}

/// Hands every row's cells over, until `each` wants no more.
pub(super) fn read(
    report: &Report,
    file: impl Read,
    each: &mut dyn FnMut(u64, Result<&Cells<'_>, String>) -> Taken,
) -> Result<(), BadReport> {
    let mut lines = Lines::new(file, RECORD_BYTES_MAX);
    let (mut header, mut account, mut last_line): (Option<Header>, Option<String>, u64) = (None, None, 0);
    let (mut count, mut is_known) = (RowCount::default(), false);
    while let Some((line, record)) = lines.next()? {
        last_line = line;
        let kind = kind_by_first_cell(&report.table, first_cell(record))
            .unwrap_or_else(|| report.kind_by_header(header.as_ref(), record));
        let mut problem = count.take(kind, record);
        match (kind, &header) {
            (LineKind::Header, _) => {
                let found = Header::of(report.columns.names(), record)?;
                report.has_what_it_needs(|at| found.has(at)).map_err(|bad| of_other_commas(bad, record))?;
                header = Some(found);
            }
            (LineKind::Row, None) => return Err(headless(line)),
            (LineKind::Row, Some(header)) => {
                let cells = header.cells(record);
                let cells = cells.map(|texts| Cells { texts, section_account: account.as_deref() });
                let taken = match &cells {
                    Ok(cells) => each(line, Ok(cells)),
                    Err(problem) => each(line, Err(problem.clone())),
                };
                if taken == Taken::Enough {
                    return Ok(());
                }
            }
            (LineKind::Section, _) => account = account_of(report.table.section.as_ref(), record),
            (LineKind::Unknown, _) if !is_known => {
                let problem = format!("line {line} begins with {}", not_known(report, record));
                let bad = BadReport { problem, ways_out: vec![report.table.get.clone()] };
                return Err(of_other_commas(bad, record));
            }
            (LineKind::Unknown, _) => problem = Some(format!("it begins with {}", not_known(report, record))),
            (LineKind::Count | LineKind::End | LineKind::Other, _) => {}
        }
        is_known = true;
        if problem.is_some_and(|problem| each(line, Err(problem)) == Taken::Enough) {
            return Ok(());
        }
    }
    if let Some(problem) = count.at_end(&report.table) {
        each(last_line, Err(problem));
    }
    // A day without a transaction may have no header either.
    if header.is_some() || is_known {
        Ok(())
    } else {
        Err(BadReport::new("there is no header in it".to_owned()))
    }
}

fn not_known(report: &Report, record: &StringRecord) -> String {
    let first = quoted(first_cell(record));
    format!("{first}, and lines of this report with {}", known_beginnings(&report.table))
}

fn headless(line: u64) -> BadReport {
    let way_out = "put the parts of a report that goes on in several files behind each other: `cat FIRST SECOND > WHOLE`";
    BadReport {
        problem: format!("line {line} is a row, and no header stands before it"),
        ways_out: vec![way_out.to_owned()],
    }
}

/// Says so where a line is one cell that has what else may stand between columns.
fn of_other_commas(mut bad: BadReport, record: &StringRecord) -> BadReport {
    let text = record.get(0).unwrap_or_default();
    let between = [(';', "semicolons"), ('\t', "tabs")];
    if let Some((_, named)) = between.iter().find(|(mark, _)| record.len() == 1 && text.contains(*mark)) {
        let way_out = format!(
            "its columns are separated by {named}: give the file as the provider made it, with commas"
        );
        bad.ways_out.insert(0, way_out);
    }
    bad
}

/// Where a file has the columns that are read.
pub(crate) struct Header {
    places: Vec<Option<usize>>,
    length: usize,
}

impl Header {
    /// Finds the columns of these names, in whatever order. Blanks and case count only where two columns differ in nothing
    /// else: releases of one report write `Transaction  Debit or Credit` and `TransactionDebitOrCredit`.
    pub(crate) fn of(names: &[impl AsRef<str>], record: &StringRecord) -> Result<Self, BadReport> {
        if record.len() > COLUMNS_MAX {
            return Err(BadReport::new(format!("it has {} columns, more than {COLUMNS_MAX}", record.len())));
        }
        let places = names.iter().map(|name| place_of(name.as_ref(), record)).collect::<Result<_, _>>()?;
        Ok(Self { places, length: record.len() })
    }

    /// Whether the column of this name, by its place among them, is there.
    pub(crate) fn has(&self, at: usize) -> bool {
        self.places.get(at).is_some_and(Option::is_some)
    }

    /// What a row has in the column of this name, by its place among them.
    pub(super) fn text<'r>(&self, at: usize, record: &'r StringRecord) -> Option<&'r str> {
        self.places.get(at).copied().flatten().and_then(|place| record.get(place))
    }

    /// What a row has in each column.
    pub(crate) fn cells<'r>(&self, record: &'r StringRecord) -> Result<Vec<Option<Cow<'r, str>>>, String> {
        if record.len() != self.length {
            return Err(format!("it has {} cells, the header {}", record.len(), self.length));
        }
        let text = |place: &Option<usize>| place.and_then(|at| record.get(at)).map(Cow::Borrowed);
        Ok(self.places.iter().map(text).collect())
    }
}

fn place_of(name: &str, record: &StringRecord) -> Result<Option<usize>, BadReport> {
    let places = |is: &dyn Fn(&str) -> bool| {
        let found = record.iter().enumerate().filter(|(_, cell)| is(unmarked(cell)));
        found.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let exact = places(&|cell| cell == name);
    let found = if exact.is_empty() { places(&|cell| is_alike(cell, name)) } else { exact };
    match found.as_slice() {
        [] => Ok(None),
        [at] => Ok(Some(*at)),
        _ => Err(BadReport {
            problem: format!("it has the column {name} {} times", found.len()),
            ways_out: vec!["which of them counts is not said: leave one in the export".to_owned()],
        }),
    }
}

/// Whether two names differ in nothing but blanks and case.
pub(super) fn is_alike(one: &str, other: &str) -> bool {
    let bare = |name: &str| {
        let letters = name.chars().filter(|letter| !letter.is_whitespace());
        letters.flat_map(char::to_lowercase).collect::<Vec<_>>()
    };
    // Most cells of a report differ from a name in length already.
    let blanks = |name: &str| name.bytes().filter(u8::is_ascii_whitespace).count();
    one.len() - blanks(one) == other.len() - blanks(other) && bare(one) == bare(other)
}

fn unreadable(error: &::csv::Error) -> BadReport {
    let line = error.position().map(|position| format!("line {}: ", position.line())).unwrap_or_default();
    let (problem, way_out) = match error.kind() {
        ::csv::ErrorKind::Utf8 { .. } => (
            "it is not UTF-8".to_owned(),
            Some("give the file as the provider made it; a spreadsheet saves in another encoding".to_owned()),
        ),
        ::csv::ErrorKind::Io(error) => (error.to_string(), None),
        _ => (error.to_string(), None),
    };
    BadReport { problem: format!("{line}{problem}"), ways_out: way_out.into_iter().collect() }
}
