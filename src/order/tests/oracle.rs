//! The rules of money once more, written plainly and slowly, to compare the fold with. One currency.

use std::collections::BTreeSet;

use super::*;

/// The sums of a payment or of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Expected {
    pub(super) authorized: i64,
    pub(super) reserved: i64,
    standalone: i64,
    pub(super) captured: i64,
    pub(super) refunded: i64,
    pub(super) open: i64,
    pub(super) lost: i64,
    rank: Option<Rank>,
}

struct Told<'a>(Vec<(&'a Fact, i64)>);

impl<'a> Told<'a> {
    fn of(&self, kind: Kind, bases: &[Basis]) -> Told<'a> {
        Told(self.0.iter().filter(|(f, _)| f.kind == kind && bases.contains(&f.basis)).copied().collect())
    }

    fn all(&self, kind: Kind) -> Told<'a> {
        self.of(kind, Basis::ALL)
    }

    fn references(&self) -> BTreeSet<&'a Id> {
        self.0.iter().map(|(fact, _)| &fact.reference).collect()
    }

    fn named(&self, reference: &Id) -> Told<'a> {
        Told(self.0.iter().filter(|(fact, _)| fact.reference == *reference).copied().collect())
    }

    fn largest(&self) -> i64 {
        self.0.iter().map(|(fact, _)| amount(fact)).max().unwrap_or(0)
    }

    fn latest(&self) -> (i64, i64) {
        self.0.iter().map(|(fact, at)| (*at, amount(fact))).max().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn sum(&self, of: impl Fn(&Id, &Told<'a>) -> i64) -> i64 {
        self.references().into_iter().map(|reference| of(reference, &self.named(reference))).sum()
    }
}

fn amount(fact: &Fact) -> i64 {
    fact.money.map_or(0, |money| money.amount)
}

const NAMED: [Basis; 6] =
    [Basis::Own, Basis::Total, Basis::Presumed, Basis::Adjusting, Basis::Standalone, Basis::Reversal];

#[allow(clippy::too_many_lines, reason = "the rules stand side by side")]
pub(super) fn payment(entries: &[Entry]) -> Expected {
    let told = Told(entries.iter().filter_map(|e| Some((e.fact.as_ref()?, e.occurred_at.0))).collect());
    let failures = told.of(Kind::CaptureFailed, &NAMED);
    let captures = told.all(Kind::Captured);
    let authorizations = told.all(Kind::Authorized);

    let singly = told.of(Kind::Captured, &[Basis::Own]).sum(|reference, own| {
        let failed = failures.named(reference);
        let stands = own.0.iter().filter(|(_, at)| failed.0.iter().all(|(_, failed_at)| at > failed_at));
        Told(stands.copied().collect()).largest()
    });
    let in_total = told.of(Kind::Captured, &[Basis::Total]).sum(|_, totals| totals.latest().1);
    let is_adjusted = !told.of(Kind::Authorized, &[Basis::Adjusting]).is_empty();
    let is_plain = captures.is_empty() && told.all(Kind::CaptureFailed).is_empty();
    let is_presumed = is_plain && told.all(Kind::Canceled).is_empty() && !is_adjusted;
    let presumed = told.of(Kind::Authorized, &[Basis::Presumed]).sum(|_, own| own.largest());
    let taken_back = told.of(Kind::CaptureFailed, &[Basis::Unreferenced]);
    let counted = if is_presumed { presumed } else { singly.max(in_total) };
    let captured = (counted - taken_back.sum(|_, own| own.largest())).max(0);

    let reserved_by = |own: &Told<'_>| {
        let adjusted = own.of(Kind::Authorized, &[Basis::Adjusting]);
        if adjusted.is_empty() { own.largest() } else { adjusted.latest().1 }
    };
    let authorized = authorizations.sum(|_, own| reserved_by(own));
    let standalone = authorizations.sum(|_, own| {
        let is_standalone = !own.of(Kind::Authorized, &[Basis::Standalone]).is_empty();
        if is_standalone { reserved_by(own) } else { 0 }
    });

    let failed = told.all(Kind::RefundFailed);
    let refunds = told.of(Kind::Refunded, &[Basis::Own]).sum(|reference, own| {
        let is_voided = !failures.named(reference).is_empty() && captures.named(reference).is_empty();
        if is_voided || !failed.named(reference).is_empty() { 0 } else { own.largest() }
    });
    let totals = told.of(Kind::Refunded, &[Basis::Total]);
    let last_total_at = totals.references().into_iter().map(|r| totals.named(r).latest().0).max();
    let since = failed.sum(|_, own| {
        let first = own.0.iter().map(|(_, at)| *at).min();
        if last_total_at.is_some() && first >= last_total_at { own.largest() } else { 0 }
    });
    let by_totals = totals.sum(|_, own| own.latest().1) - since;

    let statements = told.0.iter().filter(|(fact, _)| {
        matches!(fact.kind, Kind::Disputed | Kind::DisputeWon | Kind::DisputeLost)
            && NAMED.contains(&fact.basis)
    });
    let disputes = Told(statements.copied().collect());
    let of_state = |state: Kind| {
        disputes.sum(|_, own| {
            let last = own.0.iter().map(|(fact, at)| (*at, fact.kind, amount(fact))).max().unwrap();
            if last.1 == state { last.2 } else { 0 }
        })
    };
    let won = told.of(Kind::DisputeWon, &[Basis::Unreferenced]).sum(|_, own| own.largest());
    let (open, lost) = (of_state(Kind::Disputed), of_state(Kind::DisputeLost));
    let reversed = told.of(Kind::Refunded, &[Basis::Reversal]).sum(|_, own| own.largest());
    let beside = (reversed - disputes.sum(|_, own| own.largest())).max(0);

    let voided = failures.references().into_iter().any(|reference| {
        let names = |kind| !told.all(kind).named(reference).is_empty();
        names(Kind::Authorized) && !names(Kind::Captured) && !names(Kind::Refunded)
    });
    let stated = |kind| !told.all(kind).is_empty();
    let rank = if captured > 0 {
        Some(Rank::Captured)
    } else if stated(Kind::Canceled) || voided {
        Some(Rank::Canceled)
    } else if !taken_back.is_empty() {
        Some(Rank::Failed)
    } else if stated(Kind::Authorized) {
        Some(Rank::Authorized)
    } else {
        (stated(Kind::Failed) || stated(Kind::CaptureFailed)).then_some(Rank::Failed)
    };
    let held = |amount| if rank == Some(Rank::Authorized) { amount } else { 0 };
    Expected {
        authorized,
        reserved: held(authorized - standalone),
        standalone: held(standalone),
        captured,
        refunded: by_totals.max(refunds).max(0) + beside,
        open: (open - won).max(0),
        lost: (lost - (won - open).max(0)).max(0),
        rank,
    }
}

