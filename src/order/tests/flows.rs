//! Flows of money as providers tell them, each with the row that it must end in, in every order of arrival.
//!
//! The rows were computed by a prototype in another language, rule by rule; they are not this fold's own answers.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::*;

/// An event of a flow, and its row.
pub(super) struct Flow {
    pub(super) name: &'static str,
    pub(super) events: Vec<Event>,
    pub(super) row: &'static str,
}

pub(super) fn flows() -> Vec<Flow> {
    let text = include_str!("flows.txt");
    text.split("\n\n").filter(|part| !part.starts_with('#')).map(|part| flow(part.trim_end())).collect()
}

fn flow(text: &'static str) -> Flow {
    let (name, lines) = text.split_once('\n').unwrap();
    let (events, row) = lines.rsplit_once("\n  = ").unwrap();
    let events = events.lines().enumerate().map(|(n, line)| told(&format!("e{n:02}"), line.trim())).collect();
    Flow { name, events, row }
}

/// `1 pi captured total pi 100 EUR > ORD 0 @ acct`
fn told(name: &str, line: &str) -> Event {
    let (line, account) =
        line.split_once(" @ ").map_or((line, None), |(line, account)| (line, Some(account)));
    let (line, claim) =
        line.split_once(" > ").map_or((line, None), |(line, claim)| (line, claim.split_once(' ')));
    let words: Vec<&str> = line.split(' ').collect();
    let [at, payment, kind, basis, reference, ref money @ ..] = words[..] else { panic!("{line}") };
    let money = match money {
        ["-"] => None,
        [amount, currency] => {
            Some(Money { amount: amount.parse().unwrap(), currency: Currency::new(currency).unwrap() })
        }
        _ => panic!("{line}"),
    };
    let fact = Fact {
        kind: Kind::from_word(kind).unwrap(),
        reference: id(reference),
        money,
        basis: Basis::from_word(basis).unwrap(),
    };
    let claim = claim.map(|(order, rank)| (order, rank.parse().unwrap()));
    of_account(account, event(name, at.parse().unwrap(), payment, Some(fact), claim))
}

fn of_account(account: Option<&str>, event: Event) -> Event {
    let about = About { payment: event.payment().cloned(), account: account.map(id) };
    let said = (event.type_name().to_owned(), event.occurred_at());
    let (statement, claim) = (event.statement().clone(), event.claim().cloned());
    Event::new(event.key().clone(), said, about, statement, claim, event.evidence().clone())
}

/// The row of the flow's order: the claimed one, else the only one.
fn row(events: &[&Event]) -> String {
    let mut tables = Tables::default();
    for event in events {
        tables.deliver(&[event]);
    }
    let (_, orders) = tables.rows();
    let order = orders.get(&key("ORD")).or_else(|| orders.values().next()).unwrap();
    let words: BTreeSet<&str> = order.anomalies.iter().map(|found| found.anomaly.as_str()).collect();
    let anomalies = if words.is_empty() { String::new() } else { " !".to_owned() };
    let anomalies = words.into_iter().fold(anomalies, |all, word| format!("{all} {word}"));
    format!(
        "{} {} {} {} {} {} {}{anomalies}",
        order.status,
        order.authorized,
        order.reserved,
        order.captured,
        order.refunded,
        order.disputed,
        order.lost
    )
}

#[test]
fn every_flow_ends_in_its_row_whatever_the_order_of_arrival() {
    const ORDERS_OF_ARRIVAL: usize = 40;
    let mut random = StdRng::seed_from_u64(7);
    let mut wrong = Vec::new();
    let all = flows();
    assert!(all.len() > 80, "the flows were read");
    for Flow { name, events, row: expected } in &all {
        let mut arrivals: Vec<&Event> = events.iter().collect();
        for _ in 0..ORDERS_OF_ARRIVAL {
            let found = row(&arrivals);
            if found != *expected {
                let order: Vec<_> = arrivals.iter().map(|event| event.key().id.as_str()).collect();
                wrong.push(format!(
                    "{name}:\n    is        {found}\n    should be {expected}\n    told as {order:?}"
                ));
                break;
            }
            arrivals.shuffle(&mut random);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
