//! Spans of time as people write them: `90d`, `12h`, `30s`.

use std::time::Duration;

/// A whole number and its unit, such as `90d`, `36h`, `30m` or `45s`.
///
/// # Errors
/// What was expected.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a whole number and a unit, s, m, h or d, such as 90d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::parse_age;

    #[test]
    fn an_age_is_a_whole_number_with_a_unit() {
        for (text, seconds) in [("45s", 45), ("30m", 1_800), ("36h", 129_600), ("90d", 7_776_000), ("0d", 0)]
        {
            assert_eq!(parse_age(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "d", "90", "90w", "-1d", "+1d", "1.5d", "90 d", "9é", "99999999999999999999d"] {
            assert!(parse_age(text).unwrap_err().contains("such as 90d"), "{text}");
        }
    }
}
