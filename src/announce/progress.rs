//! Tracks one page of announcements: which are still to be sent, which the endpoint has, which are deferred, and how far the
//! cursor may advance. Pure: answers, time and chance come in, and what is to be stored comes out.
//!
//! An order that fails is set aside only when the endpoint has taken another one since, or when it alone fails again and again:
//! until then it is in doubt, and the cursor does not pass it. So an endpoint that is away leaves no rows behind.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::kept::Kept;
use super::message::Message;
use super::schedule;
use super::verdict::Answer;
use crate::order::UnixMicros;
use crate::store::{Subject, Wait, WaitReason};

/// An order that failed so often in a row, with nothing taken between, is set aside: perhaps it alone fails.
const TRIES_MAX: u32 = 3;

/// How far one page was delivered.
#[derive(Debug)]
pub(super) struct Progress {
    retries: Vec<Duration>,
    queue: VecDeque<Message>,
    /// Parts of what was refused as a whole, to be sent as they are.
    parts: VecDeque<Vec<Message>>,
    /// The places in the log of what is neither told nor set aside.
    unsettled: BTreeSet<i64>,
    /// The cursor once all is settled.
    end: i64,
    /// What failed, and may be the endpoint's fault.
    in_doubt: Vec<(Message, Answer)>,
    /// How often each order failed since the endpoint last took something.
    tries: HashMap<Subject, u32>,
    /// Orders whose answer is late, each with the newest version that waits behind it.
    late: HashMap<Subject, i64>,
    /// The endpoint has taken something since it last failed.
    is_proven: bool,
    /// What is to be kept, since that was last asked for.
    kept: Kept,
}

/// When something is set aside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: UnixMicros,
    /// From 0 to 1.
    pub(super) chance: f64,
}

impl Progress {
    /// Before any page: the cursor stands at `cursor`.
    pub(super) fn new(retries: Vec<Duration>, cursor: i64) -> Self {
        Self {
            retries,
            queue: VecDeque::new(),
            parts: VecDeque::new(),
            unsettled: BTreeSet::new(),
            end: cursor,
            in_doubt: Vec::new(),
            tries: HashMap::new(),
            late: HashMap::new(),
            is_proven: false,
            kept: Kept::default(),
        }
    }

    /// Takes up a page with these places in the log, after which the cursor stands at `end`.
    pub(super) fn begin(&mut self, places: BTreeSet<i64>, end: i64) {
        (self.unsettled, self.end) = (places, end);
    }

    /// What is to be sent of the page. Orders that failed lately come last: a probe that fails again with the same one would
    /// tell nothing of the others.
    pub(super) fn send(&mut self, mut messages: Vec<Message>) {
        messages.sort_by_key(|message| self.tries.get(&message.subject).copied().unwrap_or_default());
        self.queue = messages.into();
    }

    /// The next messages to send together, at most `max`.
    pub(super) fn next(&mut self, max: usize) -> Option<Vec<Message>> {
        if let Some(part) = self.parts.pop_front() {
            return Some(part);
        }
        let count = max.min(self.queue.len());
        (count > 0).then(|| self.queue.drain(..count).collect())
    }

    /// Whether something is left to send.
    pub(super) fn has_more(&self) -> bool {
        !self.queue.is_empty() || !self.parts.is_empty()
    }

    /// Something failed, and nobody knows yet whose fault it is.
    pub(super) fn is_in_doubt(&self) -> bool {
        !self.in_doubt.is_empty()
    }

    /// Whether the endpoint has taken something since it last failed.
    pub(super) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// What is left of the page is not sent: it is read again, as it is then.
    pub(super) fn abandon(&mut self) {
        self.queue.clear();
        // Nothing is under way of a late batch that was refused and parted.
        for message in self.parts.drain(..).flatten() {
            self.late.remove(&message.subject);
        }
        self.in_doubt.clear();
    }

    /// The endpoint has these. What failed before was not the endpoint's fault. What is newer than a late answer goes next.
    pub(super) fn told(&mut self, messages: Vec<Message>, moment: Moment) {
        self.is_proven = true;
        self.tries.clear();
        for (message, answer) in std::mem::take(&mut self.in_doubt) {
            self.set_aside(message, &answer, moment);
        }
        for message in messages {
            self.settle(&message);
            let newest = self.late.remove(&message.subject);
            if let Some(version) = newest.filter(|newest| *newest > message.version) {
                let wait = wait_of(&message, WaitReason::Slow, moment.now);
                self.kept.waits(Wait { version, attempts: 0, ..wait });
            } else if message.waits {
                self.kept.told(&message);
            }
        }
    }

