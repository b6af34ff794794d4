//! What a running `paylatch dev` tells the other commands: where it listens, and what it was started with.
//!
//! It holds a lock on the file in which it tells this; the system lets go of the lock however the process ends.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Flag;

/// A command that looks holds the lock for an instant.
const ATTEMPTS_MAX: u32 = 20;
const ATTEMPT_AFTER: Duration = Duration::from_millis(10);

/// What it was started with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Start {
    /// The settings file.
    pub(super) settings_file: Option<PathBuf>,
    /// Whether that file's database and locks are used.
    pub(super) with_database: bool,
}

/// And where it listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) start: Start,
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: SocketAddr,
}

impl Start {
    pub(super) fn new(settings_file: Option<PathBuf>, with_database: bool) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Self { settings_file: settings_file.map(absolute), with_database }
    }
}

impl Running {
    /// Where it listens, as settings; a flag of the command goes before.
    pub(super) fn flags(&self) -> [Flag; 2] {
        [("listen", self.listen), ("admin_listen", self.admin_listen)].map(|(setting, address)| Flag {
            setting: setting.to_owned(),
            value: address.to_string(),
            written: "the running `paylatch dev`",
        })
    }

    /// What is told in the file, if whoever told it still runs.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => serde_json::from_reader(file).ok(),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    pub(super) fn announce(&self, path: &Path) -> io::Result<File> {
        let mut file = File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS_MAX => sleep(ATTEMPT_AFTER),
                Err(TryLockError::WouldBlock) => return Err(io::Error::other("another `dev` runs here")),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        file.set_len(0)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_found_until_it_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("running.json");
        let address = "127.0.0.1:9".parse().unwrap();
        let running = Running { start: Start::default(), listen: address, admin_listen: address };
        assert!(Running::read(&path).is_none());
        let held = running.announce(&path).unwrap();
        assert_eq!(Running::read(&path).unwrap().listen, address);
        assert!(running.announce(&path).is_err(), "one at a time");
        drop(held);
        assert!(Running::read(&path).is_none());
    }
}
