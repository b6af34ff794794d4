//! A file that is read a record at a time: none may be longer than a limit, whatever the file's quotes and braces say.

use std::cell::Cell;
use std::io::{Error, Read, Result};
use std::rc::Rc;

/// The longest record, in bytes. A quote that is left open would make one of all the rest.
pub(super) const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Refuses to go on when the record under way is too long.
pub(super) struct Bounded<R> {
    file: R,
    room: Room,
}

/// How many bytes the record under way may still take.
#[derive(Clone)]
pub(super) struct Room(Rc<Cell<usize>>);

impl Room {
    /// Another record begins.
    pub(super) fn renew(&self) {
        self.0.set(RECORD_BYTES_MAX);
    }
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(file: R) -> (Self, Room) {
        let room = Room(Rc::new(Cell::new(RECORD_BYTES_MAX)));
        (Self { file, room: room.clone() }, room)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = self.room.0.get();
        if left == 0 {
            return Err(Error::other(format!(
                "a record is longer than {RECORD_BYTES_MAX} bytes; is a quote left open?"
            )));
        }
        let length = buffer.len().min(left);
        let part = buffer.get_mut(..length).unwrap_or_default();
        let read = self.file.read(part)?;
        self.room.0.set(left - read);
        Ok(read)
    }
}
