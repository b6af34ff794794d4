//! A file that is read a record at a time: none may be longer than a limit, whatever the file's quotes and braces say.

use std::cell::Cell;
use std::io::{Error, Read, Result};
use std::rc::Rc;

/// Refuses to go on when the record under way is too long.
#[derive(Debug)]
pub struct Bounded<R> {
    file: R,
    room: Room,
}

/// How many bytes the record under way may still take.
#[derive(Debug, Clone)]
pub struct Room {
    left: Rc<Cell<usize>>,
    /// Whether lines end in two letters.
    has_crlf: Rc<Cell<bool>>,
    record_bytes_max: usize,
}

impl Room {
    /// Another record begins.
    pub fn renew(&self) {
        self.left.set(self.record_bytes_max);
    }

    /// Whether a line that was read so far ends in CRLF.
    pub fn has_crlf(&self) -> bool {
        self.has_crlf.get()
    }
}

impl<R: Read> Bounded<R> {
    /// The same file, of which no record may be longer, and what tells it that another one begins.
    pub fn new(file: R, record_bytes_max: usize) -> (Self, Room) {
        let room = Room {
            left: Rc::new(Cell::new(record_bytes_max)),
            has_crlf: Rc::new(Cell::new(false)),
            record_bytes_max,
        };
        (Self { file, room: room.clone() }, room)
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = self.room.left.get();
        if left == 0 {
            let limit = self.room.record_bytes_max;
            return Err(Error::other(format!(
                "a record is longer than {limit} bytes; is a quote left open?"
            )));
        }
        let length = buffer.len().min(left);
        let part = buffer.get_mut(..length).unwrap_or_default();
        let read = self.file.read(part)?;
        self.room.left.set(left - read);
        if !self.room.has_crlf() {
            let came = buffer.get(..read).unwrap_or_default();
            self.room.has_crlf.set(came.windows(2).any(|two| two == b"\r\n"));
        }
        Ok(read)
    }
}