pub(super) fn order(payments: &[&[Entry]]) -> (Status, Expected) {
    let folds: Vec<Expected> = payments.iter().map(|entries| payment(entries)).collect();
    let sum = |of: fn(&Expected) -> i64| folds.iter().map(of).sum::<i64>();
    let captured_apart: i64 =
        folds.iter().filter(|fold| fold.authorized == 0).map(|fold| fold.captured).sum();
    let sums = Expected {
        authorized: sum(|fold| fold.authorized),
        reserved: sum(|fold| fold.reserved) + (sum(|fold| fold.standalone) - captured_apart).max(0),
        standalone: 0,
        captured: sum(|fold| fold.captured),
        refunded: sum(|fold| fold.refunded),
        open: sum(|fold| fold.open),
        lost: sum(|fold| fold.lost),
        rank: None,
    };
    let any = |rank| folds.iter().any(|fold| fold.rank == Some(rank));
    let all_ended = folds.iter().all(|fold| matches!(fold.rank, Some(Rank::Canceled | Rank::Failed)));
    let status = match sums {
        Expected { lost: 1.., .. } => Status::ChargedBack,
        Expected { open: 1.., .. } => Status::Disputed,
        Expected { refunded: refunded @ 1.., captured, .. } if refunded >= captured => Status::Refunded,
        Expected { refunded: 1.., .. } => Status::PartiallyRefunded,
        Expected { captured: 1.., .. } => Status::Paid,
        _ if any(Rank::Authorized) => Status::Authorized,
        _ if all_ended && any(Rank::Canceled) => Status::Canceled,
        _ if all_ended => Status::Failed,
        _ => Status::Pending,
    };
    (status, sums)
}
