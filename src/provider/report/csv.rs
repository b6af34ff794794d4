//! CSV as RFC 4180 has it: quotes, CRLF, a byte order mark, columns in any order and more of them than are read.

use std::borrow::Cow;
use std::io::Read;

use ::csv::{ReaderBuilder, StringRecord};

use super::bounded::Bounded;
use super::columns::Cells;
use super::{BadReport, RECORD_BYTES_MAX, Report, Taken};

/// The most columns.
const COLUMNS_MAX: usize = 1_000;

/// Hands every row's cells over, until `each` wants no more.
pub(super) fn read(
    report: &Report,
    file: impl Read,
    each: &mut dyn FnMut(u64, Result<&Cells<'_>, String>) -> Taken,
) -> Result<(), BadReport> {
    let (file, room) = Bounded::new(file, RECORD_BYTES_MAX);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut record = StringRecord::new();
    let mut header: Option<Header> = None;
    while reader.read_record(&mut record).map_err(|error| unreadable(&error))? {
        room.renew();
        let line = record.position().map_or(0, ::csv::Position::line);
        match (report.line_kind(record.get(0).unwrap_or_default(), header.is_some()), &header) {
            (LineKind::Other, _) => {}
            (LineKind::Header, _) => header = Some(Header::of(report, &record)?),
            (LineKind::Row, None) => {
                return Err(BadReport::new(format!("line {line} is a row, and no header stands before it")));
            }
            (LineKind::Row, Some(header)) => {
                let taken = match header.cells(&record) {
                    Ok(cells) => each(line, Ok(&cells)),
                    Err(problem) => each(line, Err(problem)),
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

/// Where a file has the columns.
struct Header {
    places: Vec<Option<usize>>,
    length: usize,
}

impl Header {
    fn of(report: &Report, record: &StringRecord) -> Result<Self, BadReport> {
        if record.len() > COLUMNS_MAX {
            return Err(BadReport::new(format!("it has {} columns, more than {COLUMNS_MAX}", record.len())));
        }
        let place = |name: &String| record.iter().position(|own| own.trim() == name);
        let places: Vec<_> = report.columns.names().iter().map(place).collect();
        report.has_what_it_needs(|at| places.get(at).is_some_and(Option::is_some))?;
        Ok(Self { places, length: record.len() })
    }

    fn cells<'r>(&self, record: &'r StringRecord) -> Result<Cells<'r>, String> {
        if record.len() != self.length {
            return Err(format!("it has {} cells, the header {}", record.len(), self.length));
        }
        let text = |place: &Option<usize>| place.and_then(|at| record.get(at)).map(Cow::Borrowed);
        Ok(Cells(self.places.iter().map(text).collect()))
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
