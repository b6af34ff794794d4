//! A message to an endpoint: one announcement, or several as a JSON array, under one id.

use bytes::Bytes;

use crate::order::{BadId, Id, Key, UnixMicros};
use crate::store::{Subject, ToTell};

/// The type of what tells nothing.
const TEST: &str = "endpoint.test";

/// What is to be told of an order or a settlement, as it was when the page was read.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) subject: Subject,
    pub(super) epoch: i64,
    pub(super) version: i64,
    /// Its place in the log; `None` if it is not from there.
    pub(super) position: Option<i64>,
    pub(super) changed_at: Option<UnixMicros>,
    /// Attempts before this page, of one that waits.
    pub(super) attempts: u32,
    /// When it was first tried, if it was.
    pub(super) first_at: Option<UnixMicros>,
    /// It is stored as waiting.
    pub(super) waits: bool,
    pub(super) type_name: String,
    pub(super) json: Bytes,
}

impl Message {
    pub(super) fn new(to_tell: ToTell) -> Self {
        let ToTell { announcement, subject, position, changed_at, waiting } = to_tell;
        let (epoch, version) = announcement.data.epoch_and_version();
        // An order that was given up and has changed since starts without earlier attempts.
        let tried = waiting.as_ref().filter(|waiting| !waiting.was_given_up);
        let json = serde_json::to_vec(&announcement).unwrap_or_default();
        Self {
            subject,
            epoch,
            version,
            position,
            changed_at,
            attempts: tried.map_or(0, |waiting| waiting.attempts),
            first_at: tried.map(|waiting| waiting.first_at),
            waits: waiting.is_some(),
            type_name: announcement.r#type,
            json: json.into(),
        }
    }

    /// Tells `endpoint` of nothing, so that it can be seen whether it takes that.
    pub(super) fn test(endpoint: &str, now: UnixMicros) -> Result<Self, BadId> {
        let timestamp = jiff::Timestamp::from_microsecond(now.0).unwrap_or_default();
        let json = serde_json::json!({
            "type": TEST, "timestamp": timestamp.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
            "data": { "endpoint": endpoint },
        });
        Ok(Self {
            subject: Subject::Order(Key { id: Id::new(TEST)?, source: Id::new(endpoint)? }),
            epoch: 0,
            version: rand::random_range(1..=i64::MAX),
            position: None,
            changed_at: None,
            attempts: 0,
            first_at: None,
            waits: false,
            type_name: TEST.to_owned(),
            json: json.to_string().into(),
        })
    }
}

/// Names what is told, the same for each attempt: receivers know by it what they have.
pub(super) fn id(messages: &[Message]) -> String {
    match messages {
        [first, .., last] => format!("{}-{}-{}", first.epoch, first.version, last.version),
        [only] => format!("{}-{}", only.epoch, only.version),
        [] => String::new(),
    }
}

/// The body: where several may come at once, always an array.
pub(super) fn body(messages: &[Message], is_array: bool) -> Bytes {
    match messages {
        [only] if !is_array => only.json.clone(),
        _ => {
            let bytes: usize = messages.iter().map(|message| message.json.len() + 1).sum();
            let mut body = Vec::with_capacity(bytes + 1);
            for (place, message) in messages.iter().enumerate() {
                body.push(if place == 0 { b'[' } else { b',' });
                body.extend_from_slice(&message.json);
            }
            body.push(b']');
            body.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Id, Key, Message, Subject, body, id};

    impl Message {
        /// One of this version, from nowhere.
        pub(in crate::announce) fn sample(subject: Subject, version: i64) -> Self {
            Self {
                subject,
                epoch: 1,
                version,
                position: None,
                changed_at: None,
                attempts: 0,
                first_at: None,
                waits: false,
                type_name: "order.paid".to_owned(),
                json: Bytes::from(format!("{{\"n\":{version}}}")),
            }
        }
    }

    fn message(name: &str, version: i64) -> Message {
        let key = Key { id: Id::new(name).unwrap(), source: Id::new("stripe").unwrap() };
        Message::sample(Subject::Order(key), version)
    }

    #[test]
    fn one_is_told_alone_and_several_as_an_array_under_the_id_of_the_first_and_the_last() {
        let messages = [7, 8, 9].map(|position| message("a", position));
        assert_eq!((id(&messages[..1]), id(&messages)), ("1-7".to_owned(), "1-7-9".to_owned()));
        assert_eq!(&body(&messages[..1], false)[..], br#"{"n":7}"#);
        assert_eq!(&body(&messages[..1], true)[..], br#"[{"n":7}]"#);
        assert_eq!(&body(&messages, true)[..], br#"[{"n":7},{"n":8},{"n":9}]"#);
    }
}
