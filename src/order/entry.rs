//! What each event adds to its payment, and what a payment adds to its order.

use super::event::{Event, UnixMicros};
use super::fact::{Claim, Fact};
use super::id::Id;

/// What one event adds to its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event, which breaks ties of time.
    pub event: Id,
    /// When it happened.
    pub occurred_at: UnixMicros,
    /// The merchant's account at the provider that it is about.
    pub account: Option<Id>,
    /// Its fact, if it states one.
    pub fact: Option<Fact>,
    /// Its claim, if it names the order.
    pub claim: Option<Claim>,
}

impl Entry {
    /// The entry of an event that tells of a payment.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        event.tells_of_a_payment().then(|| Self {
            event: event.key().id.clone(),
            occurred_at: event.occurred_at(),
            account: event.account().cloned(),
            fact: event.fact().cloned(),
            claim: event.claim().cloned(),
        })
    }
}

/// A payment of an order, with all of its entries in whatever order.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The payment.
    pub payment: &'a Id,
    /// What its events tell.
    pub entries: &'a [Entry],
}
