//! The folds and the decision: rule by rule as tables, and as properties over permutation, duplication and batching.

mod flows;
mod oracle;
mod settlement;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const SOURCE: &str = "shop";

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn key(text: &str) -> Key {
    Key { id: id(text), source: id(SOURCE) }
}

/// `"captured pi_1 1000 USD"`: kind, reference, amount, currency; a `+` before the amount makes it a running total.
fn fact(text: &str) -> Fact {
    let [kind, reference, amount, currency] = text.split(' ').collect::<Vec<_>>().try_into().unwrap();
    Fact {
        kind: Kind::from_word(kind).unwrap(),
        reference: id(reference),
        money: Some(Money {
            amount: amount.trim_start_matches('+').parse().unwrap(),
            currency: Currency::new(currency).unwrap(),
        }),
        basis: if amount.starts_with('+') { Basis::Total } else { Basis::Own },
    }
}

fn about(payment: &str) -> About {
    About { payment: Some(id(payment)), account: None }
}

fn event(event: &str, at: i64, payment: &str, stated: Option<Fact>, claim: Option<(&str, i16)>) -> Event {
    let statement = stated.map_or_else(|| Statement::Noted("no money meaning".to_owned()), Statement::Fact);
    let claim = claim.map(|(order, rank)| Claim { order: id(order), rank });
    let evidence = Evidence {
        body: Bytes::from(event.to_owned()),
        body_sha256: [at as u8; 32],
        headers: "{}".to_owned(),
        received_at: UnixMicros(at),
        read_by: Some(1),
    };
    let said = ("test".to_owned(), UnixMicros(at));
    Event::new(key(event), said, about(payment), statement, claim, evidence)
}

/// The tables of a database, as the decision needs them: what it saves here is what the stores save.
#[derive(Default)]
struct Tables {
    events: HashMap<Key, (Known, Option<Key>, Option<Entry>)>,
    links: BTreeMap<Key, Link>,
    orders: BTreeMap<Key, (i64, Order)>,
    versions: i64,
}

impl Tables {
    fn deliver(&mut self, batch: &[&Event]) -> Vec<Receipt> {
        let (receipts, changes) = decide(self.load(batch), batch);
        self.save(&changes);
        receipts
    }

    fn load(&self, batch: &[&Event]) -> Snapshot {
        let payments = batch.iter().filter_map(|event| event.payment_key());
        let claimed = batch.iter().filter_map(|event| Some(event.key().sibling(&event.claim()?.order)));
        // Who undoes an assignment must see every order that the payment's events name.
        let told = self.events.values().filter_map(|(_, payment, entry)| {
            let payment = payments.clone().find(|own| Some(own) == payment.as_ref())?;
            Some(payment.sibling(&entry.as_ref()?.claim.as_ref()?.order))
        });
        let linked =
            payments.clone().filter_map(|payment| Some(payment.sibling(&self.links.get(&payment)?.order)));
        let orders: BTreeSet<Key> = payments.clone().chain(claimed).chain(told).chain(linked).collect();
        let members =
            self.links.iter().filter(|(payment, link)| orders.contains(&payment.sibling(&link.order)));
        let links: BTreeMap<Key, Link> =
            members.map(|(payment, link)| (payment.clone(), link.clone())).collect();
        let mut entries: HashMap<Key, Vec<Entry>> = HashMap::new();
        for (_, payment, entry) in self.events.values() {
            if let (Some(payment), Some(entry)) = (payment, entry)
                && links.contains_key(payment)
            {
                entries.entry(payment.clone()).or_default().push(entry.clone());
            }
        }
        Snapshot {
            known: batch
                .iter()
                .filter_map(|e| Some((e.key().clone(), self.events.get(e.key())?.0.clone())))
                .collect(),
            versions: orders.iter().filter_map(|o| Some((o.clone(), self.orders.get(o)?.0))).collect(),
            links,
            entries,
            ..Snapshot::default()
        }
    }

