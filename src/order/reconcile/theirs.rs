//! The report's side: the rows of one payment, summed to movements.

use std::collections::{BTreeMap, BTreeSet};

use super::ours::Ours;
use super::row::{Class, Compared, MatchedBy, ReportRow};
use crate::order::id::Id;
use crate::order::money::Currency;

/// What the rows of one movement come to. 128 bits hold any number of 63-bit amounts.
#[derive(Default)]
pub(super) struct TheirMovement<'a> {
    pub(super) amount: i128,
    pub(super) currencies: BTreeSet<Currency>,
    /// Whether the amounts have to agree, or only that both sides know of it.
    pub(super) has_amount: bool,
    pub(super) is_of_payment: bool,
    pub(super) orders: BTreeSet<&'a Id>,
}

/// A movement by the name that our side has for it, where it has one.
pub(super) type TheirMovements<'a> = BTreeMap<(Class, &'a Id), TheirMovement<'a>>;

/// Sums the rows of a movement with their signs: a capture in parts is told as the whole less what was not captured, and a
/// dispute in several rows.
pub(super) fn movements<'a>(payment: &'a Id, rows: &'a [ReportRow], ours: &Ours<'_>) -> TheirMovements<'a> {
    let mut movements = TheirMovements::new();
    for row in rows {
        let Some(fact) = &row.fact else { continue };
        let Some((class, sign)) = Class::of(fact.kind) else { continue };
        let known = [Some(&fact.reference), fact.other_reference.as_ref()]
            .into_iter()
            .flatten()
            .find(|reference| ours.movements.contains_key(&(class, *reference)));
        let reference = match fact.matched_by {
            MatchedBy::Payment => payment,
            MatchedBy::Reference => known.unwrap_or(&fact.reference),
        };
        let movement = movements.entry((class, reference)).or_default();
        movement.is_of_payment |= fact.matched_by == MatchedBy::Payment;
        movement.has_amount |= fact.compared == Compared::Amount;
        movement.orders.extend(fact.order.as_ref());
        if let Some((amount, currency)) = row.money {
            movement.amount += i128::from(amount) * i128::from(sign);
            movement.currencies.insert(currency);
        }
    }
    movements
}
