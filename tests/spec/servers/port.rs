//! Ports that no other test takes, in this process or another.

use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;

use super::shelf;

/// Below the range that systems give to outgoing connections: a server that is stopped for a while finds its port free
/// again.
const PORTS: Range<u16> = 20_000..30_000;

/// A port that nothing listens on, reserved for as long as this lives by a lock on a file of its name.
pub struct Port {
    number: u16,
    _reservation: File,
}

impl Port {
    /// Reserves one.
    pub fn reserve() -> Self {
        let directory = shelf().join("ports");
        fs::create_dir_all(&directory).expect("a directory");
        loop {
            let number = rand::random_range(PORTS);
            let reservation = File::create(directory.join(number.to_string())).expect("a file");
            if reservation.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
                return Self { number, _reservation: reservation };
            }
        }
    }

    /// The number.
    pub fn number(&self) -> u16 {
        self.number
    }
}
