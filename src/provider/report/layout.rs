//! What the lines of a CSV are: by a header alone, or by what each begins with.

use ::csv::StringRecord;

use super::super::definition::{ReportTable, SectionLine};

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Header,
    Row,
    /// Names the account of the rows behind it.
    Section,
    /// Counts the rows since the header.
    Count,
    /// Closes the file.
    End,
    /// Holds no row.
    Other,
    /// Nothing that the definition knows.
    Unknown,
}

/// The first cell of a line without its byte order mark.
pub(super) fn first_cell(record: &StringRecord) -> &str {
    unmarked(record.get(0).unwrap_or_default())
}

/// A cell without blanks around it. Files that were put behind each other have a byte order mark each, and behind one a quote is
/// but a letter.
pub(super) fn unmarked(cell: &str) -> &str {
    let text = cell.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    if cell.starts_with('\u{feff}') { text.trim_matches('"') } else { text }
}

/// What a line is that begins so; nothing where the report's lines do not begin with what they are.
pub(super) fn kind_by_first_cell(table: &ReportTable, first: &str) -> Option<LineKind> {
    let (header, body) = table.header.as_ref().zip(table.body.as_ref())?;
    let is = |own: Option<&str>| own == Some(first);
    Some(if first == header {
        LineKind::Header
    } else if first == body {
        LineKind::Row
    } else if is(table.section.as_ref().map(|section| section.line.as_str())) {
        LineKind::Section
    } else if is(table.count.as_deref()) {
        LineKind::Count
    } else if is(table.end.as_deref()) {
        LineKind::End
    } else if table.others.0.iter().any(|other| other == first) {
        LineKind::Other
    } else {
        LineKind::Unknown
    })
}

/// The account that a section's line names.
pub(super) fn account_of(section: Option<&SectionLine>, record: &StringRecord) -> Option<String> {
    let at = section?.account.checked_sub(1)?;
    record.get(at).map(str::trim).filter(|account| !account.is_empty()).map(str::to_owned)
}

/// What all kinds of lines begin with, for people.
pub(super) fn known_beginnings(table: &ReportTable) -> String {
    let section = table.section.as_ref().map(|section| &section.line);
    let named =
        [table.header.as_ref(), table.body.as_ref(), section, table.count.as_ref(), table.end.as_ref()];
    let all = named.into_iter().flatten().chain(&table.others.0);
    all.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// How many rows there were, and how many a line of the file counts.
#[derive(Debug, Default)]
pub(super) struct RowCount {
    since_count: u64,
    last: Option<LineKind>,
}

impl RowCount {
    /// Takes note of a line; says what is wrong with it.
    pub(super) fn take(&mut self, kind: LineKind, record: &StringRecord) -> Option<String> {
        self.last = Some(kind);
        match kind {
            LineKind::Row => self.since_count += 1,
            LineKind::Count => {
                let read = std::mem::take(&mut self.since_count);
                let told = record.get(1).unwrap_or_default().trim();
                if told.parse() != Ok(read) {
                    return Some(format!(
                        "it counts {told:.20} rows, and {read} were before it: lines are missing; get the file again"
                    ));
                }
            }
            LineKind::Header | LineKind::Section | LineKind::End | LineKind::Other | LineKind::Unknown => {}
        }
        None
    }

    /// What is wrong with the end of the file.
    pub(super) fn at_end(&self, table: &ReportTable) -> Option<String> {
        let count = table.count.as_ref()?;
        let is_open = self.since_count > 0 && self.last != Some(LineKind::End);
        is_open.then(|| {
            format!(
                "the file ends without a line {count}, which counts its rows: it is cut off; get it again"
            )
        })
    }
}
