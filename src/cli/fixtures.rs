//! Files with webhook bodies.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::failure::{Exit, Failure};

/// The longest file that is sent, in bytes.
const FIXTURE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A webhook's body from a file.
#[derive(Debug, Clone)]
pub(super) struct Fixture {
    pub(super) path: PathBuf,
    /// Whether that is a file with this very body, and not only its name.
    pub(super) is_file: bool,
    pub(super) body: Bytes,
    /// What was kept of its headers when it came, as a JSON object; they are sent again.
    pub(super) headers: String,
}

impl Fixture {
    /// A body of that name, without headers of its own.
    pub(super) fn new(name: impl Into<PathBuf>, body: Bytes) -> Self {
        Self { path: name.into(), is_file: false, body, headers: "{}".to_owned() }
    }

    /// Reads one file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let read = || {
            if std::fs::metadata(path)?.len() > FIXTURE_BYTES_MAX {
                return Err(io::Error::other(format!("it is longer than {FIXTURE_BYTES_MAX} bytes")));
            }
            std::fs::read(path)
        };
        let body = read().map_err(|error| unreadable(path, &error))?;
        Ok(Self { is_file: true, ..Self::new(path, body.into()) })
    }

    /// The file itself, or the files of the directory in the order of their names. Hidden files are left out.
    pub(super) fn read_all(path: &Path) -> Result<Vec<Self>, Failure> {
        if path.is_file() {
            return Ok(vec![Self::read(path)?]);
        }
        let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_file() && !file_name(path).starts_with('.'))
            .collect();
        paths.sort();
        if paths.is_empty() {
            let message = format!("{} holds no files", path.display());
            return Err(Failure::new(Exit::Usage, "no_fixtures", message));
        }
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// The file's name, for people.
    pub(super) fn name(&self) -> String {
        file_name(&self.path)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, "unreadable_file", format!("cannot read {}: {error}", path.display()))
}
