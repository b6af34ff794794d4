//! What is to be kept of announcements in the database, gathered until it is written. Of each order one thing at most: it is one
//! statement that keeps it.

use super::message::Message;
use crate::store::{Subject, Wait};

/// What is to be kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Orders that wait no longer, unless for a newer version than was told.
    pub(super) told: Vec<(Subject, i64)>,
    /// Newer versions of orders that wait.
    pub(super) raised: Vec<(Subject, i64)>,
    /// Orders that wait.
    pub(super) waits: Vec<Wait>,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty() && self.raised.is_empty() && self.waits.is_empty()
    }

    /// The endpoint has it: the order waits no longer, unless for a newer version.
    pub(super) fn told(&mut self, message: &Message) {
        let (own, version) = (&message.subject, message.version);
        self.waits.retain(|wait| wait.subject != *own || wait.version > version);
        self.raised.retain(|(subject, raised)| subject != own || *raised > version);
        let waits_for_newer = self.raised.iter().any(|(subject, _)| subject == own)
            || self.waits.iter().any(|wait| wait.subject == *own);
        if !waits_for_newer {
            self.told.push((own.clone(), version));
        }
    }

    /// An answer to an older version that comes later does not end the wait for this one.
    pub(super) fn raised(&mut self, message: &Message) {
        self.told.retain(|(subject, _)| *subject != message.subject);
        match self.waits.iter_mut().find(|wait| wait.subject == message.subject) {
            Some(wait) => wait.version = wait.version.max(message.version),
            None => self.raised.push((message.subject.clone(), message.version)),
        }
    }

    /// Whatever else is known of the order gives way; the newest version that it waits for stays.
    pub(super) fn waits(&mut self, wait: Wait) {
        let raised = self.raised.iter().filter(|(subject, _)| *subject == wait.subject);
        let waiting = self.waits.iter().filter(|own| own.subject == wait.subject);
        let versions = raised.map(|(_, version)| *version).chain(waiting.map(|own| own.version));
        let version = versions.fold(wait.version, i64::max);
        self.told.retain(|(subject, _)| *subject != wait.subject);
        self.raised.retain(|(subject, _)| *subject != wait.subject);
        self.waits.retain(|own| own.subject != wait.subject);
        self.waits.push(Wait { version, ..wait });
    }
}
