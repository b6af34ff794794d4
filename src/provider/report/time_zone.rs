//! The clocks of reports whose times are without an offset: named beside each time, by the abbreviation of a zone.

use crate::order::UnixMicros;

const HOUR: i64 = 3_600_000_000;
/// A zone's abbreviation may be written all year, also in the half in which the clock is an hour off it.
const SUMMER_TIME: i64 = HOUR;
/// No zone is further from UTC.
pub(super) const ANY_ZONE: i64 = 14 * HOUR;

/// Abbreviations, and how many quarters of an hour they are ahead of UTC. Those of summer are names of their own, so that the
/// hour that comes twice in autumn is told apart.
const ZONES: [(&str, i64); 27] = [
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("BST", 4),
    ("WEST", 4),
    ("IST", 22),
    ("CET", 4),
    ("CEST", 8),
    ("EET", 8),
    ("EEST", 12),
    ("MSK", 12),
    ("SGT", 32),
    ("HKT", 32),
    ("JST", 36),
    ("AEST", 40),
    ("AEDT", 44),
    ("NZST", 48),
    ("NZDT", 52),
    ("BRT", -12),
    ("EST", -20),
    ("EDT", -16),
    ("CST", -24),
    ("CDT", -20),
    ("MST", -28),
    ("MDT", -24),
    ("PST", -32),
    ("PDT", -28),
];

/// A time that was read as UTC, as the clock of `zone` means it, and by how many microseconds it may be off.
pub(super) fn by_clock_of(zone: Option<&str>, read: UnixMicros) -> (UnixMicros, i64) {
    let known = zone.and_then(|zone| ZONES.iter().find(|(name, _)| name.eq_ignore_ascii_case(zone)));
    match known {
        None => (read, ANY_ZONE),
        Some((_, quarters)) => {
            let at = read.0.saturating_sub(quarters.saturating_mul(HOUR / 4));
            let slack = if *quarters == 0 { 0 } else { SUMMER_TIME };
            (UnixMicros::new(at).unwrap_or(read), slack)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ANY_ZONE, HOUR, by_clock_of};
    use crate::order::UnixMicros;

    #[test]
    fn the_hour_that_comes_twice_in_autumn_is_told_apart_by_the_name_of_its_clock() {
        let half_past_two = UnixMicros(1_792_895_400_000_000); // 2026-10-25T02:30:00
        let (summer, _) = by_clock_of(Some("CEST"), half_past_two);
        let (winter, slack) = by_clock_of(Some("CET"), half_past_two);
        assert_eq!(winter.0 - summer.0, HOUR, "one after the other");
        assert_eq!(slack, HOUR, "and where CET is written all year, an hour is left open");
    }

    #[test]
    fn a_clock_that_is_not_known_leaves_open_what_it_may_mean() {
        let at = UnixMicros(1_792_895_400_000_000);
        assert_eq!(by_clock_of(Some("Mars/Olympus"), at), (at, ANY_ZONE));
        assert_eq!(by_clock_of(None, at), (at, ANY_ZONE));
        assert_eq!(by_clock_of(Some("UTC"), at), (at, 0));
    }
}
