//! Classifies an endpoint's answer: it has the message, it refuses this order, or it fails as a whole.
//!
//! Pure: the answer goes in, and a verdict comes out.

use std::time::Duration;

/// The longest time that an endpoint may ask to be left alone for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A broker has it.
    Taken,
    /// A whole answer of a web server came in time.
    Status {
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` asked for, as far as it could be read.
        retry_after: Option<Duration>,
        /// What it said, as far as it is kept.
        said: String,
    },
    /// It was heard, perhaps, and no whole answer came in time, or one that is too large.
    Unknown(String),
    /// It takes nothing now, whatever it is told: no connection, no TLS, an address that must not be connected to, a broker
    /// that refuses or is silent.
    Away(String),
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The endpoint has the message.
    Told,
    /// The endpoint refuses this order, if it takes others.
    Refused,
    /// It takes nothing now. Left alone for at least so long, where it said so.
    Failing(Option<Duration>),
    /// The endpoint asks never to be told again (410).
    Gone,
}

/// Judges an answer. Statuses that speak of the server and not of the message are the endpoint's.
pub(super) fn judge(answer: &Answer) -> Verdict {
    let (status, retry_after) = match *answer {
        Answer::Taken => return Verdict::Told,
        Answer::Status { status, retry_after, .. } => (status, retry_after),
        Answer::Unknown(_) | Answer::Away(_) => return Verdict::Failing(None),
    };
    match status {
        200..=299 => Verdict::Told,
        410 => Verdict::Gone,
        429 | 502..=504 => Verdict::Failing(retry_after.map(|wait| wait.min(RETRY_AFTER_MAX))),
        // Redirects are not followed: a message that is signed for one place is not for another.
        _ => Verdict::Refused,
    }
}

impl Answer {
    /// The HTTP status, if there was one.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Taken | Self::Unknown(_) | Self::Away(_) => None,
        }
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Taken => "it has it".to_owned(),
            Self::Status { status, said, .. } if said.is_empty() => format!("HTTP {status}"),
            Self::Status { status, said, .. } => format!("HTTP {status}: {said}"),
            Self::Unknown(why) | Self::Away(why) => why.clone(),
        }
    }
}

/// What `Retry-After` asks for: seconds, or a date.
pub(super) fn retry_after(value: &str, now: jiff::Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Answer {
        Answer::Status { status, retry_after: None, said: String::new() }
    }

    #[test]
    fn only_a_2xx_is_told() {
        for code in [200, 201, 204, 299] {
            assert_eq!(judge(&status(code)), Verdict::Told, "{code}");
        }
        for code in [100, 199, 300, 301, 304, 400, 401, 403, 404, 409, 422, 500, 501, 599] {
            assert_eq!(judge(&status(code)), Verdict::Refused, "{code}");
        }
    }

    #[test]
    fn what_speaks_of_the_server_is_the_endpoints_failure() {
        for code in [429, 502, 503, 504] {
            assert_eq!(judge(&status(code)), Verdict::Failing(None), "{code}");
        }
        for answer in [Answer::Unknown("timeout".into()), Answer::Away("refused".into())] {
            assert_eq!(judge(&answer), Verdict::Failing(None));
        }
        assert_eq!(judge(&status(410)), Verdict::Gone);
    }

    #[test]
    fn an_endpoint_may_ask_for_an_hour_at_most() {
        let now: jiff::Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        for (value, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("1000000000", Some(1_000_000_000)),
            ("99999999999999999999999", Some(3_600)),
            ("Sat, 28 Nov 2026 12:00:30 GMT", Some(30)),
            ("Sat, 28 Nov 2026 11:00:00 GMT", Some(0)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        }
        let retry_after = Some(Duration::from_secs(1_000_000_000));
        let asked = Answer::Status { status: 429, retry_after, said: String::new() };
        assert_eq!(judge(&asked), Verdict::Failing(Some(RETRY_AFTER_MAX)));
    }
}