    fn save(&mut self, changes: &Changes<'_>) {
        for Decided { event, outcome, reason } in &changes.events {
            let known = Known {
                outcome: *outcome,
                reason: reason.clone(),
                facts_sha256: event.facts_sha256(),
                body_sha256: event.evidence().body_sha256,
                received_at: event.evidence().received_at,
                is_purged: false,
            };
            let row = (known, event.payment_key(), Entry::of(event));
            assert!(self.events.insert(event.key().clone(), row).is_none(), "an event is stored twice");
        }
        for Relink { payment, was, link } in &changes.payments {
            let before = self.links.insert(payment.clone(), link.clone());
            assert_eq!(before.map(|link| link.order), *was, "a link moved under the save");
        }
        for Rewrite { order, read, row } in &changes.orders {
            assert_eq!(
                self.orders.remove(order).map(|(version, _)| version),
                *read,
                "an order moved under the save"
            );
            if let Some(row) = row {
                self.versions += 1;
                self.orders.insert(order.clone(), (self.versions, row.clone()));
            }
        }
    }

    fn rows(&self) -> (BTreeMap<Key, Link>, BTreeMap<Key, Order>) {
        (
            self.links.clone(),
            self.orders.iter().map(|(key, (_, order))| (key.clone(), order.clone())).collect(),
        )
    }

    /// What the rows must be, from the events alone.
    fn folded_from_scratch(&self) -> (BTreeMap<Key, Link>, BTreeMap<Key, Order>) {
        let mut payments: BTreeMap<Key, Vec<Entry>> = BTreeMap::new();
        for (_, payment, entry) in self.events.values() {
            if let (Some(payment), Some(entry)) = (payment, entry) {
                payments.entry(payment.clone()).or_default().push(entry.clone());
            }
        }
        let links: BTreeMap<Key, Link> = payments
            .iter()
            .map(|(payment, entries)| (payment.clone(), Link::learned(&payment.id, entries)))
            .collect();
        let mut orders: BTreeMap<Key, Vec<Member<'_>>> = BTreeMap::new();
        for (payment, entries) in &payments {
            let member = Member { payment: &payment.id, entries };
            orders.entry(payment.sibling(&links[payment].order)).or_default().push(member);
        }
        let orders =
            orders.into_iter().map(|(order, members)| (order, Order::fold(&members).unwrap())).collect();
        (links, orders)
    }
}

/// The only order that these facts of payment `pi_1` end in.
fn folded(facts: &[&str]) -> Order {
    let entries: Vec<Entry> = facts
        .iter()
        .enumerate()
        .map(|(at, text)| Entry {
            event: id(&format!("evt_{at}")),
            occurred_at: UnixMicros(at as i64),
            account: None,
            fact: Some(fact(text)),
            claim: None,
        })
        .collect();
    alone(&entries)
}

fn alone(entries: &[Entry]) -> Order {
    Order::fold(&[Member { payment: &id("pi_1"), entries }]).unwrap()
}

#[test]
fn the_status_is_the_first_line_that_holds() {
    for (facts, status) in [
        (&["captured pi 10 USD", "disputed dp 10 USD", "dispute_lost dp 10 USD"][..], Status::ChargedBack),
        (&["captured pi 10 USD", "refunded re 10 USD", "disputed dp 10 USD"], Status::Disputed),
        (&["captured pi 10 USD", "refunded re 10 USD"], Status::Refunded),
        (&["refunded re 10 USD"], Status::Refunded),
        (&["captured pi 10 USD", "refunded re 4 USD"], Status::PartiallyRefunded),
        (&["captured pi 10 USD", "disputed dp 10 USD", "dispute_won dp 10 USD"], Status::Paid),
        (&["captured pi 10 USD", "failed pi 10 USD", "canceled pi 10 USD"], Status::Paid),
        (&["authorized pi 10 USD", "failed pi 10 USD"], Status::Authorized),
        (&["authorized pi 10 USD", "canceled pi 10 USD"], Status::Canceled),
        (&["failed pi 10 USD", "canceled pi 10 USD"], Status::Canceled),
        (&["failed pi 10 USD"], Status::Failed),
        (&["captured pi 10 USD", "capture_failed pi 10 USD"], Status::Failed),
        (&["capture_failed pi 10 USD", "captured pi 10 USD"], Status::Paid),
        (&["captured pi 0 USD"], Status::Pending),
        (&["refund_failed re 10 USD"], Status::Pending),
    ] {
        assert_eq!(folded(facts).status, status, "{facts:?}");
    }
}

