//! A provider's own record against our facts: pure, and for each payment by itself.
//!
//! Matching is exact, by what both sides call a movement: never by amount or date. A report changes no order; what it
//! disagrees in is a finding, for a person.

mod finding;
mod ours;
mod row;
#[cfg(test)]
mod tests;
mod theirs;

use std::collections::BTreeSet;

use serde_json::json;

pub use self::finding::{Disagreement, ReportFinding};
use self::ours::{OurMovement, Ours};
pub use self::row::{Class, Compared, MatchedBy, ReportRow, RowFact, RowMoney, TimeSpan};
use self::theirs::{TheirMovement, movements};
use super::entry::Entry;
use super::id::Id;
use super::link::{Link, Standing};
use super::money::Currency;

/// One payment on both sides.
#[derive(Debug, Clone, Copy)]
pub struct BothSides<'a> {
    /// The payment.
    pub payment: &'a Id,
    /// Its order, as far as it is known.
    pub link: Option<&'a Link>,
    /// What our events tell of it.
    pub entries: &'a [Entry],
    /// What all reports of its source tell of it.
    pub rows: &'a [ReportRow],
}

/// What both sides disagree in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disagreements {
    /// What is certain.
    pub certain: Vec<ReportFinding>,
    /// What the reports do not have, and may have later: no report that was read must have it.
    pub pending: Vec<ReportFinding>,
}

/// Which movements a report must have: those of a class that it tells of, within its time.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// The classes.
    pub classes: BTreeSet<Class>,
    /// The time; none where nothing must be there.
    pub span: Option<TimeSpan>,
}

/// Compares one payment.
#[must_use]
pub fn reconcile(sides: &BothSides<'_>, coverage: &Coverage) -> Disagreements {
    let ours = Ours::of(sides.entries);
    let theirs = movements(sides.payment, sides.rows, &ours);
    let mut found = Disagreements::default();
    let mut unknown_here = Vec::new();
    for ((class, reference), movement) in &theirs {
        let name = (*class, *reference, sides.payment);
        match our_side(&ours, *class, reference, movement) {
            Some(side) => found.certain.extend(difference(name, side, movement)),
            None if movement.has_amount && movement.amount == 0 => {}
            None => unknown_here.push(missing_here(name, movement)),
        }
        found.certain.extend(other_order(name, sides.link, movement));
    }
    let absent = ours.movements.iter().filter(|((class, reference), movement)| {
        let of_payment = theirs.get(&(*class, sides.payment)).is_some_and(|movement| movement.is_of_payment);
        movement.amount > 0
            && movement.is_final
            && !movement.is_total
            && !of_payment
            && !theirs.contains_key(&(*class, *reference))
    });
    for ((class, reference), movement) in absent {
        let name = (*class, *reference, sides.payment);
        found.not_in_report(name, movement, movement.amount, coverage);
    }
    found.weigh_totals(&ours, sides, unknown_here, coverage);
    found
}

impl Disagreements {
    /// A total tells of refunds that no event named one by one. What it has beyond the named ones stands for those of the
    /// report's that are not known by name, if it comes to exactly as much.
    fn weigh_totals(
        &mut self,
        ours: &Ours<'_>,
        sides: &BothSides<'_>,
        unknown_here: Vec<ReportFinding>,
        coverage: &Coverage,
    ) {
        let refunds = || ours.movements.iter().filter(|((class, _), _)| *class == Class::Refunded);
        let total = refunds().find(|(_, movement)| movement.is_total);
        let named: i128 =
            refunds().filter(|(_, movement)| !movement.is_total).map(|(_, own)| i128::from(own.amount)).sum();
        let beyond = ours.sum(Class::Refunded).map_or(0, |(sum, _)| sum - named).max(0);
        let is_refund = |finding: &ReportFinding| finding.class == Some(Class::Refunded);
        let unnamed: i128 = unknown_here
            .iter()
            .filter(|finding| is_refund(finding))
            .filter_map(|finding| finding.theirs)
            .map(i128::from)
            .sum();
        let stands_for_them = total.is_some() && unnamed == beyond;
        match total {
            Some(((class, reference), movement)) if beyond > 0 && unnamed == 0 => {
                self.not_in_report((*class, *reference, sides.payment), movement, whole(beyond), coverage);
            }
            Some(_) | None => {}
        }
        self.certain
            .extend(unknown_here.into_iter().filter(|finding| !(stands_for_them && is_refund(finding))));
    }

