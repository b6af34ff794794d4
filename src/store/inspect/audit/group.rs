//! One order of an audit: what is stored beside what its events come to.

use std::collections::BTreeMap;

use super::line::{Columns, Line, time};
use super::{Difference, Wrong, WrongLink};
use crate::order::{Entry, Id, Key, Link, Member, Order};

/// One order: its row, and the payments that belong to it or say that they do.
pub(super) struct Group {
    order: Key,
    stored: Option<Columns>,
    payments: BTreeMap<Id, Payment>,
}

struct Payment {
    stored: Option<(Id, String)>,
    entries: Vec<Entry>,
}

/// The names of [`Columns`].
const COLUMNS: [&str; 12] = [
    "status",
    "currency",
    "authorized",
    "reserved",
    "captured",
    "refunded",
    "disputed",
    "lost",
    "anomaly",
    "anomalies",
    "first_event_at",
    "last_event_at",
];

impl Group {
    pub(super) fn new(order: Key) -> Self {
        Self { order, stored: None, payments: BTreeMap::new() }
    }

    pub(super) fn order(&self) -> &Key {
        &self.order
    }

    pub(super) fn add(&mut self, line: &Line) -> Option<()> {
        if line.tag == 1 {
            self.stored = Some(line.columns());
            return Some(());
        }
        let payment = Id::new(line.payment_id.as_deref()?).ok()?;
        let stored = match (&line.stored_order, &line.stored_link) {
            (Some(order), Some(link)) => Some((Id::new(order).ok()?, link.clone())),
            _ => None,
        };
        let member = self.payments.entry(payment).or_insert_with(|| Payment { stored, entries: Vec::new() });
        if line.tag == 2 {
            member.entries.push(line.entry()?);
        }
        Some(())
    }

    /// Appends what differs.
    pub(super) fn compare(self, differences: &mut Vec<Difference>, wrong: &mut Wrong) {
        for (id, member) in &self.payments {
            self.compare_link(&self.order.sibling(id), member, differences, wrong);
        }
        let members: Vec<Member<'_>> = self
            .payments
            .iter()
            .filter(|(_, own)| !own.entries.is_empty())
            .map(|(payment, own)| Member { payment, entries: &own.entries })
            .collect();
        let expected = Order::fold(&members).as_ref().map(columns);
        let found = differences.len();
        match (&self.stored, &expected) {
            (Some(stored), Some(expected)) => {
                for ((column, stored), expected) in COLUMNS.iter().zip(stored).zip(expected) {
                    if stored != expected {
                        differences.push(self.differs(column, stored.clone(), expected.clone()));
                    }
                }
            }
            (None, None) => {}
            (stored, expected) => {
                let status =
                    |columns: &Option<Columns>| columns.as_ref().and_then(|columns| columns[0].clone());
                differences.push(self.differs("row", status(stored), status(expected)));
            }
        }
        if differences.len() > found {
            wrong.orders.insert(self.order);
        }
    }

    fn compare_link(
        &self,
        key: &Key,
        member: &Payment,
        differences: &mut Vec<Difference>,
        wrong: &mut Wrong,
    ) {
        let expected = (!member.entries.is_empty()).then(|| Link::learned(&key.id, &member.entries));
        let expected_words = expected.as_ref().map(|link| (link.order.clone(), link.standing.to_string()));
        if member.stored == expected_words {
            return;
        }
        let show =
            |words: &Option<(Id, String)>| words.as_ref().map(|(order, link)| format!("{order} ({link})"));
        differences.push(Difference {
            table: "payments",
            key: key.to_string(),
            column: if member.stored.is_some() && expected.is_some() { "order_id" } else { "row" },
            stored: show(&member.stored),
            expected: show(&expected_words),
        });
        let orders = member.stored.iter().chain(&expected_words).map(|(order, _)| key.sibling(order));
        wrong.orders.extend(orders);
        let was = member.stored.as_ref().map(|(order, _)| order.clone());
        wrong.payments.push(WrongLink { payment: key.clone(), was, link: expected });
    }

    fn differs(&self, column: &'static str, stored: Option<String>, expected: Option<String>) -> Difference {
        Difference { table: "orders", key: self.order.to_string(), column, stored, expected }
    }
}

fn columns(order: &Order) -> Columns {
    [
        Some(order.status.to_string()),
        order.currency.map(|currency| currency.to_string()),
        Some(order.authorized.to_string()),
        Some(order.reserved.to_string()),
        Some(order.captured.to_string()),
        Some(order.refunded.to_string()),
        Some(order.disputed.to_string()),
        Some(order.lost.to_string()),
        order.anomaly().map(|anomaly| anomaly.to_string()),
        Some(order.anomalies_json()),
        time(Some(order.first_event_at)),
        time(Some(order.last_event_at)),
    ]
}
