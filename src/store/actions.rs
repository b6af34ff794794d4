//! The audit log of what people did: each change of theirs is recorded in the transaction that makes it, and the record is
//! never altered.

use std::time::Duration;

use serde_json::Value;
use sqlx::SqliteConnection;

use super::migration::Migration;
use super::postgres::Statements;
use super::{Database, Store, StoreError, within};
use crate::order::{Id, UnixMicros, words};

/// The longest that keeping an action by itself may take.
const KEEP_MAX: Duration = Duration::from_secs(10);
/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 4000;

/// Who does something, when and why: kept with everything that they change by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    actor: Id,
    role: Role,
    note: Option<String>,
    at: UnixMicros,
    request_id: Option<String>,
}

/// By which door somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The command line.
    Shell,
    /// The admin listener.
    Operator,
}

words!(Role { Shell = "shell", Operator = "operator" });

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// An order's anomalies were settled.
    AcknowledgeOrder,
    /// What needed a person about an event was settled.
    AcknowledgeEvent,
    /// All that failed for one cause was settled.
    AcknowledgeCause,
    /// A payment was given to an order.
    AssignPayment,
    /// A stored event was read again and says something else.
    ReprocessEvent,
    /// Old bodies were cleared.
    PurgePayloads,
    /// A payment's link was put right.
    RepairPayment,
    /// An order was folded again.
    RepairOrder,
    /// What the provider's record and ours disagree in was settled.
    AcknowledgeFinding,
    /// Old reports were cleared.
    PurgeReports,
    /// Changes of orders are noted.
    AnnounceOn,
    /// They are not any more.
    AnnounceOff,
    /// Another epoch of announcements began.
    AnnounceNewEpoch,
    /// An endpoint is left alone.
    PauseEndpoint,
    /// It is told again.
    ResumeEndpoint,
    /// It is told of all orders again, or of those written since.
    ResyncEndpoint,
    /// It is told of one order again.
    ResendOrder,
    /// How far it was told is forgotten.
    ForgetEndpoint,
    /// A file of events was begun to be taken in.
    ImportEvents,
    /// A migration was applied to a database that was in use.
    ApplyMigration,
}

words!(ActionKind {
    AcknowledgeOrder = "acknowledge_order",
    AcknowledgeEvent = "acknowledge_event",
    AcknowledgeCause = "acknowledge_cause",
    AssignPayment = "assign_payment",
    ReprocessEvent = "reprocess_event",
    PurgePayloads = "purge_payloads",
    RepairPayment = "repair_payment",
    RepairOrder = "repair_order",
    AcknowledgeFinding = "acknowledge_finding",
    PurgeReports = "purge_reports",
    AnnounceOn = "announce_on",
    AnnounceOff = "announce_off",
    AnnounceNewEpoch = "announce_new_epoch",
    PauseEndpoint = "pause_endpoint",
    ResumeEndpoint = "resume_endpoint",
    ResyncEndpoint = "resync_endpoint",
    ResendOrder = "resend_order",
    ForgetEndpoint = "forget_endpoint",
    ImportEvents = "import_events",
    ApplyMigration = "apply_migration",
});

/// One change that somebody made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What was done.
    pub kind: ActionKind,
    /// The configured account of the provider, if it is about one.
    pub source: Option<Id>,
    /// The order, payment or event, or what else was changed.
    pub target: String,
    /// What it was, if there was something.
    pub before: Option<Value>,
    /// What it is now, if there is something.
    pub after: Option<Value>,
}

impl By {
    /// Whoever is called `actor`.
    ///
    /// # Errors
    /// What is wrong with the name or the note.
    pub fn new(actor: &str, role: Role, note: Option<&str>, at: UnixMicros) -> Result<Self, String> {
        let actor =
            Id::new(actor).map_err(|bad| format!("by {bad}; expected 1 to 255 printable characters"))?;
        let is_sound = |note: &str| {
            !note.trim().is_empty() && note.chars().count() <= NOTE_CHARS_MAX && !note.contains('\0')
        };
        if !note.is_none_or(is_sound) {
            return Err(format!("note: expected 1 to {NOTE_CHARS_MAX} characters that say why"));
        }
        Ok(Self { actor, role, note: note.map(str::to_owned), at, request_id: None })
    }

    /// The same, asked for by a request.
    #[must_use]
    pub fn by_request(self, request_id: String) -> Self {
        Self { request_id: Some(request_id), ..self }
    }

    /// The same, with a reason where none is given.
    #[must_use]
    pub fn or_note(self, note: &str) -> Self {
        Self { note: self.note.or_else(|| Some(note.to_owned())), ..self }
    }

    /// Who.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.actor.as_str()
    }

    /// Why.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> UnixMicros {
        self.at
    }

    /// The values of a row, behind its time.
    fn values(&self, action: &Action) -> [Option<String>; 9] {
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        [
            Some(self.actor.to_string()),
            Some(self.role.to_string()),
            Some(action.kind.to_string()),
            action.source.as_ref().map(Id::to_string),
            Some(action.target.clone()),
            json(&action.before),
            json(&action.after),
            self.note.clone(),
            self.request_id.clone(),
        ]
    }
}

impl Action {
    /// A migration was applied.
    pub(super) fn applied(migration: &Migration) -> Self {
        Self {
            kind: ActionKind::ApplyMigration,
            source: None,
            target: migration.title(),
            before: None,
            after: None,
        }
    }
}

impl Store {
    /// Keeps what somebody begins to do: what is done by many transactions is kept before the first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep(&self, by: &By, action: &Action) -> Result<(), StoreError> {
        let keep = async {
            act_on_either!(self, KEEP_MAX, by, _connection => (), |(): &()| Some(action.clone()));
            Ok(())
        };
        within(KEEP_MAX, keep).await
    }
}

const KEEP_POSTGRES: &str = "
    insert into operator_actions (at, actor, role, action, source, target, before, after, note, request_id)
    values ($1, $2, $3, $4, $5, $6, cast($7 as jsonb), cast($8 as jsonb), $9, $10)";
const KEEP_SQLITE: &str = "
    insert into operator_actions (at, actor, role, action, source, target, before, after, note, request_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// Keeps what somebody did. The statement is one of the transaction that does it.
pub(super) async fn keep_postgres(
    statements: Statements<'_>,
    by: &By,
    action: &Action,
) -> Result<(), StoreError> {
    let keep = sqlx::query(KEEP_POSTGRES).bind(by.at);
    by.values(action).into_iter().fold(keep, |keep, value| keep.bind(value)).execute(statements).await?;
    Ok(())
}

/// The same in a SQLite file.
pub(super) async fn keep_sqlite(
    connection: &mut SqliteConnection,
    by: &By,
    action: &Action,
) -> Result<(), StoreError> {
    let keep = sqlx::query(KEEP_SQLITE).bind(by.at);
    by.values(action).into_iter().fold(keep, |keep, value| keep.bind(value)).execute(connection).await?;
    Ok(())
}
