//! The webhook of one event, where a provider sends several in one: what stood around them is not kept.

use bytes::Bytes;
use serde_json::Value;

use crate::provider::definition::FactsTable;
use crate::provider::{Mode, Source};

impl Source {
    /// The body of a webhook that carries this event alone, of the source's mode, or else of the live one; `None` where each
    /// webhook is one event, or `event` is no text.
    pub(crate) fn framed(&self, event: &[u8]) -> Option<Bytes> {
        let facts = &self.definition.facts;
        let list = facts.each.as_deref()?;
        let event = std::str::from_utf8(event).ok()?.to_owned();
        let body =
            list.split('/').skip(1).collect::<Vec<_>>().into_iter().rev().fold(event, |inside, step| {
                if step == "*" {
                    format!("[{inside}]")
                } else {
                    format!("{{{}:{inside}}}", Value::from(step))
                }
            });
        match frame_mode(facts, self.settings.mode) {
            Some(mode) => Some(format!("{{{mode},{}", body.get(1..)?).into()),
            None => Some(body.into()),
        }
    }
}

/// What the frame says of whether the money is real, where it does.
fn frame_mode(facts: &FactsTable, wanted: Option<Mode>) -> Option<String> {
    let mode = facts.mode.as_ref()?;
    let name = mode.from.0.first()?.strip_prefix("envelope:/").filter(|name| !name.contains('/'))?;
    let word = if wanted == Some(Mode::Test) { &mode.test } else { &mode.live };
    Some(format!("{}:{}", Value::from(name), Value::from(word.as_str())))
}