    /// The endpoint refuses these while it answers. Several are parted; one is set aside if others get through.
    pub(super) fn refused(
        &mut self,
        mut messages: Vec<Message>,
        answer: Answer,
        moment: Moment,
        is_open: bool,
    ) {
        if messages.len() > 1 {
            let second = messages.split_off(messages.len().div_ceil(2));
            self.parts.push_front(second);
            self.parts.push_front(messages);
        } else if self.is_proven {
            self.is_proven = false;
            for message in messages {
                self.set_aside(message, &answer, moment);
            }
        } else {
            self.failed(messages, &answer, moment, is_open);
        }
    }

    /// The endpoint took nothing. `is_open`: it is left alone by now, so nothing is learnt of a single order.
    pub(super) fn failed(&mut self, messages: Vec<Message>, answer: &Answer, moment: Moment, is_open: bool) {
        self.is_proven = false;
        let is_there = !matches!(answer, Answer::Away(_));
        for message in messages {
            let tries = self.tries.entry(message.subject.clone()).or_default();
            *tries += 1;
            if message.waits || (*tries >= TRIES_MAX && is_there && !is_open) {
                self.set_aside(message, answer, moment);
            } else {
                self.in_doubt.push((message, answer.clone()));
            }
        }
    }

    /// An answer is awaited for long, and others go on: the order waits, and its row ends the wait should this process end.
    pub(super) fn lags(&mut self, message: &Message, until: UnixMicros, now: UnixMicros) {
        self.settle(message);
        let newest = self.late.entry(message.subject.clone()).or_default();
        *newest = message.version.max(*newest);
        let wait = wait_of(message, WaitReason::Slow, now);
        self.kept.waits(Wait { attempts: message.attempts, due_at: until, ..wait });
    }

    /// No event has named the order yet: it is held back for a while.
    pub(super) fn hold(&mut self, message: &Message, until: UnixMicros, now: UnixMicros) {
        self.settle(message);
        let wait = wait_of(message, WaitReason::Provisional, now);
        self.kept.waits(Wait { attempts: 0, due_at: until, ..wait });
    }

    /// A request about the order was sent, and its answer is late: another one beside it could overtake it.
    pub(super) fn awaits(&self, subject: &Subject) -> bool {
        self.late.contains_key(subject)
    }

    /// The order waits already: only its version is newer.
    pub(super) fn raise(&mut self, message: Message) {
        self.settle(&message);
        if let Some(newest) = self.late.get_mut(&message.subject) {
            *newest = message.version.max(*newest);
        }
        self.kept.raised(&message);
    }

    /// The endpoint does not want this type, or has this version: it counts as delivered.
    pub(super) fn drop(&mut self, message: Message) {
        self.settle(&message);
        if message.waits {
            self.kept.told(&message);
        }
    }

    /// How far the cursor may go: before the first place that is not settled.
    pub(super) fn cursor(&self) -> i64 {
        self.unsettled.first().map_or(self.end, |first| first - 1)
    }

    /// Whether anything is to be kept.
    pub(super) fn has_news(&self) -> bool {
        !self.kept.is_empty()
    }

    /// What is to be kept since this was last asked for.
    pub(super) fn take(&mut self) -> Kept {
        std::mem::take(&mut self.kept)
    }

    fn settle(&mut self, message: &Message) {
        if let Some(position) = message.position {
            self.unsettled.remove(&position);
        }
    }

    fn set_aside(&mut self, message: Message, answer: &Answer, Moment { now, chance }: Moment) {
        self.settle(&message);
        self.late.remove(&message.subject);
        let reason = if answer.status().is_some() { WaitReason::Refused } else { WaitReason::Failed };
        let attempts = message.attempts.saturating_add(1);
        let pause = schedule::wait(&self.retries, attempts, chance);
        self.kept.waits(Wait {
            attempts,
            due_at: later(now, pause.unwrap_or_default()),
            status: answer.status(),
            error: Some(answer.told()),
            given_up_at: pause.is_none().then_some(now),
            ..wait_of(&message, reason, now)
        });
    }
}

fn wait_of(message: &Message, reason: WaitReason, now: UnixMicros) -> Wait {
    Wait {
        subject: message.subject.clone(),
        reason,
        version: message.version,
        attempts: message.attempts,
        due_at: now,
        first_at: message.first_at.unwrap_or(now),
        status: None,
        error: None,
        given_up_at: None,
    }
}

/// `at`, later by `by`.
pub(super) fn later(at: UnixMicros, by: Duration) -> UnixMicros {
    UnixMicros(at.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}