#[test]
fn a_refund_is_counted_once_whether_told_singly_or_as_a_running_total() {
    for (facts, refunded) in [
        (&["refunded ch +30 USD"][..], 30),
        (&["refunded ch +10 USD", "refunded ch +30 USD", "refunded ch +20 USD"], 20),
        (&["refunded re_1 10 USD", "refunded re_2 20 USD"], 30),
        (&["refunded ch +30 USD", "refunded re_1 10 USD", "refunded re_2 20 USD"], 30),
        (&["refunded re_1 10 USD", "refunded re_1 10 USD"], 10),
        (&["refunded re_1 10 USD", "refund_failed re_1 10 USD"], 0),
        (&["refund_failed re_1 10 USD", "refunded re_1 10 USD"], 0),
        (
            &[
                "refunded ch +30 USD",
                "refunded re_1 10 USD",
                "refunded re_2 20 USD",
                "refund_failed re_1 10 USD",
            ],
            20,
        ),
        (&["refunded ch +10 USD", "refund_failed re_1 30 USD"], 0),
    ] {
        assert_eq!(folded(facts).refunded, refunded, "{facts:?}");
    }
}

#[test]
fn an_anomaly_is_the_first_that_holds() {
    for (facts, anomaly) in [
        (&["captured pi 10 USD", "refunded re 10 USD"][..], None),
        (
            &["captured pi 10 USD", "captured pi_b 10 EUR", "refunded re 20 USD"],
            Some(Anomaly::CurrencyMismatch),
        ),
        (&["captured pi 10 USD", "refunded re 11 USD"], Some(Anomaly::RefundExceedsCapture)),
        (&["authorized pi 10 USD", "captured pi 11 USD"], Some(Anomaly::CaptureExceedsAuthorization)),
        (&["captured pi 11 USD"], None),
        (&["captured pi 10 USD", "captured pi 11 USD"], Some(Anomaly::AmountRestated)),
        (&["captured pi 10 USD", "refunded ch +3 USD", "refunded ch +4 USD"], None),
        (&["captured a 9223372036854775807 USD", "captured b 1 USD"], Some(Anomaly::AmountOverflow)),
    ] {
        assert_eq!(folded(facts).anomaly(), anomaly, "{facts:?}");
    }
}

#[test]
fn claims_of_one_rank_that_differ_are_an_anomaly_and_the_earliest_stands() {
    let mut tables = Tables::default();
    let captured = event("evt_1", 2, "pi", Some(fact("captured pi 10 USD")), Some(("late", 0)));
    let session = event("evt_2", 1, "pi", None, Some(("early", 0)));
    tables.deliver(&[&captured, &session]);
    let (_, orders) = tables.rows();
    assert_eq!(orders.keys().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["early"]);
    assert_eq!(orders[&key("early")].anomaly(), Some(Anomaly::OrderMismatch));
}

#[test]
fn the_currency_is_that_of_the_earliest_capture_and_nothing_else_is_summed() {
    let order = folded(&["authorized pi 9 GBP", "captured pi 10 USD", "captured pi_b 20 EUR"]);
    assert_eq!((order.currency.unwrap().as_str(), order.captured, order.authorized), ("USD", 10, 0));
}

