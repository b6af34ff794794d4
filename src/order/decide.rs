//! The decision over one batch: from what the store knows and what the events say to what must be written.
//!
//! Pure. The store reads a [`Snapshot`] in one statement and writes [`Changes`] in one call that checks, row by row,
//! that nothing moved in between; when something did, the caller reads again and decides again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::entry::{Entry, Member};
use super::event::{Event, Outcome, Receipt, Statement, UnixMicros};
use super::fold::Order;
use super::id::{Id, Key};
use super::link::Link;
use super::payment::PaymentFold;

/// What one load saw of everything that a batch touches, in a single snapshot of the database. Events that are inserted without
/// a load have nothing in it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The batch's events that are stored already.
    pub known: HashMap<Key, Known>,
    /// All payments of all orders that the batch's events and payments name.
    pub links: BTreeMap<Key, Link>,
    /// The versions of those orders that have a row.
    pub versions: HashMap<Key, i64>,
    /// The stored facts and claims of those payments.
    pub entries: HashMap<Key, Vec<Entry>>,
    /// Orders with more entries than may be loaded: neither their payments nor these are here, and nothing can be decided
    /// about them.
    pub large_orders: HashSet<Key>,
}

impl Snapshot {
    /// The snapshot for one whose saves all had their replies: an event that arrived in the very moment of the stored one
    /// arrived elsewhere.
    #[must_use]
    pub fn saved_by_others(mut self) -> Self {
        for known in self.known.values_mut() {
            known.received_at = UnixMicros(i64::MIN);
        }
        self
    }
}

/// A stored event, as far as its next delivery needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// What became of it.
    pub outcome: Outcome,
    /// Why.
    pub reason: Option<String>,
    /// What it said.
    pub facts_sha256: [u8; 32],
    /// Its bytes.
    pub body_sha256: [u8; 32],
    /// When the delivery that was stored arrived: ours, if the reply to our own save was lost.
    pub received_at: UnixMicros,
    /// Its bytes are not kept any more.
    pub is_purged: bool,
}

/// What a save writes. Everything is listed with what the load saw, so that the save can tell whether it still holds.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Events that were not known, finished.
    pub events: Vec<Decided<'a>>,
    /// Payments that are new or whose link changes, sorted by key.
    pub payments: Vec<Relink>,
    /// Every order that gains or loses a fact, a claim or a payment, sorted by key, also if its row stays the same.
    pub orders: Vec<Rewrite>,
    /// Known ids that came with other facts.
    pub conflicts: Vec<&'a Event>,
    /// Known events whose bytes were purged and come again.
    pub purged: Vec<&'a Event>,
    /// Payments that no event tells of any more, each with the order that the load saw. Only [`decide_again`] has any.
    ///
    /// [`decide_again`]: super::decide_again()
    pub ended: Vec<(Key, Id)>,
}

/// An event with its outcome.
#[derive(Debug, Clone)]
pub struct Decided<'a> {
    /// The event.
    pub event: &'a Event,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Why, where the outcome does not say it.
    pub reason: Option<String>,
}

/// A payment's link, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relink {
    /// The payment.
    pub payment: Key,
    /// The order that the load saw; `None` when there was no row.
    pub was: Option<Id>,
    /// The link to write.
    pub link: Link,
}

/// An order's row, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// The order.
    pub order: Key,
    /// The version that the load saw; `None` when there was no row.
    pub read: Option<i64>,
    /// The row to write; `None` when no payment is left and the row goes.
    pub row: Option<Order>,
}

impl Changes<'_> {
    /// Whether there is nothing to save.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.conflicts.is_empty()
    }
}

/// Decides every event of a batch, in order: a receipt for each, and what to write.
///
/// Each id may occur once. The events of one payment must not be split over batches that are decided from one snapshot.
#[must_use]
pub fn decide<'a>(snapshot: Snapshot, batch: &[&'a Event]) -> (Vec<Receipt>, Changes<'a>) {
    decide_from(snapshot, BTreeMap::new(), batch)
}

/// Decides a batch, with payments that have changed before it.
pub(super) fn decide_from<'a>(
    mut snapshot: Snapshot,
    mut touched: BTreeMap<Key, Payment>,
    batch: &[&'a Event],
) -> (Vec<Receipt>, Changes<'a>) {
    let mut changes = Changes::default();
    let mut verdicts = Vec::with_capacity(batch.len());
    for &event in batch {
        if let Some(known) = snapshot.known.get(event.key()) {
            let (outcome, reason) = redelivered(event, known);
            if outcome == Outcome::Conflict {
                changes.conflicts.push(event);
            }
            if known.is_purged && known.body_sha256 == event.evidence().body_sha256 {
                changes.purged.push(event);
            }
            verdicts.push((outcome, reason));
            continue;
        }
        let (outcome, reason) = match (event.payment_key(), Entry::of(event)) {
            (Some(payment), Some(entry)) => {
                let payment =
                    touched.entry(payment).or_insert_with_key(|key| Payment::loaded(key, &mut snapshot));
                first_delivered(event, payment.add(event, entry))
            }
            _ => first_delivered(event, false),
        };
        changes.events.push(Decided { event, outcome, reason: reason.clone() });
        verdicts.push((outcome, reason));
    }
    changes.orders = rewrites(&snapshot, &touched);
    changes.payments = touched.iter().filter_map(|(key, payment)| payment.relink(key)).collect();
    changes.ended = touched.iter().filter_map(|(key, payment)| payment.end(key)).collect();

    let order_of = |event: &Event| {
        let payment = event.payment_key()?;
        let known =
            touched.get(&payment).map(|payment| &payment.link).or_else(|| snapshot.links.get(&payment));
        known.map(|link| link.order.clone())
    };
    let receipts = batch.iter().zip(verdicts).map(|(event, (outcome, reason))| Receipt {
        event: event.key().id.clone(),
        order: order_of(event),
        outcome,
        reason,
    });
    (receipts.collect(), changes)
}

