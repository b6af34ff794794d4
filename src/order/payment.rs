//! The fold of one payment: what the facts and claims of its events come to, in whatever order they arrived.

use super::event::{Event, UnixMicros};
use super::fact::{Basis, Claim, Fact, Kind};
use super::id::{Id, Key};
use super::money::{Currency, Money};

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

/// Which order a payment belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The order.
    pub order: Id,
    /// No event has named the order yet: the payment's id stands in for it.
    pub provisional: bool,
}

impl Link {
    /// The link that a payment's entries teach: the smallest claim by (rank, time, event id).
    #[must_use]
    pub fn learned(payment: &Key, entries: &[Entry]) -> Self {
        entries
            .iter()
            .filter_map(|entry| {
                entry.claim.as_ref().map(|claim| (claim.rank, entry.occurred_at, &entry.event, claim))
            })
            .min_by_key(|(rank, at, event, _)| (*rank, *at, *event))
            .map_or_else(
                || Self { order: payment.id.clone(), provisional: true },
                |(.., claim)| Self { order: claim.order.clone(), provisional: false },
            )
    }
}

/// How far a payment has come. The order of the variants is their rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// An attempt failed, or every capture did.
    Failed,
    /// Money is reserved.
    Authorized,
    /// Given up, by the merchant or by time.
    Canceled,
    /// Money moved.
    Captured,
}

/// Sums in one currency. 128 bits hold any number of 63-bit amounts that a database can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Reserved.
    pub authorized: i128,
    /// Captured, less captures that failed.
    pub captured: i128,
    /// Given back.
    pub refunded: i128,
    /// In open disputes.
    pub open: i128,
    /// In lost disputes.
    pub lost: i128,
}

/// What a payment's entries come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentFold {
    /// Sums by currency, sorted by it; nearly always one.
    pub sums: Vec<(Currency, Sums)>,
    /// How far it has come, if its facts say.
    pub rank: Option<Rank>,
    /// One movement was stated with two amounts.
    pub amount_restated: bool,
    /// Two claims of one rank name different orders.
    pub order_mismatch: bool,
}

impl PaymentFold {
    /// Folds entries in any order.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut statements: Vec<Stated<'_>> = entries
            .iter()
            .filter_map(|entry| {
                let fact = entry.fact.as_ref()?;
                Some(Stated { fact, money: fact.money?, entry })
            })
            .collect();
        statements.sort_unstable_by_key(Stated::movement);

        let mut fold = Self {
            rank: rank_without_money(entries),
            order_mismatch: claims_differ(entries),
            ..Self::default()
        };
        for in_currency in statements.chunk_by(|a, b| a.money.currency == b.money.currency) {
            let Some(first) = in_currency.first() else { continue };
            let movements = Movements(in_currency);
            fold.sums.push((first.money.currency, movements.sums()));
            fold.rank = fold.rank.max(movements.rank());
            fold.amount_restated |= movements.any_restated();
        }
        fold
    }

    /// The sums in `currency`.
    #[must_use]
    pub fn sums_in(&self, currency: Currency) -> Sums {
        self.sums.iter().find(|(own, _)| *own == currency).map(|(_, sums)| *sums).unwrap_or_default()
    }
}

struct Stated<'a> {
    fact: &'a Fact,
    money: Money,
    entry: &'a Entry,
}

impl<'a> Stated<'a> {
    /// Sorts the statements of one movement side by side.
    fn movement(&self) -> (Currency, Kind, Basis, &'a Id) {
        (self.money.currency, self.fact.kind, self.fact.basis, &self.fact.reference)
    }
}

/// The statements of one payment in one currency, sorted by movement.
struct Movements<'a, 'b>(&'b [Stated<'a>]);

