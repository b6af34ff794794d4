//! What a connection is doing and since when: written as its requests go on, read when connections must be ended to make room.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// For a request's head to begin, on a connection that had none yet.
const FIRST_HEAD_MAX: Duration = Duration::from_secs(10);
/// From the first byte of a request's head to its last.
const HEAD_READ_MAX: Duration = Duration::from_secs(5);

/// Moments are kept as milliseconds since this one.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What it is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Waits for its first request.
    Fresh,
    /// Waits for another request.
    Idle,
    /// A request's head has begun.
    Head,
    /// A request is in work, or its answer is being sent.
    Busy,
    /// The answer of a refused request is held back.
    HeldBack,
}

/// What a connection is doing, and since when; both in one word, so that no reader sees a half of it.
#[derive(Debug)]
pub(super) struct Progress {
    word: AtomicU64,
    body_is_unread: AtomicBool,
    idle_max: Duration,
}

impl Progress {
    pub(super) fn new(idle_max: Duration) -> Self {
        let begun = Self { word: AtomicU64::new(0), body_is_unread: AtomicBool::new(false), idle_max };
        begun.set(Doing::Fresh);
        begun
    }

    pub(super) fn set(&self, doing: Doing) {
        self.word.store(word(doing), Ordering::Relaxed);
    }

    /// Bytes came: where a request was waited for, its head has begun.
    pub(super) fn received(&self) {
        let begins = |old| matches!(doing(old), Doing::Fresh | Doing::Idle).then(|| word(Doing::Head));
        let _unless_busy = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begins);
    }

    /// What it is doing, and since when.
    pub(super) fn get(&self) -> (Doing, Instant) {
        let word = self.word.load(Ordering::Relaxed);
        (doing(word), *START + Duration::from_millis(word >> 3))
    }

    /// When it has to have gone on, if the sender is awaited. A body has limits of its own.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (doing, since) = self.get();
        match doing {
            Doing::Fresh => Some(since + FIRST_HEAD_MAX.min(self.idle_max)),
            Doing::Idle => Some(since + self.idle_max),
            Doing::Head => Some(since + HEAD_READ_MAX),
            Doing::Busy | Doing::HeldBack => None,
        }
    }

    /// Whether something of the request's body was not read, so that no other request can follow it.
    pub(super) fn body_is_unread(&self) -> bool {
        self.body_is_unread.load(Ordering::Relaxed)
    }

    pub(super) fn set_body_is_unread(&self, is_unread: bool) {
        self.body_is_unread.store(is_unread, Ordering::Relaxed);
    }
}

fn word(doing: Doing) -> u64 {
    let since = u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX >> 3);
    let code = match doing {
        Doing::Fresh => 0,
        Doing::Idle => 1,
        Doing::Head => 2,
        Doing::Busy => 3,
        Doing::HeldBack => 4,
    };
    since << 3 | code
}

fn doing(word: u64) -> Doing {
    match word & 7 {
        0 => Doing::Fresh,
        1 => Doing::Idle,
        2 => Doing::Head,
        4 => Doing::HeldBack,
        _ => Doing::Busy,
    }
}
