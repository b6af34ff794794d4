//! CSV as RFC 4180 has it: quotes, CRLF, a byte order mark, columns in any order and more of them than are read.

use std::borrow::Cow;
use std::io::Read;

use ::csv::{Reader, ReaderBuilder, StringRecord};

use super::bounded::{Bounded, Room};
use super::columns::Cells;
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
        let line = self.record.position().map_or(0, ::csv::Position::line);
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
    let mut header: Option<Header> = None;
    while let Some((line, record)) = lines.next()? {
        match (report.line_kind(record.get(0).unwrap_or_default(), header.is_some()), &header) {
            (LineKind::Other, _) => {}
            (LineKind::Header, _) => {
                let found = Header::of(report.columns.names(), record)?;
                report.has_what_it_needs(|at| found.has(at))?;
                header = Some(found);
            }
            (LineKind::Row, None) => {
                return Err(BadReport::new(format!("line {line} is a row, and no header stands before it")));
            }
            (LineKind::Row, Some(header)) => {
                let cells = header.cells(record).map(Cells);
                let taken = match &cells {
                    Ok(cells) => each(line, Ok(cells)),
                    Err(problem) => each(line, Err(problem.clone())),
                };
                if taken == Taken::Enough {
                    return Ok(());
                }
            }
        }
    }
    if header.is_some() { Ok(()) } else { Err(BadReport::new("there is no header in it".to_owned())) }
}

/// What a line is.
pub(super) enum LineKind {
    Header,
    Row,
    Other,
}

/// Where a file has the columns that are read.
pub(crate) struct Header {
    places: Vec<Option<usize>>,
    length: usize,
}

impl Header {
    /// Finds the columns of these names, in whatever order.
    pub(crate) fn of(names: &[impl AsRef<str>], record: &StringRecord) -> Result<Self, BadReport> {
        if record.len() > COLUMNS_MAX {
            return Err(BadReport::new(format!("it has {} columns, more than {COLUMNS_MAX}", record.len())));
        }
        let place = |name: &str| record.iter().position(|own| own.trim() == name);
        Ok(Self { places: names.iter().map(|name| place(name.as_ref())).collect(), length: record.len() })
    }

    /// Whether the column of this name, by its place among them, is there.
    pub(crate) fn has(&self, at: usize) -> bool {
        self.places.get(at).is_some_and(Option::is_some)
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

fn unreadable(error: &::csv::Error) -> BadReport {
    let line = error.position().map(|position| format!("line {}: ", position.line())).unwrap_or_default();
    let problem = match error.kind() {
        ::csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        ::csv::ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    };
    BadReport::new(format!("{line}{problem}"))
}
