//! The budget of one diagnosis: how many bytes it may try.

use std::cell::Cell;

/// Bytes that are held against secrets in one diagnosis, all attempts together: less than a tenth of a second of one
/// processor. Counted in bytes rather than by a clock, so that what is found does not depend on the machine.
const BYTES_MAX: usize = 8 << 20;
/// What an attempt costs beside its bytes: a signature of a certificate, say.
const ATTEMPT_BYTES: usize = 4 * 1024;

/// The allowance of one diagnosis.
#[derive(Debug)]
pub(super) struct Work(Cell<usize>);

impl Default for Work {
    fn default() -> Self {
        Self(Cell::new(BYTES_MAX))
    }
}

impl Work {
    /// Takes an attempt over so many bytes off the allowance; tells whether there was enough.
    pub(super) fn spend(&self, bytes: usize) -> bool {
        let left = self.0.get().checked_sub(bytes.saturating_add(ATTEMPT_BYTES));
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether more may be tried.
    pub(super) fn is_left(&self) -> bool {
        self.0.get() > 0
    }
}
