//! Reports in the layouts that the vendors' pages and public exports show: what each row is taken for.

use super::super::{Line, Taken};
use super::reports::{read, report, said};

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/reports/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_paypal_settlement_of_two_accounts_and_three_currencies_is_told_row_by_row() {
    let text = fixture("paypal-stl.csv");
    let mine = [
        "captured 8AB00000000000001 8AB00000000000001 3000 USD order-1",
        "captured 8AB00000000000002 8AB00000000000002 1000 USD inv-2",
        "refunded 8AB00000000000001 8AB00000000000003 1000 USD",
        "refunded 8AB00000000000002 8AB00000000000004 1000 USD",
        "disputed 8AB00000000000001 8AB00000000000001 2000 USD",
        // A fee of the chargeback, a hold while it is looked into and its release, a purchase, a withdrawal.
        "ignored",
        "ignored",
        "ignored",
        "ignored",
        "ignored",
        // A reversal that is taken back, a credit to somebody without a payment, a reversal of whatever kind.
        "unknown T1106",
        "unknown T1113",
        "unknown T1100",
        "captured 8AB00000000000014 8AB00000000000014 100 JPY order-3, with a comma",
    ];
    let other = ["captured 9CD00000000000001 9CD00000000000001 4200 EUR order-9"];
    assert_eq!(said(&report("paypal"), &text), [mine.as_slice(), &other].concat());

    let mut foreign = Vec::new();
    let accounts = ["MERCHANTACCT1".to_owned()];
    let read = report("paypal").read(&accounts, text.as_bytes(), |_, line| {
        foreign.extend(matches!(line, Line::Foreign(_)).then_some(line));
        Taken::More
    });
    read.unwrap();
    assert_eq!(foreign, [Line::Foreign("MERCHANTACCT2".to_owned())], "only the account of its section");
}

#[test]
fn a_paypal_settlement_of_the_first_releases_has_other_blanks_and_fewer_columns() {
    assert_eq!(
        said(&report("paypal"), &fixture("paypal-stl-old.csv")),
        [
            "captured 7XY00000000000001 7XY00000000000001 2500 USD order-5",
            "refunded 7XY00000000000001 7XY00000000000002 2500 USD",
        ]
    );
}

#[test]
fn a_paypal_transaction_that_was_given_back_since_is_still_a_payment_and_a_status_that_nobody_knows_is_told()
{
    assert_eq!(
        said(&report("paypal"), &fixture("paypal-trr.csv")),
        [
            "captured 1AA00000000000001 1AA00000000000001 5000 USD order-1",
            "captured 1AA00000000000002 1AA00000000000002 6000 USD order-2",
            "captured 1AA00000000000003 1AA00000000000003 7000 USD order-3",
            "ignored",
            "ignored",
            "unknown T0006",
            "ignored",
            "unknown T1107",
        ]
    );
}

#[test]
fn an_adyen_settlement_of_two_accounts_in_another_order_of_columns_is_told_row_by_row() {
    let text = fixture("adyen-settlement.csv");
    let all = said(&report("adyen"), &text);
    assert_eq!(
        all,
        [
            "captured PSPA000000000001 CAPA000000000001|PSPA000000000001 4599 EUR order-1",
            "captured PSPA000000000002 CAPA000000000002|PSPA000000000002 500 JPY",
            "captured PSPA000000000003 CAPA000000000003|PSPA000000000003 1234 KWD order-3",
            "captured PSPA000000000004 PSPA000000000004 1200 USD order-4",
            "captured PSPA000000000005 CAPA000000000005|PSPA000000000005 1000 BRL order-5",
            "refunded PSPA000000000001 MODA000000000001|PSPA000000000001 500 EUR",
            "refund_failed PSPA000000000001 MODA000000000001|PSPA000000000001 500 EUR",
            "disputed PSPA000000000001 DISP000000000001 4599 EUR",
            "disputed PSPA000000000001 DISP000000000001 4599 EUR",
            "disputed PSPA000000000001 DISP000000000002 4599 EUR",
            "captured PSPZ000000000001 CAPZ000000000001|PSPZ000000000001 700 EUR order-1",
            "ignored",
            "ignored",
            "ignored",
            "ignored",
            "unknown ManualCorrected",
            "unknown PaidOut",
        ]
    );
    let mut foreign = 0;
    let read = report("adyen").read(&["ShopNL".to_owned()], text.as_bytes(), |_, line| {
        foreign += u64::from(line == Line::Foreign("ShopDE".to_owned()));
        Taken::More
    });
    read.unwrap();
    assert_eq!(foreign, 1, "the row of the other shop");
}

