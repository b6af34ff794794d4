//! A provider's own record of money: files that it makes, read by `[[report]]` of its definition.
//!
//! What is in a file is as hostile as a webhook: it is read row by row, each within limits, and only the cells that a
//! definition names are kept.

mod amounts;
mod bounded;
mod columns;
mod csv;
mod json;
mod layout;
mod opening;
mod rules;
mod time;
mod time_zone;

use std::collections::BTreeSet;
use std::io::Read;

use sha2::{Digest, Sha256};

pub use self::bounded::Bounded;
use self::columns::Columns;
pub(crate) use self::csv::{Header as CsvHeader, Lines as CsvLines};
use self::layout::LineKind;
use self::rules::Rules;
use super::Mistake;
use super::definition::{Definition, ReportFormat, ReportTable};
use super::facts::exponents;
use super::fields::{FieldReader, Slot};
use crate::order::{Class, ReportRow, TimeSpan};

/// The longest record, in bytes. A quote that is left open would make one of all the rest.
const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// The most rows of one file.
const ROWS_MAX: u64 = 20_000_000;

/// A kind of report that a provider makes, compiled.
#[derive(Debug, Clone)]
pub struct Report {
    name: String,
    sha256: [u8; 32],
    table: ReportTable,
    columns: Columns,
    rules: Rules,
    /// Of JSON: the way to the list of rows, the fields of a row, and the field of each column.
    rows: Vec<String>,
    /// The way to what says that another page follows.
    more: Option<Vec<String>>,
    fields: FieldReader,
    slots: Vec<Slot>,
}

/// What a line of a report is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A row to compare, or of a type that nobody knows.
    Row(ReportRow),
    /// A row of this type, which moves no customer's money.
    Ignored(String),
    /// A row of this account, which is none of the source's.
    Foreign(String),
    /// A row that cannot be read, and why.
    Unreadable(String),
}

/// Whether whoever takes the lines wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Go on.
    More,
    /// Nobody takes them any more.
    Enough,
}

/// Why a file is not this report, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct BadReport {
    /// What is wrong with it.
    pub problem: String,
    /// What to tick in the export.
    pub ways_out: Vec<String>,
}

impl BadReport {
    fn new(problem: String) -> Self {
        Self { problem, ways_out: Vec::new() }
    }
}

/// The reports of a definition.
///
/// # Errors
/// The key and what was expected.
pub(super) fn reports(definition: &Definition) -> Result<Vec<Report>, Mistake> {
    let compile = |table: &ReportTable| {
        let key = format!("report {}", table.name);
        Report::new(table, definition).map_err(|problem| (key, problem))
    };
    definition.reports.iter().map(compile).collect()
}

impl Report {
    fn new(table: &ReportTable, definition: &Definition) -> Result<Self, String> {
        let mut columns = Columns::default();
        let rules = Rules::new(table, exponents(&definition.facts)?, &mut columns)?;
        for required in table.require.keys() {
            columns.cell(required);
        }
        let has_kinds = table.header.is_some() && table.body.is_some();
        if !has_kinds && (table.count.is_some() || table.section.is_some() || table.end.is_some()) {
            return Err("`count`, `end` and `section` are lines: expected `header` and `body` too".to_owned());
        }
        let more = table.more.as_deref().map(|more| {
            let path = more.strip_prefix('/').ok_or("more: expected a pointer such as `/cursor`")?;
            Ok::<_, &str>(path.split('/').map(str::to_owned).collect())
        });
        let mut fields = FieldReader::default();
        let (mut rows, mut slots) = (Vec::new(), Vec::new());
        if table.format == ReportFormat::Json {
            let path = table.rows.strip_prefix('/').and_then(|path| path.strip_suffix("/*"));
            let path = path.ok_or("rows: expected a pointer to a list that ends with `/*`")?;
            rows = path.split('/').map(str::to_owned).collect();
            slots = columns.names().iter().map(|name| fields.slot(name)).collect::<Result<_, _>>()?;
        }
        Ok(Self {
            name: table.name.clone(),
            sha256: Sha256::digest(format!("{table:?}")).into(),
            table: table.clone(),
            columns,
            rules,
            rows,
            more: more.transpose()?,
            fields,
            slots,
        })
    }

