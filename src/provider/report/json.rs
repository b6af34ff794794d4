//! JSON as an API answers it: one page or many after each other, read row by row.

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
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
    let mut rows = Rows { report, each, room: &room, count: 0, lists: 0, is_enough: false };
    // What is behind the end is another page.
    while json.end().is_err() {
        let walked = Walk { path: &report.rows, rows: &mut rows }.deserialize(&mut json);
        if rows.is_enough {
            return Ok(());
        }
        walked.map_err(|error| BadReport::new(format!("it is not readable JSON: {error}")))?;
    }
    if rows.lists == 0 {
        return Err(BadReport::new(format!("there is no list at /{}/*", report.rows.join("/"))));
    }
    Ok(())
}

/// Where the rows go.
struct Rows<'r, 'e> {
    report: &'r Report,
    each: &'e mut dyn FnMut(u64, Result<&Cells<'_>, String>) -> Taken,
    room: &'r Room,
    count: u64,
    lists: u64,
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
                (self.each)(self.count, Ok(&Cells(self.report.slots.iter().map(text).collect())))
            }
        };
        self.is_enough |= taken == Taken::Enough;
        taken
    }
}

/// The way to the list of rows: members of objects by name, and at its end each element.
struct Walk<'w, 'r, 'e> {
    path: &'w [String],
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
        while let Some(name) = members.next_key::<String>()? {
            match self.path.split_first() {
                Some((first, path)) if *first == name => {
                    members.next_value_seed(Walk { path, rows: &mut *self.rows })?;
                }
                Some(_) | None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        self.rows.lists += 1;
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