#[test]
fn a_dispute_is_what_its_latest_event_says() {
    let at = |at: i64, text: &str| Entry {
        event: id(&format!("evt_{at}_{}", text.split(' ').next().unwrap())),
        occurred_at: UnixMicros(at),
        account: None,
        fact: Some(fact(text)),
        claim: None,
    };
    let status = |entries: &[Entry]| alone(entries).status;
    let captured = at(0, "captured pi 10 USD");
    let (open, won, lost) = ("disputed dp 10 USD", "dispute_won dp 10 USD", "dispute_lost dp 10 USD");
    for (events, expected) in [
        ([at(1, open), at(2, won)], Status::Paid),
        ([at(2, open), at(1, won)], Status::Disputed),
        ([at(1, open), at(1, won)], Status::Paid),
        ([at(1, won), at(1, lost)], Status::ChargedBack),
    ] {
        let [a, b] = events;
        assert_eq!(status(&[captured.clone(), a.clone(), b.clone()]), expected, "{a:?} {b:?}");
        assert_eq!(status(&[b, captured.clone(), a]), expected);
    }
}

#[test]
fn two_events_that_state_one_movement_count_once_and_the_second_is_restated() {
    let mut tables = Tables::default();
    let intent = event("evt_1", 1, "pi", Some(fact("captured pi 10 USD")), Some(("order", 0)));
    let charge = event("evt_2", 2, "pi", Some(fact("captured pi 10 USD")), None);
    let receipts = tables.deliver(&[&intent, &charge]);
    assert_eq!(receipts.iter().map(|r| r.outcome).collect::<Vec<_>>(), [Outcome::Applied, Outcome::Restated]);
    assert_eq!(tables.rows().1[&key("order")].captured, 10);
    assert!(receipts.iter().all(|receipt| receipt.order == Some(id("order"))));
}

#[test]
fn a_refund_that_names_only_the_payment_moves_to_the_order_that_a_later_event_names() {
    let mut tables = Tables::default();
    let refund = event("evt_1", 3, "pi", Some(fact("refunded re 4 USD")), None);
    let session = event("evt_2", 1, "pi", None, Some(("cart", 1)));
    let intent = event("evt_3", 2, "pi", Some(fact("captured pi 10 USD")), Some(("order", 0)));
    let orders =
        |tables: &Tables| tables.rows().1.into_keys().map(|key| key.id.to_string()).collect::<Vec<_>>();

    assert_eq!(tables.deliver(&[&refund])[0].order, Some(id("pi")));
    assert_eq!(orders(&tables), ["pi"]);
    assert_eq!(tables.deliver(&[&session])[0].outcome, Outcome::Noted);
    assert_eq!(orders(&tables), ["cart"]);
    assert_eq!(tables.deliver(&[&intent])[0].outcome, Outcome::Applied);
    assert_eq!(orders(&tables), ["order"]);
    assert_eq!(tables.rows().1[&key("order")].status, Status::PartiallyRefunded);
}

#[test]
fn a_link_that_turns_from_provisional_to_known_under_the_same_id_is_written() {
    let mut tables = Tables::default();
    let captured = event("evt_1", 1, "pi", Some(fact("captured pi 10 USD")), None);
    let named = event("evt_2", 2, "pi", None, Some(("pi", 0)));
    tables.deliver(&[&captured]);
    assert_eq!(tables.links[&key("pi")].standing, Standing::Provisional);
    tables.deliver(&[&named]);
    assert_eq!(tables.links[&key("pi")].standing, Standing::Known);
}

