//! Finds the anomalies of an order: all that hold, in the alphabetical order of their words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::anomaly::{Anomaly, FoundAnomaly, listed, name};
use super::fact::{Basis, Kind};
use super::id::Id;
use super::link::{is_one, rival_orders};
use super::money::Currency;
use super::movements::{Movements, Stated, largest};
use super::part::{Part, total};
use super::payment::{Sums, presumption_holds};

/// All anomalies that hold of an order whose sums are `sums`, in `currency`.
pub(super) fn anomalies(parts: &[Part<'_>], currency: Option<Currency>, sums: &Sums) -> Vec<FoundAnomaly> {
    let found = [
        (Anomaly::AmountOverflow, overflow(sums)),
        (Anomaly::CurrencyMismatch, currencies(parts, currency)),
        (Anomaly::AccountMismatch, accounts(parts, currency)),
        (Anomaly::RefundExceedsCapture, over_refund(sums)),
        (Anomaly::GivenBackTwice, per_payment(parts, currency, given_back_twice)),
        (Anomaly::CaptureExceedsAuthorization, per_payment(parts, currency, over_capture)),
        (Anomaly::FailedAfterCaptured, failures_after_captures(parts, currency)),
        (Anomaly::OrderMismatch, rival_claims(parts)),
        (Anomaly::AmountRestated, restated_amounts(parts)),
    ];
    found
        .into_iter()
        .filter_map(|(anomaly, detail)| detail.map(|detail| FoundAnomaly { anomaly, detail }))
        .collect()
}

/// Whole numbers of any size, so as text.
fn overflow(sums: &Sums) -> Option<Value> {
    let columns = [
        ("authorized", sums.authorized),
        ("captured", sums.captured),
        ("disputed", sums.open + sums.lost),
        ("refunded", sums.refunded),
        ("reserved", sums.reserved),
    ];
    let overflows = columns.iter().any(|(_, sum)| *sum > i128::from(i64::MAX));
    overflows.then(|| {
        json!(columns.map(|(column, sum)| (column, sum.to_string())).into_iter().collect::<BTreeMap<_, _>>())
    })
}

fn currencies(parts: &[Part<'_>], own: Option<Currency>) -> Option<Value> {
    let mut by_currency: BTreeMap<Currency, Sums> = BTreeMap::new();
    for (currency, sums) in parts.iter().flat_map(|part| &part.fold.sums) {
        let sum = by_currency.entry(*currency).or_default();
        *sum = sum.plus(sums);
    }
    // A failed attempt in another currency moved no money.
    by_currency.retain(|currency, sums| Some(*currency) == own || *sums != Sums::default());
    (by_currency.len() > 1).then(|| {
        let shown = |(currency, sums): (&Currency, &Sums)| detail(("currency", currency.as_str()), sums);
        listed("currencies", by_currency.iter().map(shown))
    })
}

/// What names no account is not judged: the provider may leave it out of some of its events.
fn accounts(parts: &[Part<'_>], currency: Option<Currency>) -> Option<Value> {
    let all = parts.iter().flat_map(|part| part.entries).filter_map(|entry| entry.account.as_ref());
    if is_one(all) {
        return None;
    }
    let mut by_account: BTreeMap<&Id, Vec<&Part<'_>>> = BTreeMap::new();
    for part in parts {
        let mut named: Vec<&Id> = part.entries.iter().filter_map(|entry| entry.account.as_ref()).collect();
        named.sort_unstable();
        named.dedup();
        for account in named {
            by_account.entry(account).or_default().push(part);
        }
    }
    let shown = |(account, parts): (&&Id, &Vec<&Part<'_>>)| {
        detail(("account", &name(account)), &total(parts.iter().copied(), currency))
    };
    Some(listed("accounts", by_account.iter().map(shown)))
}

fn over_refund(sums: &Sums) -> Option<Value> {
    (sums.refunded > sums.captured)
        .then(|| json!({ "captured": column(sums.captured), "refunded": column(sums.refunded) }))
}

/// Where a refund and a dispute both take a payment's money, evidence may win one of them back.
fn given_back_twice(part: &Part<'_>, sums: &Sums) -> Option<Value> {
    let disputed = sums.open + sums.lost;
    (sums.captured > 0 && disputed > 0 && sums.refunded + disputed > sums.captured).then(|| {
        json!({
            "payment": name(part.payment), "captured": column(sums.captured), "refunded": column(sums.refunded),
            "disputed": column(disputed),
        })
    })
}

/// Where a reservation may be changed, the change may just not have been told.
fn over_capture(part: &Part<'_>, sums: &Sums) -> Option<Value> {
    let adjusts =
        || part.told.of_kind(Kind::Authorized).iter().any(|stated| stated.basis == Basis::Adjusting);
    (sums.authorized > 0 && sums.captured > sums.authorized && !adjusts()).then(|| {
        json!({ "payment": name(part.payment), "authorized": column(sums.authorized), "captured": column(sums.captured) })
    })
}

fn failures_after_captures(parts: &[Part<'_>], currency: Option<Currency>) -> Option<Value> {
    let shown = parts.iter().flat_map(|part| {
        let captured = sums_in(part, currency).captured;
        let references = if captured > 0 { failed_after_captured(&part.told) } else { Vec::new() };
        references.into_iter().map(move |reference| {
            json!({ "payment": name(part.payment), "reference": name(reference), "captured": column(captured) })
        })
    });
    some_listed("failures", shown)
}

/// The references of failures that are later than every statement of the capture of theirs.
fn failed_after_captured<'a>(told: &Movements<'a>) -> Vec<&'a Id> {
    let captures = if presumption_holds(told) { Kind::Authorized } else { Kind::Captured };
    let is_capture = |stated: &&Stated<'_>| stated.kind == Kind::Captured || stated.basis == Basis::Presumed;
    let failures = told.of_kind(Kind::Failed).chunk_by(|a, b| a.reference == b.reference);
    failures
        .filter_map(|failure| {
            let failed_at = failure.iter().map(|stated| stated.at).max()?;
            let reference = failure.first()?.reference;
            let captured_at =
                told.about(captures, reference).iter().filter(is_capture).map(|stated| stated.at).max()?;
            (failed_at > captured_at).then_some(reference)
        })
        .collect()
}

fn rival_claims(parts: &[Part<'_>]) -> Option<Value> {
    let shown = parts.iter().flat_map(|part| {
        rival_orders(part.payment, part.entries)
            .into_iter()
            .map(|order| json!({ "payment": name(part.payment), "order": name(order) }))
    });
    some_listed("claims", shown)
}

/// Two failed attempts or two states of a dispute may well differ; what was reserved, taken or given back may not.
fn restated_amounts(parts: &[Part<'_>]) -> Option<Value> {
    let restated = |part: &Part<'_>| -> Vec<Value> {
        let kinds = [Kind::Authorized, Kind::Captured, Kind::Refunded];
        let movements = kinds.into_iter().flat_map(|kind| part.told.each(kind, Basis::Own));
        movements.filter_map(|movement| restated_amount(part, movement)).collect()
    };
    some_listed("movements", parts.iter().flat_map(restated))
}

fn restated_amount(part: &Part<'_>, movement: &[Stated<'_>]) -> Option<Value> {
    let first = movement.first()?;
    let is_adjusted =
        part.told.about(first.kind, first.reference).iter().any(|stated| stated.basis == Basis::Adjusting);
    let smallest = movement.iter().map(|stated| stated.amount).min()?;
    (smallest != largest(movement) && !is_adjusted).then(|| {
        json!({
            "payment": name(part.payment), "kind": first.kind.as_str(), "reference": name(first.reference),
            "smallest": smallest, "largest": largest(movement),
        })
    })
}

/// What `of` finds of each payment in the order's currency.
fn per_payment(
    parts: &[Part<'_>],
    currency: Option<Currency>,
    of: impl Fn(&Part<'_>, &Sums) -> Option<Value>,
) -> Option<Value> {
    let found = parts.iter().filter_map(|part| of(part, &sums_in(part, currency)));
    some_listed("payments", found)
}

fn some_listed(name: &str, items: impl Iterator<Item = Value>) -> Option<Value> {
    let mut items = items.peekable();
    items.peek().is_some().then(|| listed(name, items))
}

fn sums_in(part: &Part<'_>, currency: Option<Currency>) -> Sums {
    currency.map(|currency| part.fold.sums_in(currency)).unwrap_or_default()
}

fn detail((what, whose): (&str, &str), sums: &Sums) -> Value {
    json!({
        what: whose, "authorized": column(sums.authorized), "captured": column(sums.captured),
        "refunded": column(sums.refunded), "disputed": column(sums.open + sums.lost),
    })
}

/// A sum as a column holds it.
pub(super) fn column(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(i64::MAX)
}
