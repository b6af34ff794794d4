//! An order or a settlement on its way to an endpoint, as a page reads it.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::last_places::Placed;
use super::{Announcement, Subject, WaitReason};
use crate::order::UnixMicros;

/// An order or a settlement to be told.
#[derive(Debug, Clone)]
pub struct ToTell {
    /// As it is now.
    pub announcement: Announcement,
    /// What it is about.
    pub subject: Subject,
    /// Its place in the log; `None` if it is not from there.
    pub position: Option<i64>,
    /// When it changed, as far as that is known.
    pub changed_at: Option<UnixMicros>,
    /// It waits.
    pub waiting: Option<Waiting>,
}

/// What is known of an order that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its time has come.
    pub is_due: bool,
    /// It is held back because no event has named it yet.
    pub is_provisional: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried, or held back.
    pub first_at: UnixMicros,
    /// It is not tried any more.
    pub was_given_up: bool,
}

impl Placed for ToTell {
    fn position(&self) -> Option<i64> {
        self.position
    }

    fn about(&self) -> (bool, &str, &str) {
        self.announcement.data.about()
    }

    /// The change that is told is as old as the first one.
    fn follows(&mut self, earlier: &Self) {
        self.changed_at = [self.changed_at, earlier.changed_at].into_iter().flatten().min();
        let was_due = earlier.waiting.as_ref().is_some_and(|waiting| waiting.is_due);
        if let Some(waiting) = &mut self.waiting {
            waiting.is_due |= was_due;
        }
    }
}

impl<'r, R> FromRow<'r, R> for ToTell
where
    R: Row,
    Announcement: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
    Option<UnixMicros>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let announcement = Announcement::from_row(row)?;
        let subject = announcement.data.subject();
        let reason: Option<String> = row.try_get("reason")?;
        let waiting = reason.map(|reason| {
            Ok::<_, sqlx::Error>(Waiting {
                is_due: row.try_get("is_due")?,
                is_provisional: reason == WaitReason::Provisional.as_str(),
                attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
                first_at: row.try_get("first_at")?,
                was_given_up: row.try_get("was_given_up")?,
            })
        });
        Ok(Self {
            subject: subject.map_err(|error| sqlx::Error::Decode(error.into()))?,
            position: Some(announcement.position()).filter(|position| *position > 0),
            changed_at: row.try_get("changed_at")?,
            waiting: waiting.transpose()?,
            announcement,
        })
    }
}
