//! Where the command line takes the time from.

use jiff::Timestamp;

use crate::order::UnixMicros;

/// Unix seconds.
pub(super) fn now_seconds() -> i64 {
    Timestamp::now().as_second()
}

/// Unix microseconds.
pub(super) fn now() -> UnixMicros {
    UnixMicros(Timestamp::now().as_microsecond())
}