#[test]
fn a_known_id_is_a_duplicate_with_the_same_facts_and_a_conflict_with_others() {
    let mut tables = Tables::default();
    let first = event("evt_1", 1, "pi", Some(fact("captured pi 10 USD")), None);
    tables.deliver(&[&first]);
    let redelivered = |body: u8, amount: &str| {
        let evidence = Evidence {
            body_sha256: [body; 32],
            received_at: UnixMicros(9),
            ..event("evt_1", 1, "pi", None, None).evidence().clone()
        };
        let stated = Statement::Fact(fact(&format!("captured pi {amount} USD")));
        Event::new(key("evt_1"), ("test".to_owned(), UnixMicros(1)), about("pi"), stated, None, evidence)
    };
    for (event, outcome) in [
        (redelivered(1, "10"), Outcome::Duplicate),
        (redelivered(2, "10"), Outcome::Duplicate),
        (redelivered(2, "11"), Outcome::Conflict),
    ] {
        assert_eq!(tables.deliver(&[&event])[0].outcome, outcome);
    }
    assert_eq!(tables.rows().1[&key("pi")].captured, 10);
}

#[test]
fn an_event_that_our_own_save_stored_before_its_reply_was_lost_answers_its_own_outcome() {
    let mut tables = Tables::default();
    let captured = event("evt_1", 1, "pi", Some(fact("captured pi 10 USD")), None);
    let first = tables.deliver(&[&captured]);
    let again = tables.deliver(&[&captured]);
    assert_eq!(first, again);
    assert_eq!(again[0].outcome, Outcome::Applied);
}

/// Payment, moment, fact, a claim as order and rank, and an account.
type Told = (u8, i64, Option<Fact>, Option<(u8, i16)>, Option<u8>);

/// The bases that each kind knows.
fn bases(kind: Kind) -> &'static [Basis] {
    match kind {
        Kind::Authorized => &[Basis::Own, Basis::Presumed, Basis::Adjusting, Basis::Standalone],
        Kind::Captured => &[Basis::Own, Basis::Total],
        Kind::Refunded => &[Basis::Own, Basis::Total, Basis::Reversal],
        Kind::CaptureFailed | Kind::DisputeWon => &[Basis::Own, Basis::Unreferenced],
        Kind::Failed | Kind::Canceled | Kind::RefundFailed | Kind::Disputed | Kind::DisputeLost => {
            &[Basis::Own]
        }
    }
}

/// One event of a small world: few payments, orders, references and times, so that everything collides.
fn any_event(currencies: &'static [&'static str]) -> impl Strategy<Value = Told> {
    let said = prop::sample::select(Kind::ALL)
        .prop_flat_map(|kind| (Just(kind), prop::sample::select(bases(kind)), any::<bool>()));
    let money = (0_i64..4, prop::sample::select(currencies));
    let stated =
        (said, 0_u8..3, money).prop_map(|((kind, basis, is_silent), reference, (amount, currency))| {
            let money = Money { amount: amount * 10, currency: Currency::new(currency).unwrap() };
            let says_nothing = is_silent && matches!(kind, Kind::Failed | Kind::Canceled);
            Fact {
                kind,
                reference: id(&format!("ref_{reference}")),
                money: (!says_nothing).then_some(money),
                basis,
            }
        });
    let rank = prop_oneof![4 => 0_i16..3, 1 => Just(ASSIGNED_RANK)];
    (
        0_u8..4,
        0_i64..4,
        prop::option::weighted(0.8, stated),
        prop::option::of((0_u8..4, rank)),
        prop::option::weighted(0.3, 0_u8..2),
    )
}

