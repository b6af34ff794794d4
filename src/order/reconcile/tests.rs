//! The comparison of one payment, as tables.

use std::collections::BTreeSet;

use super::*;
use crate::order::{Basis, Claim, Fact, Kind, Money, UnixMicros};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// `captured pi_1 1000 USD`, with a sign before the basis: `+` a total, `?` presumed.
fn entry(at: i64, text: &str) -> Entry {
    let [kind, reference, amount, currency] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let basis = match amount.chars().next() {
        Some('+') => Basis::Total,
        Some('?') => Basis::Presumed,
        _ => Basis::Own,
    };
    let money = Money {
        amount: amount.trim_start_matches(['+', '?']).parse().unwrap(),
        currency: Currency::new(currency).unwrap(),
    };
    let fact =
        Fact { kind: Kind::from_word(kind).unwrap(), reference: id(reference), money: Some(money), basis };
    let claim: Option<Claim> = None;
    Entry {
        event: id(&format!("e{at}")),
        occurred_at: UnixMicros(at),
        account: None,
        fact: Some(fact),
        claim,
    }
}

/// `captured pi_1 1000 USD`; `by` says `payment`, `presence` or nothing.
fn row(number: usize, text: &str) -> ReportRow {
    let parts: Vec<&str> = text.split(' ').collect();
    let [kind, references, amount, currency] = parts[..4] else { panic!("{text}") };
    let (reference, other) = references.split_once('|').unwrap_or((references, ""));
    let has = |word: &str| parts[4..].contains(&word);
    let order = parts[4..].iter().find_map(|part| part.strip_prefix("order="));
    ReportRow {
        id: id(&format!("row{number}")),
        type_name: "type".to_owned(),
        fact: Some(RowFact {
            kind: Kind::from_word(kind).unwrap(),
            payment: id("pay"),
            reference: id(reference),
            other_reference: Id::new(other).ok(),
            order: order.map(id),
            matched_by: if has("payment") { MatchedBy::Payment } else { MatchedBy::Reference },
            compared: if has("presence") { Compared::Presence } else { Compared::Amount },
        }),
        money: Some((amount.parse().unwrap(), Currency::new(currency).unwrap())),
        settled: None,
        fee: None,
        payout: None,
        occurred_at: None,
    }
}

/// What is certain, and what is pending, each as `finding kind reference ours theirs`.
fn compared(entries: &[&str], rows: &[&str], from: i64) -> (Vec<String>, Vec<String>) {
    let entries: Vec<Entry> = (1..).zip(entries).map(|(at, text)| entry(at, text)).collect();
    let rows: Vec<ReportRow> = (1..).zip(rows).map(|(number, text)| row(number, text)).collect();
    let link = Link { order: id("order"), standing: Standing::Known };
    let payment = id("pay");
    let sides = BothSides { payment: &payment, link: Some(&link), entries: &entries, rows: &rows };
    let span = TimeSpan { from: UnixMicros(from), to: UnixMicros(100) };
    let coverage = Coverage {
        classes: BTreeSet::from([Class::Captured, Class::Refunded, Class::Disputed]),
        span: Some(span),
    };
    let found = reconcile(&sides, &coverage);
    let shown = |findings: Vec<ReportFinding>| {
        let amount = |amount: Option<i64>| amount.map_or("-".to_owned(), |amount| amount.to_string());
        let mut shown: Vec<String> = findings
            .iter()
            .map(|one| {
                let kind = one.class.map_or("", Class::as_str);
                format!(
                    "{} {kind} {} {} {}",
                    one.disagreement,
                    one.reference,
                    amount(one.ours),
                    amount(one.theirs)
                )
            })
            .collect();
        shown.sort();
        shown
    };
    (shown(found.certain), shown(found.pending))
}

fn certain(entries: &[&str], rows: &[&str]) -> Vec<String> {
    compared(entries, rows, 0).0
}

#[test]
fn rows_of_one_movement_are_summed_with_their_signs() {
    let captured = ["captured pay +6000 USD"];
    assert_eq!(
        certain(&captured, &["captured pay 10000 USD", "captured pay -4000 USD"]),
        Vec::<String>::new()
    );
    assert_eq!(certain(&captured, &["captured pay 10000 USD"]), ["amount_differs captured pay 6000 10000"]);
}