#[test]
fn a_stripe_payout_reconciliation_says_what_it_can_and_leaves_open_when_by_an_unnamed_clock() {
    let text = fixture("stripe-payout.csv");
    assert_eq!(
        said(&report("stripe"), &text),
        [
            "captured pi_1 pi_1|ch_1 2500 USD order-1",
            "refunded pi_1 re_1 1000 USD",
            "refund_failed pi_1 re_1 1000 USD",
            "disputed pi_2 du_1 335 USD",
            "unknown other_adjustment",
            "ignored",
            "ignored",
            "ignored",
            "captured pi_9 pi_9|py_9 -2500 USD",
            "ignored",
        ]
    );
    let (_, span) = read(&report("stripe"), text.as_bytes()).unwrap();
    let span = span.unwrap();
    assert!(
        span.from > span.to,
        "four hours by a clock that may be fourteen off: nothing is certain: {span:?}"
    );
}

#[test]
fn razorpay_s_items_on_hold_without_an_order_and_of_unknown_types_are_told_apart() {
    assert_eq!(
        said(&report("razorpay"), &fixture("razorpay-recon.json")),
        [
            "captured pay_1 pay_1 100000 INR order-1",
            "captured pay_2 pay_2 100000 INR",
            "refunded pay_1 rfnd_1 24250 INR",
            "ignored",
            "disputed pay_1 disp_1 100000 INR",
            "ignored",
            "unknown adjustment",
            "unknown refund_reversal",
        ]
    );
}

#[test]
fn shopify_s_adjustments_of_an_order_and_what_shop_cash_paid_are_told() {
    assert_eq!(
        said(&report("shopify"), &fixture("shopify-balance.json")),
        [
            "captured 450789469 450789469 1250 EUR",
            "refunded 450789469 450789469 250 EUR",
            "refund_failed 450789469 450789469 250 EUR",
            "ignored",
            "disputed 450789469 450789469 1250 EUR",
            "disputed 450789469 450789469 1250 EUR",
            "ignored",
            "ignored",
            "unknown ADJUSTMENT",
            "unknown REFUND_ADJUSTMENT",
            "unknown SHOP_CASH_CREDIT",
            "ignored",
        ]
    );
}

#[test]
fn square_s_open_disputes_are_disputes_and_refunds_without_a_payment_are_told() {
    assert_eq!(
        said(&report("square"), &fixture("square-payouts.json")),
        [
            "captured PAY1 PAY1 15000 USD",
            "refunded PAY1 PAY1 5000 USD",
            "disputed PAY1 PAY1 10000 USD",
            "disputed PAY1 PAY1 10000 USD",
            "ignored",
            "ignored",
            "unknown OTHER",
            "ignored",
            "unknown UNLINKED_REFUND",
            "captured PAY2 PAY2 0 USD",
        ]
    );
}

/// A rule without conditions, or none at all, decides a type for all its rows.
#[test]
fn each_type_of_row_that_a_vendor_lists_is_decided_by_name_or_told() {
    let root = env!("CARGO_MANIFEST_DIR");
    for provider in ["adyen", "paypal", "shopify", "square", "stripe"] {
        let definition = std::fs::read_to_string(format!("{root}/providers/{provider}.toml")).unwrap();
        let definition: toml::Value = toml::from_str(&definition).unwrap();
        let rules = definition["report"][0]["rules"].as_array().unwrap();
        let names = |rule: &toml::Value| match &rule["type"] {
            toml::Value::String(one) => vec![one.clone()],
            all => all.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        };
        let unconditional: Vec<String> =
            rules.iter().filter(|rule| rule.get("when").is_none()).flat_map(names).collect();
        let is_decided = |type_name: &str| {
            unconditional.iter().any(|own| match own.strip_suffix('*') {
                Some(prefix) => type_name.starts_with(prefix),
                None => own == type_name,
            })
        };
        let list = fixture(&format!("types/{provider}.txt"));
        let lines = list.lines().filter(|line| !line.starts_with('#'));
        for line in lines {
            let (type_name, is_told) = line.strip_suffix(" told").map_or((line, false), |name| (name, true));
            assert_eq!(is_decided(type_name), !is_told, "{provider}: {type_name}");
        }
    }
}
