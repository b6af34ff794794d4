//! What came of an expectation: case by case, and in any order of events and expectations.

use super::*;
use crate::order::payment::Sums;
use crate::order::settlement::{Settled, Settlement, SettlementAnomaly};

const NOW: UnixMicros = UnixMicros(200);

fn terms(amount: i64) -> Terms {
    let currency = Currency::new("USD").unwrap();
    Terms { amount, currency, tolerance_under: 0, tolerance_over: 0, due_at: None, closed: false }
}

/// A payment of `captured`, `refunded` and `lost` minor units.
fn paid(currency: &str, [captured, refunded, lost]: [i128; 3]) -> PaymentFold {
    let sums = Sums { captured, refunded, lost, ..Sums::default() };
    PaymentFold { sums: vec![(Currency::new(currency).unwrap(), sums)], rank: Some(Rank::Captured) }
}

fn usd(sums: [i128; 3]) -> PaymentFold {
    paid("USD", sums)
}

#[test]
#[allow(clippy::too_many_lines, reason = "the cases stand side by side")]
fn each_case_of_a_shop_s_day_settles_as_its_accountant_would() {
    use SettlementAnomaly::{CurrencyUnexpected, Overpaid, PaidThoughClosed, PaidTwice, Underpaid, Unpaid};
    let due = Terms { due_at: Some(UnixMicros(100)), ..terms(10_000) };
    let closed = Terms { closed: true, ..due };
    let tip = Terms { tolerance_over: 2_000, ..due };
    let rounded = Terms { tolerance_under: 5, ..due };
    let [unpaid, underpaid, settled, overpaid] = Settlement::ALL.try_into().unwrap();
    for (case, payments, terms, settlement, held, missing, anomalies) in [
        ("paid", vec![usd([10_000, 0, 0])], due, settled, 10_000, 0, vec![]),
        ("1.00 instead of 100.00", vec![usd([100, 0, 0])], due, underpaid, 100, 9_900, vec![Underpaid]),
        ("a cent of rounding", vec![usd([9_995, 0, 0])], rounded, settled, 9_995, 5, vec![]),
        ("paid twice", vec![usd([10_000, 0, 0]); 2], due, overpaid, 20_000, 0, vec![PaidTwice]),
        (
            "one of two given back",
            vec![usd([10_000, 0, 0]), usd([10_000, 10_000, 0])],
            due,
            settled,
            10_000,
            0,
            vec![],
        ),
        (
            "a part too much",
            vec![usd([6_000, 0, 0]), usd([6_000, 0, 0])],
            due,
            overpaid,
            12_000,
            0,
            vec![Overpaid],
        ),
        (
            "too much, after a try that was given back",
            vec![usd([12_000, 0, 0]), usd([10_000, 10_000, 0])],
            due,
            overpaid,
            12_000,
            0,
            vec![Overpaid],
        ),
        ("once, too much", vec![usd([20_000, 0, 0])], due, overpaid, 20_000, 0, vec![Overpaid]),
        ("a tip", vec![usd([11_500, 0, 0])], tip, settled, 11_500, 0, vec![]),
        ("card and gift card", vec![usd([6_000, 0, 0]), usd([4_000, 0, 0])], due, settled, 10_000, 0, vec![]),
        ("100 JPY", vec![paid("JPY", [100, 0, 0])], due, unpaid, 0, 10_000, vec![CurrencyUnexpected, Unpaid]),
        ("100 JPY, given back", vec![paid("JPY", [100, 100, 0])], due, unpaid, 0, 10_000, vec![Unpaid]),
        ("refunded and lost", vec![usd([10_000, 10_000, 10_000])], due, settled, -10_000, 20_000, vec![]),
        (
            "charged back, paid again",
            vec![usd([10_000, 0, 10_000]), usd([10_000, 0, 0])],
            due,
            settled,
            10_000,
            0,
            vec![],
        ),
        ("nothing came", vec![], due, unpaid, 0, 10_000, vec![Unpaid]),
        ("a free order", vec![], Terms { amount: 0, ..due }, settled, 0, 0, vec![]),
        (
            "a free order that is paid",
            vec![usd([5, 0, 0])],
            Terms { amount: 0, ..due },
            overpaid,
            5,
            0,
            vec![Overpaid],
        ),
        (
            "canceled, and paid",
            vec![usd([10_000, 0, 0])],
            closed,
            overpaid,
            10_000,
            0,
            vec![PaidThoughClosed],
        ),
        ("canceled, and given back", vec![usd([10_000, 10_000, 0])], closed, settled, 0, 0, vec![]),
        ("canceled, nothing came", vec![], closed, settled, 0, 0, vec![]),
        ("given back in full", vec![usd([10_000, 10_000, 0])], due, settled, 0, 10_000, vec![]),
        (
            "an item came back, and the shop says so",
            vec![usd([10_000, 4_000, 0])],
            terms(6_000),
            settled,
            6_000,
            0,
            vec![],
        ),
        (
            "an item came back, and the shop is silent",
            vec![usd([10_000, 4_000, 0])],
            due,
            settled,
            6_000,
            4_000,
            vec![],
        ),
        ("a part, given back", vec![usd([6_000, 6_000, 0])], due, underpaid, 0, 10_000, vec![]),
        ("lost", vec![usd([10_000, 0, 10_000])], due, settled, 0, 10_000, vec![]),
    ] {
        let found = Settled::fold(&terms, &payments, None);
        let told: Vec<_> = found.anomalies_at(NOW).iter().map(|finding| finding.anomaly).collect();
        assert_eq!((found.settlement, found.held, found.due), (settlement, held, missing), "{case}");
        assert_eq!(told, anomalies, "{case}");
    }
}

