//! The documents of an export, one after the other, each by its exact bytes: an array of them, pages as APIs answer them, one a
//! line, or all of these after each other. The file is never held as a whole.

use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::provider::Bounded;

/// The longest document or page of an API, in bytes.
const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Hands every document over, until `take` wants no more.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read(file: impl Read, take: &mut dyn FnMut(&str) -> bool) -> Result<(), String> {
    let (file, room) = Bounded::new(file, PAGE_BYTES_MAX);
    let mut file = BufReader::new(file);
    let unreadable = |error: serde_json::Error| format!("is not readable JSON: {error}");
    while let Some(first) = first_byte(&mut file)? {
        room.renew();
        let mut json = serde_json::Deserializer::from_reader(&mut file);
        if first == b'[' {
            let mut is_enough = false;
            let mut each = |document: &str| {
                room.renew();
                is_enough = !take(document);
                !is_enough
            };
            let read = Elements(&mut each).deserialize(&mut json);
            if is_enough {
                return Ok(());
            }
            read.map_err(unreadable)?;
        } else {
            let document = Box::<RawValue>::deserialize(&mut json).map_err(unreadable)?;
            if !of_page(document.get(), take) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The documents of a page, or the one that it is; tells whether more are wanted.
fn of_page(json: &str, take: &mut dyn FnMut(&str) -> bool) -> bool {
    /// Stripe's lists have `data`, those of PayPal and Square `events`. An event of theirs may have a member of that name, and
    /// it is no list.
    #[derive(Deserialize)]
    struct Page<'a> {
        #[serde(borrow, alias = "events")]
        data: Vec<&'a RawValue>,
    }
    match serde_json::from_str::<Page<'_>>(json) {
        Ok(page) => page.data.iter().all(|document| take(document.get())),
        Err(_) => take(json),
    }
}

/// The first byte behind blanks and a byte order mark, which stays.
fn first_byte(file: &mut impl BufRead) -> Result<Option<u8>, String> {
    loop {
        let byte = file.fill_buf().map_err(|error| error.to_string())?.first().copied();
        match byte {
            Some(b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf) => file.consume(1),
            other => return Ok(other),
        }
    }
}

/// The elements of an array.
struct Elements<'e>(&'e mut dyn FnMut(&str) -> bool);

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(document) = elements.next_element::<Box<RawValue>>()? {
            if !(self.0)(document.get()) {
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    fn documents(text: &str) -> Vec<String> {
        let mut documents = Vec::new();
        read(text.as_bytes(), &mut |document| {
            documents.push(document.to_owned());
            true
        })
        .unwrap();
        documents
    }

    #[test]
    fn arrays_pages_and_lines_of_events_are_read_byte_by_byte() {
        let both = ["{\"id\": 1.0}", "{\"id\":2,\"data\":{}}"];
        assert_eq!(documents("[{\"id\": 1.0}, {\"id\":2,\"data\":{}}]"), both);
        assert_eq!(documents("{\"object\":\"list\",\"data\":[{\"id\": 1.0},{\"id\":2,\"data\":{}}]}"), both);
        assert_eq!(documents("{\"events\":[{\"id\": 1.0},{\"id\":2,\"data\":{}}],\"count\":2}"), both);
        assert_eq!(documents("{\"id\": 1.0}\n{\"id\":2,\"data\":{}}\n"), both);
        assert_eq!(
            documents("\u{feff}{\"data\":[{\"id\": 1.0}]}\r\n{\"data\":[{\"id\":2,\"data\":{}}]}"),
            both
        );
        assert_eq!(documents("[{\"id\": 1.0}]\n[{\"id\":2,\"data\":{}}]"), both);
        assert_eq!(documents("\n"), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_list_of_documents_is_refused_and_what_is_enough_ends_it() {
        for text in ["[{]", "{\"id\":", "7", "{\"id\":1}}"] {
            let refused = read(text.as_bytes(), &mut |_| true);
            assert!(refused.is_err_and(|why| why.contains("not readable JSON")) || text == "7", "{text}");
        }
        let mut count = 0;
        read(b"[1, 2, 3".as_slice(), &mut |_| {
            count += 1;
            count < 2
        })
        .unwrap();
        assert_eq!(count, 2);
    }
}
