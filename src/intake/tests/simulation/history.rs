//! What a provider says in one run.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::super::*;

/// Up to 14 events of up to three payments and two orders, each with a body that contradicts it.
pub(super) fn history(source: &str, random: &mut StdRng) -> Vec<[Event; 2]> {
    const KINDS: [(Kind, Basis); 8] = [
        (Kind::Authorized, Basis::Own),
        (Kind::Captured, Basis::Own),
        (Kind::Captured, Basis::Own),
        (Kind::Refunded, Basis::Own),
        (Kind::Refunded, Basis::Total),
        (Kind::RefundFailed, Basis::Own),
        (Kind::Disputed, Basis::Own),
        (Kind::DisputeLost, Basis::Own),
    ];
    let (payments, orders) = (random.random_range(1..=3), random.random_range(1..=2));
    let event = |number: usize, random: &mut StdRng| {
        let payment = format!("pay{}", random.random_range(0..payments));
        let (kind, basis) = *KINDS.choose(random).unwrap();
        let reference = format!("{payment}-{}", random.random_range(0..2));
        let claims = random.random_bool(0.35);
        let claim = claims.then(|| Claim {
            order: Id::new(&format!("order{}", random.random_range(0..orders))).unwrap(),
            rank: random.random_range(0..3),
        });
        let amount = *[500, 1_000].choose(random).unwrap();
        let occurred_at = UnixMicros(random.random_range(1..20));
        [amount, amount + 7].map(|amount| {
            let id = |text: &str| Id::new(text).unwrap();
            let key = Key { id: id(&format!("e{number}")), source: id(source) };
            let money = Some(Money { amount, currency: Currency::new("USD").unwrap() });
            let fact = Fact { kind, reference: id(&reference), money, basis };
            let about = About { payment: Some(id(&payment)), account: None };
            let body = Bytes::from(format!("{key} {amount}"));
            let evidence = Evidence {
                body_sha256: Sha256::digest(&body).into(),
                body,
                headers: "{}".to_owned(),
                received_at: UnixMicros(0),
                read_by: None,
            };
            let said = ("told".to_owned(), occurred_at);
            Event::new(key, said, about, Statement::Fact(fact), claim.clone(), evidence)
        })
    };
    let mut events = Vec::new();
    for number in 0..random.random_range(2..=14) {
        events.push(event(number, random));
    }
    events
}