/// A known id: our own save whose reply was lost, a duplicate, or another event under the same id.
fn redelivered(event: &Event, known: &Known) -> (Outcome, Option<String>) {
    let evidence = event.evidence();
    let same_body = known.body_sha256 == evidence.body_sha256;
    if same_body && known.received_at == evidence.received_at {
        (known.outcome, known.reason.clone())
    } else if same_body || known.facts_sha256 == event.facts_sha256() {
        (Outcome::Duplicate, None)
    } else {
        (Outcome::Conflict, Some("this id is stored with other facts; the first stands".to_owned()))
    }
}

fn first_delivered(event: &Event, changed: bool) -> (Outcome, Option<String>) {
    match event.statement() {
        Statement::Fact(_) if changed => (Outcome::Applied, event.remark()),
        Statement::Fact(_) => (Outcome::Restated, event.remark()),
        Statement::Noted(reason) => (Outcome::Noted, Some(reason.clone())),
        Statement::Parked(reason) => (Outcome::Parked, Some(reason.clone())),
        Statement::Dead(reason) => (Outcome::Dead, Some(reason.clone())),
    }
}

/// A payment that the batch adds to.
pub(super) struct Payment {
    was: Option<Link>,
    link: Link,
    entries: Vec<Entry>,
    fold: PaymentFold,
}

impl Payment {
    fn loaded(key: &Key, snapshot: &mut Snapshot) -> Self {
        let was = snapshot.links.get(key).cloned();
        let entries = snapshot.entries.remove(key).unwrap_or_default();
        let link = was.clone().unwrap_or_else(|| Link::provisional(&key.id));
        Self { was, link, fold: PaymentFold::of(&entries), entries }
    }

    /// The payment as if one of its events had never been; `None` when that event adds nothing to it.
    pub(super) fn without(event: &Id, key: &Key, snapshot: &mut Snapshot) -> Option<Self> {
        let stored = snapshot.entries.get(key)?;
        let entries: Vec<Entry> = stored.iter().filter(|entry| entry.event != *event).cloned().collect();
        if entries.len() == stored.len() {
            return None;
        }
        let was = Self::loaded(key, snapshot).was;
        Some(Self { was, link: Link::learned(&key.id, &entries), fold: PaymentFold::of(&entries), entries })
    }

    /// Adds an event's entry and tells whether money or the link changed.
    fn add(&mut self, event: &Event, entry: Entry) -> bool {
        let is_first = self.entries.is_empty() && self.was.is_none();
        self.entries.push(entry);
        let mut changed = is_first;
        if event.fact().is_some() {
            let fold = PaymentFold::of(&self.entries);
            changed |= fold.sums != self.fold.sums || fold.rank != self.fold.rank;
            self.fold = fold;
        }
        if let (Some(_), Some(payment)) = (event.claim(), event.payment()) {
            let link = Link::learned(payment, &self.entries);
            changed |= link != self.link;
            self.link = link;
        }
        changed
    }

    fn relink(&self, key: &Key) -> Option<Relink> {
        (self.was.as_ref() != Some(&self.link) && !self.entries.is_empty()).then(|| Relink {
            payment: key.clone(),
            was: self.was.as_ref().map(|link| link.order.clone()),
            link: self.link.clone(),
        })
    }

    /// Its row goes with its last entry.
    fn end(&self, key: &Key) -> Option<(Key, Id)> {
        let was = self.was.as_ref().filter(|_| self.entries.is_empty())?;
        Some((key.clone(), was.order.clone()))
    }
}

/// Folds the old and the new order of every touched payment from all payments that they have now.
fn rewrites(snapshot: &Snapshot, touched: &BTreeMap<Key, Payment>) -> Vec<Rewrite> {
    let orders: BTreeSet<Key> = touched
        .iter()
        .flat_map(|(key, payment)| {
            payment.was.iter().chain([&payment.link]).map(|link| key.sibling(&link.order))
        })
        .collect();
    let mut members: HashMap<Key, Vec<Member<'_>>> = HashMap::new();
    let untouched =
        snapshot.links.iter().filter(|(key, _)| !touched.contains_key(*key)).map(|(key, link)| {
            (key.sibling(&link.order), key, snapshot.entries.get(key).map_or(&[][..], Vec::as_slice))
        });
    let changed = touched
        .iter()
        .filter(|(_, payment)| !payment.entries.is_empty())
        .map(|(key, payment)| (key.sibling(&payment.link.order), key, payment.entries.as_slice()));
    for (order, payment, entries) in untouched.chain(changed) {
        if orders.contains(&order) {
            members.entry(order).or_default().push(Member { payment: &payment.id, entries });
        }
    }
    orders
        .into_iter()
        .map(|order| Rewrite {
            read: snapshot.versions.get(&order).copied(),
            row: members.get(&order).and_then(|members| Order::fold(members)),
            order,
        })
        .filter(|rewrite| rewrite.read.is_some() || rewrite.row.is_some())
        .collect()
}
