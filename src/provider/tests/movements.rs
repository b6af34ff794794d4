//! One movement of money counts once, however many events tell it and under however many ids.

use super::facts::{all_events, fixtures_of, orders_of};
use super::*;
use crate::order::{About, Key, Kind, Order};

/// How a provider can tell one movement twice.
enum Told {
    /// By two events, here by the numbers of their fixtures.
    Twice(Kind, &'static str, &'static str),
    /// By one event only, and why.
    Once(&'static str),
    /// Not at all: no event of it states money.
    Never,
}
use Told::{Never, Once, Twice};

/// Every provider. Reviewed by hand; the tests hold each line against the definition and the fixtures.
const TOLD: &[(&str, Told)] = &[
    ("adyen", Twice(Kind::Disputed, "07", "08")),
    ("adyen-platform", Never),
    ("apple-app-store", Once("a notification of each type for each transaction")),
    ("authorizenet", Once("every action on a transaction has one notification")),
    ("braintree", Twice(Kind::Captured, "01", "02")),
    ("btcpay", Once("each payment of an invoice settles once")),
    ("cashfree", Twice(Kind::Captured, "01", "02")),
    ("checkout-com", Twice(Kind::Disputed, "09", "10")),
    ("coinbase-business", Twice(Kind::Refunded, "06", "07")),
    ("coinbase-commerce", Twice(Kind::Captured, "03", "04")),
    ("cybersource", Never),
    ("flutterwave-v3", Never),
    ("flutterwave-v4", Twice(Kind::Captured, "01", "02")),
    ("github", Never),
    ("globalpayments", Twice(Kind::Captured, "02", "03")),
    ("gocardless", Never),
    ("lemonsqueezy", Twice(Kind::Captured, "06", "08")),
    ("mercadopago", Never),
    ("midtrans", Never),
    ("mollie", Once("payments, captures, refunds and chargebacks have an event each")),
    ("nowpayments", Once("a payment finishes once")),
    ("paddle", Twice(Kind::Captured, "01", "02")),
    ("paypal", Twice(Kind::Disputed, "18", "19")),
    ("paystack", Twice(Kind::Disputed, "06", "07")),
    ("payu-eu", Once("an order is completed once, and each of its refunds")),
    ("payu-india", Once("a transaction succeeds once")),
    ("razorpay", Twice(Kind::Captured, "02", "03")),
    ("recurly", Never),
    ("shopify", Twice(Kind::Authorized, "02", "03")),
    ("square", Twice(Kind::Captured, "02", "03")),
    ("standard-webhooks", Twice(Kind::Captured, "01", "03")),
    ("stripe", Twice(Kind::Captured, "03", "04")),
    ("svix", Twice(Kind::Captured, "01", "03")),
    ("worldpay", Once("what was sent is told again as a total, which never adds to it")),
    ("xendit", Never),
];

/// The only event of a kind in a fixture.
fn event_of_kind(source: &Source, number: &str, kind: Kind) -> Event {
    let fixtures = fixtures_of(source.name().as_str());
    let (_, body) = fixtures.iter().find(|(name, _)| name.starts_with(number)).unwrap();
    let mut events = events_of(source, body);
    events.retain(|event| event.fact().is_some_and(|fact| fact.kind == kind));
    let [event] = events.try_into().unwrap();
    event
}

fn sums(events: &[Event]) -> BTreeMap<String, [i64; 4]> {
    let sums = |order: &Order| [order.authorized, order.captured, order.refunded, order.disputed];
    orders_of(events).iter().map(|(name, order)| (name.clone(), sums(order))).collect()
}

#[test]
fn two_events_of_one_movement_count_once() {
    for (provider, told) in TOLD {
        let Twice(kind, one, other) = told else { continue };
        let source = source(settings(provider));
        let first = event_of_kind(&source, one, *kind);
        let second = event_of_kind(&source, other, *kind);
        assert_ne!(first.key(), second.key(), "{provider}: these are two events");
        assert_eq!(first.payment(), second.payment(), "{provider}");
        assert_eq!(first.fact(), second.fact(), "{provider}");

        let told_once = sums(std::slice::from_ref(&first));
        assert!(told_once.values().flatten().any(|sum| *sum > 0), "{provider}: money moved");
        let told_twice = sums(&[first, second]);
        assert!(told_twice.values().eq(told_once.values()), "{provider}: {told_once:?} {told_twice:?}");
    }
}

#[test]
fn every_provider_is_listed_and_what_has_no_pair_tells_every_movement_once_or_none() {
    let listed: Vec<&str> = TOLD.iter().map(|(provider, _)| *provider).collect();
    assert_eq!(listed, providers().names().collect::<Vec<_>>());

    for (provider, told) in TOLD {
        let events = all_events(&source(settings(provider)));
        let mut movements: Vec<_> = events
            .iter()
            .filter_map(|event| event.fact().map(|fact| (event.payment(), fact.kind, &fact.reference)))
            .collect();
        movements.sort();
        let stated = movements.len();
        movements.dedup();
        let definition = &providers().definitions[*provider];
        match told {
            Twice(..) => assert!(movements.len() < stated, "{provider}: the fixtures tell something twice"),
            Once(why) => assert!(stated > 0 && movements.len() == stated, "{provider}: {why}"),
            Never => assert!(stated == 0 && definition.facts.only.is_some(), "{provider}"),
        }
    }
}

/// The same event as if it had been sent anew, under another id.
fn under_another_id(event: &Event) -> Event {
    let key = Key {
        id: Id::new(&format!("again-{}", event.key().id)).unwrap(),
        source: event.key().source.clone(),
    };
    let said = (event.type_name().to_owned(), event.occurred_at());
    let about = About { payment: event.payment().cloned(), account: event.account().cloned() };
    let (statement, claim) = (event.statement().clone(), event.claim().cloned());
    Event::new(key, said, about, statement, claim, event.evidence().clone())
}

#[test]
fn what_is_sent_anew_under_another_id_changes_no_order() {
    for provider in providers().names() {
        let events = all_events(&source(settings(provider)));
        let again: Vec<Event> = events.iter().map(under_another_id).collect();
        assert_eq!(orders_of(&[again, events.clone()].concat()), orders_of(&events), "{provider}");
    }
}

#[test]
fn a_reusable_link_is_paid_as_often_as_it_is_told_by_its_own_events() {
    let source = source(settings("mollie"));
    let events: Vec<Event> = fixtures_of("mollie")
        .iter()
        .filter(|(name, _)| name.starts_with("03") || name.starts_with("04"))
        .map(|(_, body)| event_of(&source, body))
        .collect();
    assert_eq!(sums(&events), BTreeMap::from([("ord_g003".to_owned(), [0, 2_000, 0, 0])]));
    assert_eq!(sums(&[events.clone(), events.clone()].concat()), sums(&events));
}