impl<'a> Movements<'a, '_> {
    fn sums(&self) -> Sums {
        Sums {
            authorized: self.total(Kind::Authorized, false),
            captured: self.total_without(Kind::Captured, Kind::CaptureFailed),
            refunded: self.refunded(),
            open: self.disputed(Kind::Disputed),
            lost: self.disputed(Kind::DisputeLost),
        }
    }

    /// Own refunds and running totals tell the same money twice, so the larger account stands: they are never added.
    fn refunded(&self) -> i128 {
        let by_total = self.total(Kind::Refunded, true) - self.total(Kind::RefundFailed, false);
        by_total.max(self.total_without(Kind::Refunded, Kind::RefundFailed)).max(0)
    }

    /// Captured, unless every capture failed; then canceled, authorized, failed.
    fn rank(&self) -> Option<Rank> {
        let stated = |kind: Kind| self.0.iter().any(|stated| stated.fact.kind == kind);
        let captured = self
            .of_kind(Kind::Captured, false)
            .any(|(reference, _)| !self.has(Kind::CaptureFailed, reference));
        if captured {
            Some(Rank::Captured)
        } else if stated(Kind::Canceled) {
            Some(Rank::Canceled)
        } else if stated(Kind::Authorized) {
            Some(Rank::Authorized)
        } else {
            (stated(Kind::Failed) || stated(Kind::CaptureFailed)).then_some(Rank::Failed)
        }
    }

    /// The disputes whose latest word is `state`, with the amount that it was stated with.
    fn disputed(&self, state: Kind) -> i128 {
        self.of_kind(state, false)
            .filter(|(reference, _)| self.latest_of_dispute(reference) == Some(state))
            .map(|(_, amount)| amount)
            .sum()
    }

    /// Disputes close and reopen, and clocks tick in seconds: by time, then lost over won over open, then event id.
    fn latest_of_dispute(&self, reference: &Id) -> Option<Kind> {
        self.0
            .iter()
            .filter(|stated| stated.fact.reference == *reference)
            .filter_map(|stated| {
                let weight = match stated.fact.kind {
                    Kind::Disputed => 0,
                    Kind::DisputeWon => 1,
                    Kind::DisputeLost => 2,
                    Kind::Authorized
                    | Kind::Captured
                    | Kind::CaptureFailed
                    | Kind::Failed
                    | Kind::Canceled
                    | Kind::Refunded
                    | Kind::RefundFailed => return None,
                };
                Some((stated.entry.occurred_at, weight, &stated.entry.event, stated.fact.kind))
            })
            .max()
            .map(|(.., kind)| kind)
    }

    fn total(&self, kind: Kind, cumulative: bool) -> i128 {
        self.of_kind(kind, cumulative).map(|(_, amount)| amount).sum()
    }

    /// The movements of `kind` less those that a statement of `undone` cancels by its reference.
    fn total_without(&self, kind: Kind, undone: Kind) -> i128 {
        self.of_kind(kind, false)
            .filter(|(reference, _)| !self.has(undone, reference))
            .map(|(_, amount)| amount)
            .sum()
    }

    fn has(&self, kind: Kind, reference: &Id) -> bool {
        self.0.iter().any(|stated| stated.fact.kind == kind && stated.fact.reference == *reference)
    }

    /// Each movement of `kind` once, with the largest amount that it was stated with.
    fn of_kind(&self, kind: Kind, cumulative: bool) -> impl Iterator<Item = (&'a Id, i128)> {
        self.each()
            .filter(move |movement| {
                movement.first().is_some_and(|first| {
                    first.fact.kind == kind && (first.fact.basis == Basis::Total) == cumulative
                })
            })
            .filter_map(|movement| {
                let largest = movement.iter().map(|stated| stated.money.amount).max()?;
                Some((&movement.first()?.fact.reference, i128::from(largest)))
            })
    }

    fn any_restated(&self) -> bool {
        self.each().any(|movement| {
            let mut amounts = movement
                .iter()
                .filter(|stated| stated.fact.basis != Basis::Total)
                .map(|stated| stated.money.amount);
            amounts.next().is_some_and(|first| amounts.any(|amount| amount != first))
        })
    }

    fn each(&self) -> impl Iterator<Item = &[Stated<'a>]> {
        self.0.chunk_by(|a, b| a.movement() == b.movement())
    }
}

/// How far a payment has come by what was told without an amount.
fn rank_without_money(entries: &[Entry]) -> Option<Rank> {
    let stated = |kind| entries.iter().filter_map(|entry| entry.fact.as_ref()).any(|fact| fact.kind == kind);
    let canceled = stated(Kind::Canceled).then_some(Rank::Canceled);
    canceled.max(stated(Kind::Failed).then_some(Rank::Failed))
}

fn claims_differ(entries: &[Entry]) -> bool {
    let mut claims: Vec<&Claim> = entries.iter().filter_map(|entry| entry.claim.as_ref()).collect();
    claims.sort_unstable_by_key(|claim| claim.rank);
    claims.windows(2).any(|pair| matches!(pair, [a, b] if a.rank == b.rank && a.order != b.order))
}
