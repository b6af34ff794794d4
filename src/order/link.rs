//! Which order a payment belongs to: what the claims of its events come to.

use super::entry::Entry;
use super::fact::Claim;
use super::id::Id;
use super::words::words;

/// The rank of a claim that a person made: it outranks every field of every payload.
pub const ASSIGNED_RANK: i16 = i16::MIN;

/// The type of the events by which a person assigns a payment: no provider's definition reads them.
pub const ASSIGNED_TYPE: &str = "paylatch.assigned";

/// How it is known which order a payment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// An event named the order.
    Known,
    /// None has yet: the payment's id stands in for it.
    Provisional,
    /// A person said so.
    Assigned,
}

words!(Standing { Known = "known", Provisional = "provisional", Assigned = "assigned" });

/// Which order a payment belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The order.
    pub order: Id,
    /// How that is known.
    pub standing: Standing,
}

impl Link {
    /// The link of a payment that no event names an order for.
    #[must_use]
    pub fn provisional(payment: &Id) -> Self {
        Self { order: payment.clone(), standing: Standing::Provisional }
    }

    /// The link that a payment's entries teach: what a person assigned last, unless that was the payment's own id, which
    /// undoes; else the smallest claim by (rank, time, event id).
    #[must_use]
    pub fn learned(payment: &Id, entries: &[Entry]) -> Self {
        if let Some(claim) = assigned(payment, entries) {
            return Self { order: claim.order.clone(), standing: Standing::Assigned };
        }
        named(entries).min_by_key(|(claim, entry)| (claim.rank, entry.occurred_at, &entry.event)).map_or_else(
            || Self::provisional(payment),
            |(claim, _)| Self { order: claim.order.clone(), standing: Standing::Known },
        )
    }
}

/// The orders that the best-ranked claims of a payment name, sorted, where they differ and no person has decided.
pub(super) fn rival_orders<'a>(payment: &Id, entries: &'a [Entry]) -> Vec<&'a Id> {
    let Some(best) = named(entries).map(|(claim, _)| claim.rank).min() else { return Vec::new() };
    let orders = || named(entries).filter(|(claim, _)| claim.rank == best).map(|(claim, _)| &claim.order);
    if is_one(orders()) || assigned(payment, entries).is_some() {
        return Vec::new();
    }
    let mut orders: Vec<&Id> = orders().collect();
    orders.sort_unstable();
    orders.dedup();
    orders
}

/// Whether all of them, if any, are the same one.
pub(super) fn is_one<'a>(mut ids: impl Iterator<Item = &'a Id>) -> bool {
    ids.next().is_none_or(|first| ids.all(|id| id == first))
}

/// The assignment that holds, if any.
fn assigned<'a>(payment: &Id, entries: &'a [Entry]) -> Option<&'a Claim> {
    claims(entries)
        .filter(|(claim, _)| claim.rank == ASSIGNED_RANK)
        .max_by_key(|(_, entry)| (entry.occurred_at, &entry.event))
        .map(|(claim, _)| claim)
        .filter(|claim| claim.order != *payment)
}

/// The claims of the provider's events.
fn named(entries: &[Entry]) -> impl Iterator<Item = (&Claim, &Entry)> {
    claims(entries).filter(|(claim, _)| claim.rank != ASSIGNED_RANK)
}

fn claims(entries: &[Entry]) -> impl Iterator<Item = (&Claim, &Entry)> {
    entries.iter().filter_map(|entry| Some((entry.claim.as_ref()?, entry)))
}
