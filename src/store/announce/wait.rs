//! A deferred announcement: the cursor has passed it, and its endpoint is told of it later.

use serde_json::{Value, json};

use super::Subject;
use crate::order::{UnixMicros, words};
use crate::store::timestamp::rfc3339;

/// Why something waits although the cursor has passed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// By the endpoint's answer.
    Refused,
    /// There was no answer.
    Failed,
    /// The answer is still awaited.
    Slow,
    /// No event has named the merchant's order yet.
    Provisional,
    /// A person asked for it.
    Resend,
}

words!(WaitReason {
    Refused = "refused",
    Failed = "failed",
    Slow = "slow",
    Provisional = "provisional",
    Resend = "resend",
});

/// An order or a settlement that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of announcement_waits")]
pub struct Wait {
    pub subject: Subject,
    pub reason: WaitReason,
    pub version: i64,
    pub attempts: u32,
    pub due_at: UnixMicros,
    pub first_at: UnixMicros,
    pub status: Option<u16>,
    pub error: Option<String>,
    pub given_up_at: Option<UnixMicros>,
}

impl Wait {
    /// As JSON that both databases read.
    pub(super) fn columns(&self) -> Value {
        let text = |at: UnixMicros| rfc3339(at).ok();
        let mut columns = self.subject.columns();
        let others = json!({
            "reason": self.reason.as_str(),
            "version": self.version,
            "attempts": self.attempts,
            "due_at": text(self.due_at),
            "first_at": text(self.first_at),
            "status": self.status,
            "error": self.error,
            "given_up_at": self.given_up_at.and_then(text),
        });
        if let Value::Object(others) = others {
            columns.extend(others);
        }
        columns.into()
    }
}
