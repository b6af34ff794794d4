//! JSON as an API answers it: one page or many after each other, read row by row.

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::fields::{Scalar, Slot};
use super::bounded::{Bounded, Room};
use super::columns::Cells;
use super::{BadReport, RECORD_BYTES_MAX, Report, Taken};

/// Hands every row's cells over, until `each` wants no more.
pub(super) fn read(
    report: &Report,
    file: impl Read,
    each: &mut dyn FnMut(u64, Result<&Cells<'_>, String>) -> Taken,
) -> Result<(), BadReport> {
    let (file, room) = Bounded::new(file, RECORD_BYTES_MAX);
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(file));
    let mut rows = Rows { report, each, room: &room, count: 0, page: Page::default(), is_enough: false };
    let mut pages = 0;
    // What is behind the end is another page.
    while json.end().is_err() {
        pages += 1;
        rows.page = Page::default();
        let more = report.more.as_deref();
        let walked = Walk { path: &report.rows, more, is_page: true, rows: &mut rows }.deserialize(&mut json);
        if rows.is_enough {
            return Ok(());
        }
        walked.map_err(|error| not_json(&error))?;
        if rows.page.lists == 0 && !rows.page.is_empty {
            return Err(BadReport {
                problem: format!("page {pages} has no list at /{}/*", report.rows.join("/")),
                ways_out: vec!["an answer that is an error has none: get that page again".to_owned()],
            });
        }
    }
    if rows.page.names_another {
        let member = report.table.more.as_deref().unwrap_or_default();
        (rows.each)(
            rows.count,
            Err(format!(
                "page {pages} is the last one, and its {member} says that another follows: get it too"
            )),
        );
    }
    Ok(())
}

fn not_json(error: &serde_json::Error) -> BadReport {
    let ways_out = if error.is_eof() { vec!["it is cut off: get it again".to_owned()] } else { Vec::new() };
    BadReport { problem: format!("it is not readable JSON: {error}"), ways_out }
}

/// What is known of the page under way.
#[derive(Default)]
struct Page {
    lists: u64,
    /// An answer that has nothing to tell may be `{}`.
    is_empty: bool,
    names_another: bool,
}

/// Where the rows go.
struct Rows<'r, 'e> {
    report: &'r Report,
    each: &'e mut dyn FnMut(u64, Result<&Cells<'_>, String>) -> Taken,
    room: &'r Room,
    count: u64,
    page: Page,
    is_enough: bool,
}

impl Rows<'_, '_> {
    fn take(&mut self, row: &str) -> Taken {
        self.count += 1;
        self.room.renew();
        let taken = match self.report.fields.read(row.as_bytes()) {
            Err(problem) => (self.each)(self.count, Err(problem)),
            Ok(fields) => {
                let text = |slot: &Slot| match fields.scalar(*slot) {
                    Scalar::Text(text) => Some(text),
                    Scalar::Absent | Scalar::Unreadable => None,
                };
                let texts = self.report.slots.iter().map(text).collect();
                (self.each)(self.count, Ok(&Cells { texts, section_account: None }))
            }
        };
        self.is_enough |= taken == Taken::Enough;
        taken
    }
}

/// The way to the list of rows, and to what says that another page follows: members of objects by name, and at the end of the
/// first each element.
struct Walk<'w, 'r, 'e> {
    path: &'w [String],
    more: Option<&'w [String]>,
    is_page: bool,
    rows: &'w mut Rows<'r, 'e>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the list of rows in it, or that list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.rows.page.is_empty = self.is_page;
        while let Some(name) = members.next_key::<String>()? {
            self.rows.page.is_empty = false;
            let path = behind(self.path, &name);
            let more = self.more.and_then(|more| behind(more, &name));
            match (path, more) {
                (Some(path), more) => {
                    members.next_value_seed(Walk { path, more, is_page: false, rows: &mut *self.rows })?;
                }
                (None, Some(rest)) => {
                    let value = members.next_value::<Value>()?;
                    let told = rest.iter().try_fold(&value, |value, name| value.get(name));
                    self.rows.page.names_another = told.is_some_and(says_something);
                }
                (None, None) => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        if !self.path.is_empty() {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        self.rows.page.lists += 1;
        while let Some(row) = elements.next_element::<Box<RawValue>>()? {
            if self.rows.take(row.get()) == Taken::Enough {
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// What is left of a way behind its first member, where that has this name.
fn behind<'p>(path: &'p [String], name: &str) -> Option<&'p [String]> {
    path.split_first().filter(|(first, _)| *first == name).map(|(_, rest)| rest)
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}
