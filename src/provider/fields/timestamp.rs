//! Times as providers write them.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Timestamp, tz};

use super::super::definition::Unit;
use crate::order::UnixMicros;

/// From here on a number is milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// How far India's clock is ahead of UTC, in seconds.
const INDIA_SECONDS: i32 = 19_800;

impl Unit {
    /// Reads a time between 1970 and 9999.
    pub(in crate::provider) fn read(self, text: &str) -> Option<UnixMicros> {
        let micros = match self {
            Self::S => whole(text)?.checked_mul(1_000_000)?,
            Self::Ms => whole(text)?.checked_mul(1_000)?,
            Self::SOrMs => {
                let number = whole(text)?;
                number.checked_mul(if number < MILLISECONDS_FROM { 1_000_000 } else { 1_000 })?
            }
            Self::Rfc3339 => text.parse::<Timestamp>().ok()?.as_microsecond(),
            Self::Utc => without_offset(text, tz::offset(0))?,
            Self::UtcPlus530 => {
                let offset = Offset::from_seconds(INDIA_SECONDS).ok()?;
                without_offset(text, offset)?
            }
            Self::UtcPlus7 => without_offset(text, tz::offset(7))?,
            Self::Slashed => Timestamp::strptime("%Y/%m/%d %H:%M:%S %z", text).ok()?.as_microsecond(),
            Self::Received => return None,
        };
        UnixMicros::new(micros)
    }
}

/// Digits and nothing else: no sign, blank, point or exponent.
fn whole(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// An offset that the text has all the same goes before the provider's.
fn without_offset(text: &str, offset: Offset) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_microsecond());
    }
    Some(offset.to_timestamp(text.parse::<DateTime>().ok()?).ok()?.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_time_comes_to_microseconds() {
        let read = |unit: Unit, text| unit.read(text).map(|moment| moment.0);
        for (unit, text, expected) in [
            (Unit::S, "1789000000", Some(1_789_000_000_000_000)),
            (Unit::Ms, "1789000000123", Some(1_789_000_000_123_000)),
            (Unit::SOrMs, "1789000000", Some(1_789_000_000_000_000)),
            (Unit::SOrMs, "1789000000123", Some(1_789_000_000_123_000)),
            (Unit::Rfc3339, "2026-09-09T22:26:40.5Z", Some(1_788_992_800_500_000)),
            (Unit::Rfc3339, "2026-09-10T00:26:40+02:00", Some(1_788_992_800_000_000)),
            (Unit::Utc, "2026-09-09T22:26:40", Some(1_788_992_800_000_000)),
            (Unit::Utc, "2026-09-10T00:26:40+02:00", Some(1_788_992_800_000_000)),
            (Unit::UtcPlus530, "2026-09-10 03:56:40", Some(1_788_992_800_000_000)),
            (Unit::UtcPlus7, "2026-09-10 05:26:40", Some(1_788_992_800_000_000)),
            (Unit::Slashed, "2026/09/09 15:26:40 -0700", Some(1_788_992_800_000_000)),
        ] {
            assert_eq!(read(unit, text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_guessed() {
        for text in ["", "-1", "+1", " 1", "1 ", "1.5", "1e9", "99999999999999999999", "9999999999999"] {
            assert_eq!(Unit::S.read(text), None, "{text:?}");
        }
        for text in ["", "2026-09-09", "2026-09-09T22:26:40", "1969-12-31T23:59:59Z", "yesterday"] {
            assert_eq!(Unit::Rfc3339.read(text), None, "{text:?}");
        }
    }
}
