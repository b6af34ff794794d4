//! The first bytes of a file: whether it can be the report at all, or is what people give instead of it.

use std::io::{Cursor, Read};

use super::super::definition::ReportFormat;
use super::BadReport;

/// How many bytes are looked at.
const OPENING_BYTES: u64 = 512;

/// What a file begins with that is no text, and what to do.
const NO_TEXT: [(&[u8], &str, &str); 6] = [
    (b"\xff\xfe", "it is UTF-16", TO_UTF_8),
    (b"\xfe\xff", "it is UTF-16", TO_UTF_8),
    (b"PK\x03\x04", "it is a ZIP archive or a spreadsheet", "unpack it, or save the sheet as CSV in UTF-8"),
    (b"\x1f\x8b", "it is compressed", "unpack it: `gunzip FILE`"),
    (b"%PDF", "it is a PDF", "download the report as CSV"),
    (b"\xd0\xcf\x11\xe0", "it is a spreadsheet", "save the sheet as CSV in UTF-8"),
];
const TO_UTF_8: &str = "make it UTF-8: `iconv -f UTF-16 -t UTF-8 FILE > FILE.csv`";

/// The same file, from its beginning.
///
/// # Errors
/// [`BadReport`] where it is something else.
pub(super) fn opened<R: Read>(format: ReportFormat, mut file: R) -> Result<impl Read, BadReport> {
    let mut opening = Vec::new();
    let read = file.by_ref().take(OPENING_BYTES).read_to_end(&mut opening);
    read.map_err(|error| BadReport::new(error.to_string()))?;
    let refused = |problem: &str, way_out: &str| {
        Err(BadReport { problem: problem.to_owned(), ways_out: vec![way_out.to_owned()] })
    };
    if let Some((_, problem, way_out)) = NO_TEXT.iter().find(|(begin, ..)| opening.starts_with(begin)) {
        return refused(problem, way_out);
    }
    // Latin letters of UTF-16 without a mark are every other byte.
    if opening.first() == Some(&0) || opening.get(1) == Some(&0) {
        return refused("it is UTF-16", TO_UTF_8);
    }
    let text = opening.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&opening);
    match (format, text.iter().find(|byte| !byte.is_ascii_whitespace())) {
        (_, None) => refused("it is empty", "download it again"),
        (_, Some(b'<')) => {
            refused("it is a page of HTML or XML", "a download that failed, or a login that ended, gives one")
        }
        (ReportFormat::Json, Some(first)) if !b"{[".contains(first) => {
            refused("it is not JSON", "this report is what the API answers, not an export of the dashboard")
        }
        (ReportFormat::Csv, Some(b'{' | b'[')) => refused(
            "it is JSON, not CSV",
            "this report is a file of the provider's, not what the API answers",
        ),
        (ReportFormat::Json | ReportFormat::Csv, Some(_)) => Ok(Cursor::new(opening).chain(file)),
    }
}
