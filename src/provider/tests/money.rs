//! Payloads that a hasty reader would double, lose, put on the wrong order or read with a wrong amount.

use serde_json::{Value, json};

use super::facts::{fixtures_of, orders_of};
use super::*;
use crate::order::{Entry, Link, Statement};

/// The event of a provider's fixture with some values replaced; an unknown member is added.
fn event_with(provider: &str, number: &str, replaced: &[(&str, Value)]) -> Event {
    let (_, body) = fixtures_of(provider).into_iter().find(|(name, _)| name.starts_with(number)).unwrap();
    let mut json: Value = serde_json::from_str(&body).unwrap();
    for (pointer, value) in replaced {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = json.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(list) => list[member.parse::<usize>().unwrap()] = value.clone(),
            object => object[member] = value.clone(),
        }
    }
    event_of(&source(settings(provider)), &json.to_string())
}

fn says(event: &Event) -> String {
    match event.statement() {
        Statement::Fact(fact) => fact.to_string(),
        Statement::Noted(_) => "noted".to_owned(),
        Statement::Parked(_) => "parked".to_owned(),
        Statement::Dead(reason) => format!("dead: {reason}"),
    }
}

/// Where an amount and its currency are in a fixture that states a capture.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("adyen", "03", ADYEN_VALUE, ADYEN_CURRENCY),
    ("stripe", "03", "/data/object/amount_received", "/data/object/currency"),
    ("square", "11", "/data/object/payment/total_money/amount", "/data/object/payment/total_money/currency"),
    ("paddle", "07", "/data/details/totals/grand_total", "/data/currency_code"),
    ("razorpay", "02", "/payload/payment/entity/amount", "/payload/payment/entity/currency"),
    ("paystack", "01", "/data/amount", "/data/currency"),
    ("checkout-com", "03", "/data/amount", "/data/currency"),
    ("lemonsqueezy", "01", "/data/attributes/total", "/data/attributes/currency"),
    ("worldpay", "03", "/eventDetails/amount/value", "/eventDetails/amount/currencyCode"),
    ("paypal", "02", "/resource/amount/value", "/resource/amount/currency_code"),
    ("shopify", "04", "/total_price", "/currency"),
    ("coinbase-commerce", "03", "/event/data/pricing/local/amount", "/event/data/pricing/local/currency"),
    ("mollie", "01", "/_embedded/entity/amount/value", "/_embedded/entity/amount/currency"),
    ("flutterwave-v4", "01", "/data/amount", "/data/currency"),
    ("cashfree", "01", "/data/payment/payment_amount", "/data/payment/payment_currency"),
    ("payu-eu", "02", "/order/totalAmount", "/order/currencyCode"),
    ("nowpayments", "02", "/price_amount", "/price_currency"),
    ("btcpay", "03", "/payment/value", "/paymentMethodId"),
    ("coinbase-business", "01", "/settlement/totalAmount", "/currency"),
    ("globalpayments", "02", "/amount", "/currency"),
];
const ADYEN_VALUE: &str = "/notificationItems/0/NotificationRequestItem/amount/value";
const ADYEN_CURRENCY: &str = "/notificationItems/0/NotificationRequestItem/amount/currency";

#[test]
fn every_provider_s_own_way_of_writing_amounts_comes_to_minor_units_of_iso_4217() {
    for (provider, amount, currency, expected) in [
        ("adyen", json!(550_000), "CLP", 5_500),
        ("adyen", json!(50_000), "ISK", 500),
        ("adyen", json!(500), "IDR", 50_000),
        ("adyen", json!(500), "CVE", 50_000),
        ("stripe", json!(500), "JPY", 500),
        ("stripe", json!(50_000), "ISK", 500),
        ("stripe", json!(50_000), "UGX", 500),
        ("stripe", json!(500), "MGA", 50_000),
        ("stripe", json!(5_120), "KWD", 5_120),
        ("square", json!(300), "JPY", 300),
        ("paddle", json!("1200"), "KRW", 1_200),
        ("razorpay", json!(5_120), "OMR", 5_120),
        ("paystack", json!(500_000), "XOF", 5_000),
        ("paystack", json!(500_000), "NGN", 500_000),
        ("checkout-com", json!(550_000), "CLP", 5_500),
        ("checkout-com", json!(100_000), "BHD", 100_000),
        ("checkout-com", json!(100), "JPY", 100),
        ("lemonsqueezy", json!(1_199), "GBP", 1_199),
        ("worldpay", json!(250), "JPY", 250),
        ("paypal", json!("1200"), "HUF", 120_000),
        ("paypal", json!("1200"), "JPY", 1_200),
        ("shopify", json!("1500.00"), "JPY", 1_500),
        ("shopify", json!("1.234"), "KWD", 1_234),
        ("coinbase-commerce", json!("0.5"), "USD", 50),
        ("mollie", json!("10.1"), "EUR", 1_010),
        ("flutterwave-v4", json!(10.9), "GHS", 1_090),
        ("cashfree", json!(170), "INR", 17_000),
        ("payu-eu", json!("21000"), "CZK", 21_000),
        ("nowpayments", json!(0.00012345), "BTC", 12_345),
        ("btcpay", json!("1.5"), "LTC", 150_000_000),
        ("coinbase-business", json!("0.000001"), "USDC", 1),
        ("globalpayments", json!("1999"), "JPY", 1_999),
    ] {
        let &(_, number, amount_at, currency_at) =
            PLACES.iter().find(|(name, ..)| *name == provider).unwrap();
        let event = event_with(provider, number, &[(amount_at, amount), (currency_at, json!(currency))]);
        assert_eq!(says(&event), format!("captured {expected} {currency}"), "{provider}");
    }
}