    /// What `--report` calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The vendor's page about it, and how to get it.
    #[must_use]
    pub fn origin(&self) -> (&str, &str) {
        (&self.table.page, &self.table.get)
    }

    /// Stands for the definition: with another one the same bytes say something else.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The classes of movements that it tells of.
    #[must_use]
    pub fn classes(&self) -> BTreeSet<Class> {
        self.rules.classes().collect()
    }

    /// Whether it lists what was paid out by its end, some days after it happened, and not all that happened until then.
    #[must_use]
    pub fn settles(&self) -> bool {
        self.table.settles
    }

    /// Hands every line over with its number, until `take` wants no more; tells what time the rows are about. Where `accounts`
    /// are named, rows of others are told apart.
    ///
    /// # Errors
    /// [`BadReport`]; the lines until then were handed over.
    pub fn read(
        &self,
        accounts: &[String],
        file: impl Read,
        mut take: impl FnMut(u64, Line) -> Taken,
    ) -> Result<Option<TimeSpan>, BadReport> {
        let (mut span, mut slack_max, mut count) = (None, 0, 0);
        let mut each = |line: u64, cells: Result<&columns::Cells<'_>, String>| {
            count += 1;
            if count > ROWS_MAX {
                return Taken::Enough;
            }
            let (read, slack) = match cells {
                Ok(cells) => self.rules.read(cells, accounts),
                Err(problem) => (Line::Unreadable(problem), 0),
            };
            if let Line::Row(ReportRow { occurred_at: Some(at), .. }) = &read {
                span = Some(TimeSpan::with(span, *at));
                slack_max = slack.max(slack_max);
            }
            take(line, read)
        };
        let file = opening::opened(self.table.format, file).map_err(|bad| self.with_its_origin(bad))?;
        match self.table.format {
            ReportFormat::Csv => csv::read(self, file, &mut each),
            ReportFormat::Json => json::read(self, file, &mut each),
        }?;
        if count > ROWS_MAX {
            return Err(BadReport::new(format!("it has more than {ROWS_MAX} rows; split it")));
        }
        Ok(span.map(|span| span.less(slack_max)))
    }

    fn with_its_origin(&self, mut bad: BadReport) -> BadReport {
        bad.ways_out.push(self.table.get.clone());
        bad
    }

    /// What a line of a CSV is whose lines do not say what they are: the first is the header. Another one stands where files were
    /// put behind each other.
    fn kind_by_header(&self, header: Option<&csv::Header>, record: &::csv::StringRecord) -> LineKind {
        let Some(header) = header else { return LineKind::Header };
        let is_type = |cell: &str| csv::is_alike(cell, &self.table.type_name);
        if header.text(self.rules.type_at(), record).is_some_and(is_type) {
            return LineKind::Header;
        }
        let is_header = || {
            let other = csv::Header::of(self.columns.names(), record);
            other.is_ok_and(|other| self.has_what_it_needs(|at| other.has(at)).is_ok())
        };
        if record.iter().any(is_type) && is_header() { LineKind::Header } else { LineKind::Row }
    }

    /// Whether the columns are there that are needed; `has`: whether that of a place is.
    fn has_what_it_needs(&self, has: impl Fn(usize) -> bool) -> Result<(), BadReport> {
        let names = self.columns.names();
        let name = |at: &usize| names.get(*at).map_or("", String::as_str);
        let missing_lists = self.rules.needs().filter(|cells| !cells.iter().any(|at| has(*at)));
        let mut missing: BTreeSet<String> =
            missing_lists.map(|cells| cells.iter().map(name).collect::<Vec<_>>().join(" or ")).collect();
        let required = self
            .table
            .require
            .keys()
            .filter(|required| !names.iter().position(|own| own == *required).is_some_and(&has));
        missing.extend(required.cloned());
        if missing.is_empty() {
            return Ok(());
        }
        let ways_out =
            self.table.require.iter().filter(|(column, _)| missing.iter().any(|own| own.contains(*column)));
        Err(BadReport {
            problem: format!("it has no column {}", missing.iter().cloned().collect::<Vec<_>>().join(", ")),
            ways_out: ways_out.map(|(_, tick)| tick.clone()).chain([self.table.get.clone()]).collect(),
        })
    }
}
