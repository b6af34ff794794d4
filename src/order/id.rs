//! Identifiers as providers and merchants write them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The longest identifier, in characters.
pub const ID_CHARS_MAX: usize = 255;

/// The id of an event, payment, order, movement or source: 1 to 255 characters, no control characters.
///
/// Cheap to clone. Ordered by bytes, which is Postgres' `COLLATE "C"`: both sides lock in one order.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Arc<str>);

/// Why a text is no [`Id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// More than [`ID_CHARS_MAX`] characters.
    #[error("is longer than 255 characters")]
    TooLong,
    /// A NUL, a line break or another control character.
    #[error("contains a control character")]
    Control,
}

impl Id {
    /// Checks and keeps `text`.
    ///
    /// # Errors
    /// [`BadId`] when it is empty, too long, or holds a control character.
    pub fn new(text: &str) -> Result<Self, BadId> {
        if text.is_empty() {
            Err(BadId::Empty)
        } else if text.len() > ID_CHARS_MAX && text.chars().count() > ID_CHARS_MAX {
            Err(BadId::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(BadId::Control)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Looks up by a text that may be no id; both hash and compare alike.
impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl From<[u8; 32]> for Id {
    /// A digest names an event that has no readable id of its own.
    fn from(digest: [u8; 32]) -> Self {
        Self(hex::encode(digest).into())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// What every table is keyed by: an id and the source whose id it is. Ids lead, as in the database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The id.
    pub id: Id,
    /// The source that it belongs to.
    pub source: Id,
}

impl Key {
    /// The same source's `id`.
    #[must_use]
    pub fn sibling(&self, id: &Id) -> Self {
        Self { id: id.clone(), source: self.source.clone() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}