#[test]
fn a_topic_of_shopify_that_is_not_what_the_signed_body_says_moves_no_money() {
    let source = source(settings("shopify"));
    for (number, topic, expected) in [
        ("01", "orders/paid", "noted"),
        ("02", "orders/paid", "noted"),
        ("02", "orders/cancelled", "noted"),
        ("04", "orders/paid", "captured 3000 USD"),
        ("07", "orders/cancelled", "canceled 1200 USD"),
        ("04", "refunds/create", "noted"),
    ] {
        let (_, body) =
            fixtures_of("shopify").into_iter().find(|(name, _)| name.starts_with(number)).unwrap();
        let mut signed = source.sign(&Bytes::from(body), NOW);
        signed.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-shopify-topic"));
        signed.headers.push(("X-Shopify-Topic".to_owned(), topic.to_owned()));
        let headers = headers(&signed.headers);
        let webhook = Webhook { path_and_query: "/", headers: &headers, body: &signed.body };
        let [event] = source.verify(&webhook, NOW).unwrap().events(UnixMicros(1)).try_into().unwrap();
        assert_eq!(says(&event), expected, "{number} as {topic}");
    }
}

#[test]
fn shopify_s_orders_and_transactions_agree_in_the_currency_that_the_buyer_paid_in() {
    let paid = json!({"shop_money": {"amount": "30.00", "currency_code": "USD"}, "presentment_money": {"amount": "27.50", "currency_code": "EUR"}});
    assert_eq!(says(&event_with("shopify", "04", &[("/total_price_set", paid)])), "captured 2750 EUR");
}

#[test]
fn a_name_that_an_action_has_of_its_own_never_outranks_that_of_its_payment() {
    for (provider, order, numbers) in [
        ("adyen", "ord_2011", &["14"][..]),
        ("checkout-com", "ord_9007", &["15", "16"]),
        ("paypal", "ord_3009", &["20", "21"]),
    ] {
        let source = source(settings(provider));
        let events: Vec<Event> = fixtures_of(provider)
            .iter()
            .filter(|(name, _)| numbers.iter().any(|number| name.starts_with(number)))
            .flat_map(|(_, body)| events_of(&source, body))
            .collect();
        let named: Vec<&str> =
            events.iter().filter_map(|event| event.claim()).map(|claim| claim.order.as_str()).collect();
        assert!(named.iter().any(|name| *name != order), "{provider}: {named:?}");
        let entries: Vec<Entry> = events.iter().filter_map(Entry::of).collect();
        let link = Link::learned(events[0].payment().unwrap(), &entries);
        assert_eq!(link.order.as_str(), order, "{provider}");
    }
}

#[test]
fn a_sale_that_is_taken_back_on_its_day_or_by_a_bank_is_no_longer_paid() {
    for (provider, order) in [("authorizenet", "ord_d003"), ("braintree", "ord_j002")] {
        let source = source(settings(provider));
        let events: Vec<Event> =
            fixtures_of(provider).iter().flat_map(|(_, body)| events_of(&source, body)).collect();
        let order = orders_of(&events).remove(order).unwrap();
        assert_eq!((order.captured, order.refunded, order.anomaly()), (0, 0, None), "{provider}");
        assert_eq!(order.status.as_str(), "failed", "{provider}");
    }
}

#[test]
fn two_refunds_of_paystack_without_a_reference_are_two_events() {
    let [one, other] = [json!("1000"), json!("2000")]
        .map(|amount| event_with("paystack", "10", &[("/data/amount", amount)]));
    assert_ne!(one.key(), other.key());
    assert_eq!([says(&one), says(&other)], ["parked", "parked"]);
}

#[test]
fn statuses_that_are_easily_overlooked_mean_what_they_say() {
    for (provider, number, pointer, value, expected) in [
        ("checkout-com", "03", "/timestamp", json!(null), "dead: time is missing or unreadable"),
        (
            "coinbase-commerce",
            "04",
            "/event/data/timeline",
            json!([{"status": "UNRESOLVED", "context": "DELAYED"}]),
            "captured 4050 USD",
        ),
        (
            "coinbase-commerce",
            "04",
            "/event/data/timeline",
            json!([{"status": "UNRESOLVED", "context": "OVERPAID"}]),
            "parked",
        ),
        ("razorpay", "04", "/payload/payment/entity/captured", json!(false), "canceled 5000 INR"),
        ("shopify", "06", "/transactions/0/kind", json!("void"), "noted"),
        ("shopify", "06", "/transactions/0/status", json!("pending"), "parked"),
        ("square", "09", "/data/object/dispute/state", json!("WAITING_THIRD_PARTY"), "disputed 8801 USD"),
        (
            "authorizenet",
            "09",
            "/eventType",
            json!("net.authorize.payment.fraud.declined"),
            "failed 1000 USD",
        ),
        ("paypal", "04", "/resource/amount/value", json!("-20.00"), "refunded 2000 USD"),
        ("paypal", "02", "/resource/amount/value", json!("-20.00"), "parked"),
    ] {
        assert_eq!(
            says(&event_with(provider, number, &[(pointer, value)])),
            expected,
            "{provider} {pointer}"
        );
    }
}
