//! The tables of the simulated database: what a load finds in them, and what a save does to them in one step.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::order::{Changes, Entry, Event, Id, Key, Known, Link, Member, Order, Outcome, Snapshot};
use crate::store::{StoreError, Wanted};

#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    pub(crate) events: BTreeMap<Key, Stored>,
    links: BTreeMap<Key, Link>,
    orders: BTreeMap<Key, (i64, Order)>,
    pub(crate) conflicts: BTreeSet<(Key, [u8; 32])>,
    versions: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) known: Known,
    payment: Option<Key>,
    entry: Option<Entry>,
}

/// What a save writes, of its own so that it may land when its client is gone.
pub(super) struct Write {
    events: Vec<(Event, Outcome, Option<String>)>,
    payments: Vec<(Key, Option<Id>, Link)>,
    orders: Vec<(Key, Option<i64>, Option<Order>)>,
    conflicts: Vec<(Key, [u8; 32])>,
}

impl Write {
    pub(super) fn of(changes: &Changes<'_>) -> Self {
        let decided = changes.events.iter();
        let payments = changes.payments.iter();
        let orders = changes.orders.iter();
        let conflicts = changes.conflicts.iter();
        Self {
            events: decided.map(|own| (own.event.clone(), own.outcome, own.reason.clone())).collect(),
            payments: payments.map(|own| (own.payment.clone(), own.was.clone(), own.link.clone())).collect(),
            orders: orders.map(|own| (own.order.clone(), own.read, own.row.clone())).collect(),
            conflicts: conflicts.map(|own| (own.key().clone(), own.evidence().body_sha256)).collect(),
        }
    }

    pub(super) fn orders(&self) -> usize {
        self.orders.len()
    }
}

impl Tables {
    pub(super) fn load(&self, wanted: &Wanted) -> Snapshot {
        let linked = wanted.payments.iter().filter_map(|own| Some(own.sibling(&self.links.get(own)?.order)));
        let orders: BTreeSet<Key> = wanted.orders.iter().cloned().chain(linked).collect();
        let is_touched = |(payment, link): &(&Key, &Link)| orders.contains(&payment.sibling(&link.order));
        let links = self.links.iter().filter(is_touched);
        let links: BTreeMap<Key, Link> = links.map(|(own, link)| (own.clone(), link.clone())).collect();
        let mut entries: HashMap<Key, Vec<Entry>> = HashMap::new();
        for stored in self.events.values() {
            if let (Some(payment), Some(entry)) = (&stored.payment, &stored.entry)
                && links.contains_key(payment)
            {
                entries.entry(payment.clone()).or_default().push(entry.clone());
            }
        }
        let known =
            wanted.events.iter().filter_map(|own| Some((own.clone(), self.events.get(own)?.known.clone())));
        let versions = orders.iter().filter_map(|own| Some((own.clone(), self.orders.get(own)?.0)));
        Snapshot {
            known: known.collect(),
            versions: versions.collect(),
            links,
            entries,
            ..Snapshot::default()
        }
    }

    pub(super) fn apply(&mut self, write: Write, unchecked: bool) -> Result<(), StoreError> {
        let stale = |what: &str| Err(StoreError::Stale(what.to_owned()));
        if write.events.iter().any(|(event, ..)| self.events.contains_key(event.key())) {
            return stale("events_pkey");
        }
        let moved = |(payment, was, _): &(Key, Option<Id>, Link)| {
            self.links.get(payment).map(|link| &link.order) != was.as_ref()
        };
        let rewritten = |(order, read, _): &(Key, Option<i64>, Option<Order>)| {
            self.orders.get(order).map(|(version, _)| *version) != *read
        };
        if !unchecked && (write.payments.iter().any(moved) || write.orders.iter().any(rewritten)) {
            return stale("links or orders");
        }
        for (event, outcome, reason) in write.events {
            let evidence = event.evidence();
            let known = Known {
                outcome,
                reason,
                facts_sha256: event.facts_sha256(),
                body_sha256: evidence.body_sha256,
                received_at: evidence.received_at,
                is_purged: false,
            };
            let stored = Stored { known, payment: event.payment_key(), entry: Entry::of(&event) };
            self.events.insert(event.key().clone(), stored);
        }
        self.links.extend(write.payments.into_iter().map(|(payment, _, link)| (payment, link)));
        for (order, _, row) in write.orders {
            self.versions += 1;
            match row {
                Some(row) => drop(self.orders.insert(order, (self.versions, row))),
                None => drop(self.orders.remove(&order)),
            }
        }
        self.conflicts.extend(write.conflicts);
        Ok(())
    }

    /// Whether links and orders are what the events say.
    pub(crate) fn are_the_fold(&self) -> bool {
        let mut payments: BTreeMap<Key, Vec<Entry>> = BTreeMap::new();
        for stored in self.events.values() {
            if let (Some(payment), Some(entry)) = (&stored.payment, &stored.entry) {
                payments.entry(payment.clone()).or_default().push(entry.clone());
            }
        }
        let links: BTreeMap<Key, Link> =
            payments.iter().map(|(own, entries)| (own.clone(), Link::learned(&own.id, entries))).collect();
        let mut members: BTreeMap<Key, Vec<Member<'_>>> = BTreeMap::new();
        for (payment, entries) in &payments {
            let member = Member { payment: &payment.id, entries };
            members.entry(payment.sibling(&links[payment].order)).or_default().push(member);
        }
        let orders = members.iter().map(|(order, members)| (order, Order::fold(members).unwrap()));
        let stored = self.orders.iter().map(|(order, (_, row))| (order, row.clone()));
        links == self.links && orders.eq(stored)
    }
}