fn events_of(world: Vec<Told>) -> Vec<Event> {
    let about = |payment: u8, account: Option<u8>| About {
        payment: Some(id(&format!("pi_{payment}"))),
        account: account.map(|account| id(&format!("acct_{account}"))),
    };
    world
        .into_iter()
        .enumerate()
        .map(|(n, (payment, at, stated, claim, account))| {
            let own = format!("pi_{payment}");
            let named = |order: u8| ["ord_a", "ord_b", "pi_1", &own][usize::from(order)];
            let claim = claim.map(|(order, rank)| (named(order), rank));
            let event = event(&format!("evt_{n}"), at, &own, stated, claim);
            let said = (event.type_name().to_owned(), event.occurred_at());
            let (statement, claim) = (event.statement().clone(), event.claim().cloned());
            let about = about(payment, account);
            Event::new(event.key().clone(), said, about, statement, claim, event.evidence().clone())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Promise 4: the rows are determined by the set of events, not by order, repetition or batching.
    #[test]
    fn any_delivery_of_a_set_of_events_ends_in_the_same_rows(
        world in prop::collection::vec(any_event(&["USD", "USD", "USD", "EUR"]), 1..14),
        shuffle in any::<prop::sample::Index>(),
        deliveries in prop::collection::vec((any::<prop::sample::Index>(), 1_usize..5), 0..40),
    ) {
        let events = events_of(world);
        let mut in_order = Tables::default();
        for event in &events {
            in_order.deliver(&[event]);
        }

        let mut sent: Vec<&Event> = deliveries.iter().map(|(pick, _)| pick.get(&events)).collect();
        sent.extend(events.iter().cycle().skip(shuffle.index(events.len())).take(events.len()));
        let mut batches = deliveries.iter().map(|(_, size)| *size).chain(std::iter::repeat(3));
        let mut shuffled = Tables::default();
        while !sent.is_empty() {
            let rest = sent.split_off(batches.next().unwrap_or(1).min(sent.len()));
            let mut once = BTreeSet::new();
            let batch: Vec<&Event> = sent.into_iter().filter(|event| once.insert(event.key().clone())).collect();
            shuffled.deliver(&batch);
            sent = rest;
        }

        prop_assert_eq!(shuffled.rows(), in_order.rows());
        prop_assert_eq!(in_order.rows(), in_order.folded_from_scratch());
    }

    /// A save names every order whose facts, claims or payments it changes: another save of one of them must notice.
    #[test]
    fn every_order_that_gains_or_loses_an_entry_is_rewritten(world in prop::collection::vec(any_event(&["USD", "EUR"]), 1..10)) {
        let events = events_of(world);
        let mut tables = Tables::default();
        for event in &events {
            let before = tables.links.clone();
            let (_, changes) = decide(tables.load(&[event]), &[event]);
            let rewritten: BTreeSet<Key> = changes.orders.iter().map(|rewrite| rewrite.order.clone()).collect();
            tables.save(&changes);
            if event.tells_of_a_payment() {
                let payment = event.payment_key().unwrap();
                let (old, new) = (before.get(&payment), tables.links.get(&payment).unwrap());
                for link in old.into_iter().chain([new]) {
                    prop_assert!(rewritten.contains(&payment.sibling(&link.order)));
                }
            } else {
                prop_assert!(rewritten.is_empty());
            }
        }
    }

    /// The fold is what the rules say, read by another eye.
    #[test]
    fn the_sums_are_those_of_the_rules_written_plainly(world in prop::collection::vec(any_event(&["USD"]), 1..12)) {
        let mut payments: BTreeMap<Id, Vec<Entry>> = BTreeMap::new();
        for event in &events_of(world) {
            if let (Some(payment), Some(entry)) = (event.payment(), Entry::of(event)) {
                payments.entry(payment.clone()).or_default().push(entry);
            }
        }
        let members: Vec<Member<'_>> =
            payments.iter().map(|(payment, entries)| Member { payment, entries }).collect();
        if let Some(found) = Order::fold(&members) {
            let all: Vec<&[Entry]> = payments.values().map(Vec::as_slice).collect();
            let (status, sums) = oracle::order(&all);
            let found_sums = [
                found.authorized, found.reserved, found.captured, found.refunded, found.disputed, found.lost,
            ];
            let expected = [
                sums.authorized, sums.reserved, sums.captured, sums.refunded, sums.open + sums.lost, sums.lost,
            ];
            prop_assert_eq!((found.status, found_sums), (status, expected));
        }
    }
}