#[test]
fn nothing_is_late_before_it_is_due_and_an_order_without_a_date_never_is() {
    let due = Terms { due_at: Some(UnixMicros(201)), ..terms(10_000) };
    assert_eq!(Settled::fold(&due, &[], None).anomalies_at(NOW), []);
    assert_eq!(Settled::fold(&due, &[], None).anomalies_at(UnixMicros(201)).len(), 1);
    assert_eq!(Settled::fold(&terms(10_000), &[], None).unpaid_at, None);
}

#[test]
fn a_customer_who_came_back_makes_an_event_due_but_not_its_money() {
    let came_back = Some(UnixMicros(0));
    let ten_minutes = UnixMicros(600_000_000);
    assert_eq!(Settled::fold(&terms(10_000), &[], came_back).unpaid_at, Some(ten_minutes));
    // A bank transfer is on its way: it may take days.
    let pending = PaymentFold::default();
    assert_eq!(Settled::fold(&terms(10_000), &[pending], came_back).unpaid_at, None);
    let sooner = Terms { due_at: Some(UnixMicros(7)), ..terms(10_000) };
    assert_eq!(Settled::fold(&sooner, &[], came_back).unpaid_at, Some(UnixMicros(7)));
}

#[test]
fn sums_that_no_column_holds_are_compared_as_they_are_and_shown_as_the_largest_number() {
    let most = i128::from(i64::MAX);
    let found = Settled::fold(&terms(i64::MAX), &[usd([most, 0, 0]), usd([most, 0, 0])], None);
    assert_eq!((found.settlement, found.held), (Settlement::Overpaid, i64::MAX));
    let gone = Settled::fold(&terms(i64::MAX), &[usd([1, most, most])], None);
    assert_eq!((gone.settlement, gone.held, gone.due), (Settlement::Underpaid, i64::MIN, i64::MAX));
}

#[test]
fn under_one_revision_the_first_terms_stand_and_the_highest_revision_counts() {
    let (a, b) = (terms(1), terms(2));
    assert_eq!(Stated::of(&a, &a, true, true), Stated::Stated);
    assert_eq!(Stated::of(&a, &a, false, true), Stated::Held);
    assert_eq!(Stated::of(&a, &a, true, false), Stated::Superseded);
    assert_eq!(Stated::of(&a, &b, false, true), Stated::Conflict);
}

/// What happens to an order: an event, or an expectation of a revision.
#[derive(Debug, Clone)]
enum Happening {
    Event(Box<Event>),
    Expectation(i64, Terms),
}

/// What is known of one order, after it happened.
fn settled(happenings: &[&Happening]) -> (Option<Settled>, usize) {
    let mut tables = Tables::default();
    let mut revisions = BTreeMap::new();
    for happening in happenings {
        match happening {
            Happening::Event(event) => drop(tables.deliver(&[event])),
            Happening::Expectation(revision, terms) => drop(revisions.entry(*revision).or_insert(*terms)),
        }
    }
    let mut payments: BTreeMap<&Key, Vec<Entry>> = BTreeMap::new();
    for (_, payment, entry) in tables.events.values() {
        let (Some(payment), Some(entry)) = (payment, entry) else { continue };
        if tables.links.get(payment).is_some_and(|link| link.order == id("ord_a")) {
            payments.entry(payment).or_default().push(entry.clone());
        }
    }
    let folds: Vec<PaymentFold> = payments.values().map(|entries| PaymentFold::of(entries)).collect();
    let latest = revisions.last_key_value().map(|(_, terms)| terms);
    (latest.map(|terms| Settled::fold(terms, &folds, None)), folds.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_events_and_expectations_ends_the_same(
        world in prop::collection::vec(any_event(&["USD", "USD", "EUR"]), 1..10),
        stated in prop::collection::btree_map(0_i64..4, (0_i64..60, any::<bool>(), 0_i64..20), 1..4),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
    ) {
        let events = events_of(world).into_iter().map(|event| Happening::Event(Box::new(event)));
        let expectations = stated.into_iter().map(|(revision, (amount, closed, tolerance_over))| {
            Happening::Expectation(revision, Terms { closed, tolerance_over, ..terms(amount) })
        });
        let happenings: Vec<Happening> = events.chain(expectations).collect();
        let straight: Vec<&Happening> = happenings.iter().collect();
        let mut shuffled: Vec<&Happening> = order.iter().map(|pick| pick.get(&happenings)).collect();
        shuffled.extend(happenings.iter().rev());

        prop_assert_eq!(settled(&shuffled), settled(&straight));
    }
}