    fn not_in_report(
        &mut self,
        name: (Class, &Id, &Id),
        movement: &OurMovement,
        amount: i64,
        coverage: &Coverage,
    ) {
        let is_due =
            coverage.classes.contains(&name.0) && coverage.span.is_some_and(|span| span.holds(movement.at));
        let amounts = (Some(amount), None);
        let finding = ReportFinding::of_amounts(Disagreement::NotInReport, name, amounts, movement.currency);
        if is_due { self.certain.push(finding) } else { self.pending.push(finding) }
    }
}

/// Our amount and its currency, for a movement of the report's.
fn our_side(
    ours: &Ours<'_>,
    class: Class,
    reference: &Id,
    theirs: &TheirMovement<'_>,
) -> Option<(i64, Option<Currency>)> {
    if theirs.is_of_payment {
        return ours.sum(class).map(|(sum, currency)| (whole(sum), Some(currency)));
    }
    ours.movements.get(&(class, reference)).map(|movement| (movement.amount, movement.currency))
}

fn difference(
    name: (Class, &Id, &Id),
    (ours, our_currency): (i64, Option<Currency>),
    theirs: &TheirMovement<'_>,
) -> Option<ReportFinding> {
    if !theirs.has_amount {
        return None;
    }
    let amounts = (Some(ours), Some(whole(theirs.amount)));
    let currency = theirs.currencies.first().copied();
    let same_currency = theirs.currencies.len() <= 1 && (our_currency.is_none() || our_currency == currency);
    if !same_currency {
        let codes =
            |codes: &mut dyn Iterator<Item = &Currency>| codes.map(ToString::to_string).collect::<Vec<_>>();
        let mut finding = ReportFinding::of_amounts(Disagreement::CurrencyDiffers, name, amounts, currency);
        finding.detail = json!({
            "our_currencies": codes(&mut our_currency.iter()), "ours": ours,
            "their_currencies": codes(&mut theirs.currencies.iter()), "theirs": whole(theirs.amount),
        });
        return Some(finding);
    }
    (i128::from(ours) != theirs.amount)
        .then(|| ReportFinding::of_amounts(Disagreement::AmountDiffers, name, amounts, currency))
}

fn missing_here(name: (Class, &Id, &Id), theirs: &TheirMovement<'_>) -> ReportFinding {
    let amounts = (None, Some(whole(theirs.amount)));
    ReportFinding::of_amounts(Disagreement::MissingHere, name, amounts, theirs.currencies.first().copied())
}

/// The report names an order, and it is not the one that the payment belongs to. A payment without an order is told of
/// elsewhere.
fn other_order(
    name: (Class, &Id, &Id),
    link: Option<&Link>,
    theirs: &TheirMovement<'_>,
) -> Option<ReportFinding> {
    let ours = link.filter(|link| link.standing != Standing::Provisional).map(|link| &link.order)?;
    if theirs.orders.is_empty() || theirs.orders.contains(ours) {
        return None;
    }
    let orders: Vec<&str> = theirs.orders.iter().map(|order| order.as_str()).collect();
    let mut finding = ReportFinding::of_amounts(Disagreement::OrderDiffers, name, (None, None), None);
    finding.detail = json!({ "ours": ours.as_str(), "theirs": orders });
    Some(finding)
}

/// A sum as a column holds it.
fn whole(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}
