//! How many events were read again, and what became of them and of their orders.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::confirm;
use super::super::failure::{Exit, Failure};
use super::super::output::{Output, printable, table};
use crate::intake::Replaced;
use crate::order::{Key, Status};
use crate::store::{By, Session, StoredEvent};

/// So many orders change without being asked for where nobody is at a terminal.
const FEW_ORDERS: usize = 20;
/// The word for an event that says something else now and cannot be replaced.
const STAYS: &str = "stays";

/// How many events were read again, and what became of them.
#[derive(Default, Serialize)]
pub(super) struct Summary {
    dry_run: bool,
    pub(super) read: u64,
    /// They say what they said.
    same: u64,
    /// By what they are now.
    replaced: BTreeMap<&'static str, u64>,
    /// Their body was purged.
    pub(super) purged: u64,
    /// Their source is not configured any more.
    pub(super) without_source: u64,
    /// Bodies in conflict that say what the stored event says.
    pub(super) conflicts_settled: u64,
    /// Orders that change.
    #[serde(serialize_with = "count")]
    orders: BTreeSet<Key>,
    /// Those of them that come to be paid.
    #[serde(serialize_with = "count")]
    orders_paid: BTreeSet<Key>,
    /// What each of these says, or why it stays.
    events: Vec<Reread>,
    /// Those that say the same and were last read by another reader, by the number of today's.
    #[serde(skip)]
    unnoted: BTreeMap<i16, Vec<Key>>,
}

#[derive(Serialize)]
struct Reread {
    event: String,
    was: &'static str,
    now: &'static str,
    reason: Option<String>,
}

fn count<S: serde::Serializer>(orders: &BTreeSet<Key>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(orders.len() as u64)
}

impl Summary {
    /// Of nothing yet.
    pub(super) fn new(dry_run: bool) -> Self {
        Self { dry_run, ..Self::default() }
    }

    /// Whether something was read if anything was asked for, and nothing that says something else had to stay.
    pub(super) fn is_well(&self) -> bool {
        let unread = self.purged + self.without_source;
        self.events.iter().all(|line| line.now != STAYS) && (unread == 0 || unread < self.read)
    }

    /// An order that comes to be paid may set something off: a person at a terminal says yes to it first, a script by `--yes`.
    pub(super) fn is_agreed_to(&self, output: Output) -> Result<bool, Failure> {
        let (orders, paid) = (self.orders.len(), self.orders_paid.len());
        if orders == 0 {
            return Ok(true);
        }
        let told = format!("{orders} orders would change, {paid} of them come to be paid");
        if confirm::can_ask() {
            return Ok(confirm::is_agreed_to(output, &told));
        }
        if orders <= FEW_ORDERS {
            return Ok(true);
        }
        Err(Failure::new(Exit::Failed, "needs_yes", told)
            .hint("--dry-run shows what becomes of each event; --yes does it"))
    }

    /// Keeps what read the events that say the same, so that another run may pass over them.
    pub(super) async fn note_read(&mut self, session: &mut Session, by: Option<&By>) -> Result<(), Failure> {
        for (read_by, events) in std::mem::take(&mut self.unnoted) {
            if by.is_some() {
                session.note_read(&events, read_by).await?;
            }
        }
        Ok(())
    }

    /// `were` are the statuses that the orders had.
    pub(super) fn add(
        &mut self,
        (stored, read_by): (&StoredEvent, i16),
        replaced: Replaced,
        were: &BTreeMap<Key, String>,
    ) {
        let event = stored.key.to_string();
        let was = stored.outcome.as_str();
        let stays = |reason: String| Reread { event: event.clone(), was, now: STAYS, reason: Some(reason) };
        match replaced {
            Replaced::Same => {
                self.same += 1;
                if stored.read_by != Some(read_by) {
                    self.unnoted.entry(read_by).or_default().push(stored.key.clone());
                }
            }
            Replaced::Gone => self.events.push(stays("it was replaced in the meantime".to_owned())),
            Replaced::Taken(key) => {
                self.events
                    .push(stays(format!("it is {key} now, and another event is stored under that id")));
            }
            Replaced::Refused(why) => {
                self.events.push(stays(format!("the database refuses what it says now: {why}")));
            }
            Replaced::Done { receipts, orders } => {
                for receipt in receipts {
                    let now = receipt.outcome.as_str();
                    *self.replaced.entry(now).or_default() += 1;
                    let event = stored.key.sibling(&receipt.event).to_string();
                    self.events.push(Reread { event, was, now, reason: receipt.reason });
                }
                let paid = Status::Paid.as_str();
                for (order, status) in orders {
                    let is_new = were.get(&order).is_none_or(|status| status != paid);
                    if status == Some(Status::Paid) && is_new {
                        self.orders_paid.insert(order.clone());
                    }
                    self.orders.insert(order);
                }
            }
        }
    }

    pub(super) fn tell(&self, output: Output) {
        if !self.events.is_empty() {
            let rows = self.events.iter().map(|line| {
                let reason = line.reason.as_deref().map(printable).unwrap_or_default();
                vec![printable(&line.event), line.was.to_owned(), line.now.to_owned(), reason]
            });
            output.line(table(&["event", "was", "now", "reason"], rows));
        }
        let (verb, change) =
            if self.dry_run { ("would be replaced", "would change") } else { ("replaced", "changed") };
        let replaced: u64 = self.replaced.values().sum();
        output.line(format_args!(
            "{} events read again: {replaced} {verb}, {} say the same",
            self.read, self.same
        ));
        if !self.orders.is_empty() {
            let (orders, paid) = (self.orders.len(), self.orders_paid.len());
            output.line(format_args!("{orders} orders {change}, {paid} of them to paid"));
        }
        for (count, why) in [
            (self.purged, "cannot be read: their body was purged"),
            (self.without_source, "were skipped: their source is not configured"),
            (
                self.conflicts_settled,
                "bodies in conflict say what the stored event says, and are settled by that",
            ),
        ] {
            if count > 0 {
                output.line(format_args!("{count} {why}"));
            }
        }
    }
}
