//! A file of expectations: lines of JSON, or a CSV whose header names the same fields. It is as hostile as any other file: read
//! a record at a time, each within a limit.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::Path;

use serde_json::{Map, Value};

use super::super::failure::{Exit, Failure};
use super::super::output::Output;
use super::the_ledger;
use crate::http::NewExpectation;
use crate::order::{Currency, Expectation, Ledgers, Stated, minor_units};
use crate::provider::{CsvHeader, CsvLines};
use crate::store::Store;

/// Lines that are stated at once.
const LINES_AT_ONCE: usize = 1_000;
/// The longest line, in bytes.
const LINE_BYTES_MAX: u16 = 16 * 1024;
/// The columns of a CSV: the fields of a line of JSON, and the amount as people write it.
const COLUMNS: [&str; 10] = [
    "ledger",
    "order",
    "amount",
    "amount_decimal",
    "currency",
    "revision",
    "tolerance_under",
    "tolerance_over",
    "due_at",
    "closed",
];

/// A record, with its number: what it states, or what is wrong with it.
type Record = (u64, Result<Expectation, String>);

/// What records are read from; `None` at the end.
trait Records {
    fn next(&mut self) -> Result<Option<Record>, String>;
}

/// States record after record, so many at once; tells whether none is in conflict. What was stated before a record that cannot
/// be read stays: the file can be stated again as a whole.
pub(super) async fn state(
    output: Output,
    json: bool,
    store: &Store,
    ledgers: &Ledgers,
    file: &Path,
) -> Result<bool, Failure> {
    let unreadable = |problem: String| {
        let problem = format!("{}: {problem}", file.display());
        Failure::new(Exit::Failed, "unreadable_file", problem)
    };
    let mut records = open(file, ledgers).map_err(unreadable)?;
    let (mut counts, mut read) = ([0_u64; 4], Vec::new());
    loop {
        let record = records.next().map_err(unreadable)?;
        let is_last = record.is_none();
        if let Some((line, expectation)) = record {
            let expectation = expectation.map_err(|what| unreadable(format!("line {line}: {what}")))?;
            the_ledger(Some(expectation.ledger.as_str()), ledgers)?;
            read.push(expectation);
        }
        if read.len() == LINES_AT_ONCE || is_last {
            for stated in store.state(&read).await? {
                counts[Stated::ALL.iter().position(|own| *own == stated).unwrap_or_default()] += 1;
            }
            read.clear();
        }
        if is_last {
            break;
        }
    }
    let told: Map<_, _> =
        Stated::ALL.iter().zip(counts).map(|(stated, count)| (stated.to_string(), count.into())).collect();
    if json {
        output.json(&told);
    } else {
        let told: Vec<String> = told.iter().map(|(word, count)| format!("{count} {word}")).collect();
        output.line(told.join(", "));
    }
    Ok(told.get("conflict").is_some_and(|count| count == 0))
}

/// Lines of JSON begin with a brace, which no header does.
fn open(file: &Path, ledgers: &Ledgers) -> Result<Box<dyn Records>, String> {
    let problem = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let reader: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(stdin()),
        _ => Box::new(std::fs::File::open(file).map_err(problem)?),
    };
    let mut reader = BufReader::new(reader);
    let begins = reader.fill_buf().map_err(problem)?.trim_ascii_start().first();
    match begins {
        Some(b'{') | None => Ok(Box::new(JsonLines { reader, line: 0 })),
        Some(_) => Ok(Box::new(Csv::open(reader, ledgers)?)),
    }
}

struct JsonLines<R> {
    reader: R,
    line: u64,
}

impl<R: BufRead> Records for JsonLines<R> {
    fn next(&mut self) -> Result<Option<Record>, String> {
        loop {
            let mut line = Vec::new();
            let length = self
                .reader
                .by_ref()
                .take(LINE_BYTES_MAX.into())
                .read_until(b'\n', &mut line)
                .map_err(|error| error.to_string())?;
            self.line += 1;
            if length == 0 {
                return Ok(None);
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.line, NewExpectation::read(&line))));
            }
        }
    }
}

struct Csv<R: Read> {
    lines: CsvLines<R>,
    header: CsvHeader,
    /// What a row is of that names no ledger.
    ledger: Option<String>,
}

impl<R: Read> Csv<R> {
    fn open(file: R, ledgers: &Ledgers) -> Result<Self, String> {
        let mut lines = CsvLines::new(file, LINE_BYTES_MAX.into());
        let header = match lines.next().map_err(|bad| bad.problem)? {
            Some((_, record)) => CsvHeader::of(&COLUMNS, record).map_err(|bad| bad.problem)?,
            None => return Err("there is no header in it".to_owned()),
        };
        let has = |name: &str| COLUMNS.iter().position(|own| *own == name).is_some_and(|at| header.has(at));
        let missing = ["order", "currency"].into_iter().find(|name| !has(name));
        let missing = missing.or_else(|| (!has("amount") && !has("amount_decimal")).then_some("amount"));
        if let Some(missing) = missing {
            return Err(format!(
                "its header has no column {missing}; expected order, currency, and amount (minor units, such as 10000) or \
                 amount_decimal (such as 100.00); perhaps ledger, revision, tolerance_under, tolerance_over, due_at, closed"
            ));
        }
        let mut names = ledgers.names();
        let ledger = names.next().filter(|_| names.next().is_none()).map(ToString::to_string);
        Ok(Self { lines, header, ledger })
    }
}

impl<R: Read> Records for Csv<R> {
    fn next(&mut self) -> Result<Option<Record>, String> {
        let Some((line, record)) = self.lines.next().map_err(|bad| bad.problem)? else { return Ok(None) };
        let cells = self.header.cells(record);
        Ok(Some((line, cells.and_then(|cells| expectation(&cells, self.ledger.as_deref())))))
    }
}

/// The same as the line of JSON with these fields. An empty cell is a field that is not there.
fn expectation(cells: &[Option<Cow<'_, str>>], ledger: Option<&str>) -> Result<Expectation, String> {
    let mut fields = Map::new();
    if let Some(ledger) = ledger {
        fields.insert("ledger".to_owned(), ledger.into());
    }
    let mut decimal = None;
    for (name, cell) in COLUMNS.iter().zip(cells) {
        let text = cell.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let Some(text) = text else { continue };
        let value: Value = match *name {
            "amount_decimal" => {
                decimal = Some(text);
                continue;
            }
            "amount" | "revision" | "tolerance_under" | "tolerance_over" => text
                .parse::<i64>()
                .map_err(|_| {
                    format!("{name}: expected a whole number, not {text:?}; amount_decimal takes 100.00")
                })?
                .into(),
            "closed" => text
                .parse::<bool>()
                .map_err(|_| format!("closed: expected true or false, not {text:?}"))?
                .into(),
            _ => text.into(),
        };
        fields.insert((*name).to_owned(), value);
    }
    if let Some(text) = decimal {
        let currency = fields.get("currency").and_then(Value::as_str).and_then(Currency::new);
        let currency = currency.ok_or("currency: expected an ISO 4217 code, such as USD")?;
        let amount =
            minor_units(text, currency.exponent()).map_err(|error| format!("amount_decimal {error}"))?;
        if fields.insert("amount".to_owned(), amount.into()).is_some() {
            return Err("it has both amount and amount_decimal; expected one of them".to_owned());
        }
    }
    NewExpectation::read(Value::Object(fields).to_string().as_bytes())
}