#[test]
fn each_side_may_lack_what_the_other_has() {
    let ours = ["captured pay +1000 USD", "refunded re_1 200 USD"];
    let theirs = ["captured pay 1000 USD", "refunded re_2 300 USD"];
    assert_eq!(
        certain(&ours, &theirs),
        ["missing_here refunded re_2 - 300", "not_in_report refunded re_1 200 -"]
    );
    assert_eq!(certain(&[], &["captured pay 5 USD"]), ["missing_here captured pay - 5"]);
    // Before the report's time nothing is expected of it.
    let (found, pending) = compared(&ours, &["captured pay 1000 USD"], 50);
    assert_eq!((found.len(), pending), (0, vec!["not_in_report refunded re_1 200 -".to_owned()]));
}

#[test]
fn a_movement_goes_by_the_name_that_our_side_knows() {
    // An account that captures at once is told of no capture: its authorization stands for it.
    let ours = ["authorized psp ?4599 EUR"];
    assert_eq!(certain(&ours, &["captured CAP1|psp 4599 EUR"]), Vec::<String>::new());
    let ours = ["authorized psp 10000 EUR", "captured CAP1 4599 EUR", "captured CAP2 5401 EUR"];
    let theirs = ["captured CAP1|psp 4599 EUR", "captured CAP2|psp 5401 EUR"];
    assert_eq!(certain(&ours, &theirs), Vec::<String>::new());
}

#[test]
fn currencies_and_orders_are_compared_too() {
    let ours = ["captured pay +1000 USD"];
    assert_eq!(certain(&ours, &["captured pay 1000 EUR"]), ["currency_differs captured pay 1000 1000"]);
    assert_eq!(certain(&ours, &["captured pay 1000 USD order=other"]), ["order_differs captured pay - -"]);
    assert_eq!(certain(&ours, &["captured pay 1000 USD order=order"]), Vec::<String>::new());
}

#[test]
fn what_failed_on_both_sides_comes_to_nothing() {
    let failed = ["captured pay +1000 USD", "refunded re_1 200 USD", "refund_failed re_1 200 USD"];
    let both = ["captured pay 1000 USD", "refunded re_1 200 USD", "refund_failed re_1 200 USD"];
    assert_eq!(certain(&failed, &both), Vec::<String>::new());
    assert_eq!(certain(&failed[..1], &both), Vec::<String>::new(), "we were told of neither");
    assert_eq!(certain(&failed, &both[..2]), ["amount_differs refunded re_1 0 200"]);
    assert_eq!(certain(&failed, &both[..1]), Vec::<String>::new());
}

#[test]
fn totals_stand_for_refunds_that_no_event_named() {
    let ours = ["captured pay +1000 USD", "refunded ch_1 +500 USD"];
    let capture = "captured pay 1000 USD";
    assert_eq!(
        certain(&ours, &[capture, "refunded re_1 200 USD", "refunded re_2 300 USD"]),
        Vec::<String>::new()
    );
    assert_eq!(
        certain(&ours, &[capture, "refunded re_1 200 USD", "refunded re_2 301 USD"]),
        ["missing_here refunded re_1 - 200", "missing_here refunded re_2 - 301"]
    );
    assert_eq!(certain(&ours, &[capture]), ["not_in_report refunded ch_1 500 -"]);
    let named = ["captured pay +1000 USD", "refunded re_1 500 USD", "refunded ch_1 +500 USD"];
    assert_eq!(certain(&named, &[capture, "refunded re_1 500 USD"]), Vec::<String>::new());
    assert_eq!(certain(&named, &[capture]), ["not_in_report refunded re_1 500 -"], "told once");
}

#[test]
fn disputes_are_compared_by_presence_and_payments_by_what_they_come_to() {
    let ours = ["captured pay +1000 USD", "disputed dp_1 1000 USD", "dispute_lost dp_1 1000 USD"];
    let capture = "captured pay 1000 USD";
    let rows = [capture, "disputed dp_1 930 EUR presence", "disputed dp_1 15 EUR presence"];
    assert_eq!(certain(&ours, &rows), Vec::<String>::new());
    assert_eq!(certain(&ours, &[capture]), ["not_in_report disputed dp_1 1000 -"]);
    assert_eq!(certain(&ours[..1], &rows), ["missing_here disputed dp_1 - 945"]);
    let ours = ["captured tx_1 600 EUR", "captured tx_2 400 EUR", "refunded r_1 100 EUR"];
    let whole = ["captured pay 1000 EUR payment", "refunded pay 100 EUR payment"];
    assert_eq!(certain(&ours, &whole), Vec::<String>::new());
    assert_eq!(
        certain(&ours, &["captured pay 900 EUR payment", "refunded pay 100 EUR payment"]),
        ["amount_differs captured pay 1000 900"]
    );
}
