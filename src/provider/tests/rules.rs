//! Rules that hold for every provider, and Stripe's in particular.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::facts::{fixtures_of, orders_of};
use super::*;
use crate::order::{Kind, REFUND_NOT_DONE, Statement, Status};

fn stripe() -> Source {
    source(settings("stripe"))
}

/// The event of a Stripe fixture with one value replaced.
fn stripe_with(fixture: &str, pointer: &str, value: Value) -> Event {
    let (_, body) = fixtures_of("stripe").into_iter().find(|(name, _)| name.starts_with(fixture)).unwrap();
    let mut json: Value = serde_json::from_str(&body).unwrap();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap()[member] = value;
    event_of(&stripe(), &json.to_string())
}

fn says(event: &Event) -> String {
    match event.statement() {
        Statement::Fact(fact) => fact.to_string(),
        Statement::Noted(reason) => format!("noted: {reason}"),
        Statement::Parked(reason) => format!("parked: {reason}"),
        Statement::Dead(reason) => format!("dead: {reason}"),
    }
}

fn refusal(source: &Source, headers_sent: &[(&str, &str)], body: &str, now: i64) -> &'static str {
    let pairs: Vec<_> =
        headers_sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (headers, body) = (headers_with_repeats(&pairs), Bytes::copy_from_slice(body.as_bytes()));
    let webhook = Webhook { path_and_query: "/webhooks/x", headers: &headers, body: &body };
    source.verify(&webhook, now).map_or_else(|rejection: Rejection| rejection.reason, |_| "verified")
}

fn headers_with_repeats(pairs: &[(String, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn signature(source: &Source, body: &str) -> String {
    source.sign(&Bytes::copy_from_slice(body.as_bytes()), NOW).headers.remove(0).1
}

#[test]
fn a_refusal_says_why_in_one_stable_word() {
    let source = stripe();
    let good = signature(&source, "{}");
    let name = "stripe-signature";
    for (headers, now, expected) in [
        (vec![(name, good.as_str())], NOW, "verified"),
        (vec![], NOW, "signature_missing"),
        (vec![(name, "")], NOW, "signature_missing"),
        (vec![(name, "t=1")], NOW, "signature_malformed"),
        (vec![(name, &good), (name, &good)], NOW, "signature_malformed"),
        (vec![(name, "t=1789000000,t=1789000000,v1=00")], NOW, "signature_malformed"),
        (vec![(name, "t=1789000000,v1=00")], NOW, "signature_mismatch"),
        (vec![(name, &good)], NOW + 300, "verified"),
        (vec![(name, &good)], NOW + 301, "timestamp_stale"),
        (vec![(name, &good)], NOW - 86_400, "verified"),
    ] {
        assert_eq!(refusal(&source, &headers, "{}", now), expected, "{headers:?} at {now}");
    }
    assert_eq!(refusal(&source, &[(name, &good)], "", NOW), "requirement_missing");
    let many = format!("t={NOW}{}", ",v1=00".repeat(17));
    assert_eq!(refusal(&source, &[(name, &many)], "{}", NOW), "signature_malformed");
}

#[test]
fn a_tolerance_of_the_source_goes_before_the_definition_s_and_zero_switches_it_off() {
    let age = |tolerance_s, age_s| {
        let source = source(SourceSettings { tolerance_s: Some(tolerance_s), ..settings("stripe") });
        let good = signature(&source, "{}");
        refusal(&source, &[("stripe-signature", &good)], "{}", NOW + age_s)
    };
    assert_eq!(age(10, 10), "verified");
    assert_eq!(age(10, 11), "timestamp_stale");
    assert_eq!(age(0, 1_000_000), "verified");
}

#[test]
fn any_secret_may_match_and_its_position_is_told() {
    let old = settings("stripe");
    let rotated = SourceSettings {
        secrets: vec![Secret::new("whsec_canary_new"), old.secrets[0].clone()],
        ..old.clone()
    };
    let good = signature(&source(old), "{}");
    let source = source(rotated);
    let headers = headers(&[("stripe-signature".to_owned(), good)]);
    let webhook = Webhook { path_and_query: "/", headers: &headers, body: &Bytes::from_static(b"{}") };
    assert_eq!(source.verify(&webhook, NOW).unwrap().secret_position, 1);
}

#[test]
fn a_body_of_a_megabyte_is_verified_and_read() {
    let body =
        format!("{{\"pad\":\"{}\",\"id\":\"evt_1\",\"type\":\"x\",\"created\":1}}", "x".repeat(1 << 20));
    assert_eq!(event_of(&stripe(), &body).key().id.as_str(), "evt_1");
}

#[test]
fn mistakes_in_settings_are_told_together_and_by_name() {
    let wrong = SourceSettings {
        secrets: vec![Secret::new("")],
        order: vec!["no pointer".to_owned()],
        params: BTreeMap::from([("capture".to_owned(), "auto".to_owned())]),
        ..settings("stripe")
    };
    let mistakes = Source::new(wrong, providers()).unwrap_err();
    let named: Vec<&str> = mistakes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, ["params.capture", "secrets", "order"], "{mistakes:?}");

    let none = SourceSettings { secrets: Vec::new(), ..settings("stripe") };
    assert_eq!(Source::new(none, providers()).unwrap_err()[0].0, "secrets");
    let unknown = SourceSettings { provider: "strope".to_owned(), ..settings("stripe") };
    assert!(Source::new(unknown, providers()).unwrap_err()[0].1.contains("known: "));
}

#[test]
fn a_wrong_definition_names_the_file_the_place_and_what_was_expected() {
    let dir = tempfile::tempdir().unwrap();
    let stripe = include_str!("../../../providers/stripe.toml");
    for (find, replace, expected) in [
        ("id = \"/id\"", "id = \"id\"", "[facts.id] `id` is not a selector; expected /pointer"),
        ("kind = \"failed\"", "kind = \"fell\"", "unknown kind `fell`; expected one of authorized"),
        (
            "{ type = \"charge.failed\", kind = \"failed\" }",
            "{ type = \"charge.failed\" }",
            "rule 4: expected one of `kind`, `noted` and `parked`",
        ),
        ("take = \"v1\"", "takes = \"v1\"", "unknown field `takes`"),
        ("{sig:t}.{body}", "{sig:t}.{body}.{sig:t", "lacks a `}`"),
        (
            "[facts]",
            "[facts]\nonly = \"x\"",
            "[facts] expected either `only` or at least one [[facts.family]]",
        ),
        ("[signature]", "[signatures]", "unknown field `signatures`"),
        ("{sig:t}", "{param:t}", "[signature.signed] param `t` is not declared under [params]"),
        ("basis = \"total\"", "basis = \"sum\"", "unknown basis `sum`; expected one of own, total"),
        ("basis = \"total\"", "basis = \"presumed\"", "basis `presumed` says nothing of `captured`"),
    ] {
        assert!(stripe.contains(find), "{find}");
        std::fs::write(dir.path().join("mine.toml"), stripe.replacen(find, replace, 1)).unwrap();
        let error = Providers::load(Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains("mine.toml") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_directory_s_definitions_add_to_the_built_in_ones_and_go_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../../../providers/stripe.toml").replace("whsec_", "mine_");
    std::fs::write(dir.path().join("stripe.toml"), &text).unwrap();
    std::fs::write(dir.path().join("another.toml"), &text).unwrap();
    let providers = Providers::load(Some(dir.path())).unwrap();
    assert!(providers.names().any(|name| name == "another"));
    assert!(providers.generate_secret("stripe").expose().starts_with("mine_"));
}

#[test]
fn what_cannot_be_read_is_dead_under_its_id_or_its_digest() {
    let source = stripe();
    for (body, reason) in [
        ("[]", "not a JSON object"),
        ("\u{feff}{}", "not a JSON object"),
        ("{", "not readable JSON"),
        (r#"{"id":"evt_1","id":"evt_2","type":"x","created":1}"#, "duplicate key `id`"),
        (r#"{"type":"x","created":1}"#, "id is missing"),
        (r#"{"id":{},"type":"x","created":1}"#, "id is unreadable"),
        (r#"{"id":"a\u0000b","type":"x","created":1}"#, "id contains a control character"),
    ] {
        let event = event_of(&source, body);
        assert!(
            says(&event).starts_with("dead: ") && says(&event).contains(reason),
            "{body}: {}",
            says(&event)
        );
        assert_eq!(event.key().id, Id::from(event.evidence().body_sha256), "{body}");
    }
    for (body, reason) in [
        (r#"{"id":"evt_1","created":1}"#, "type is missing"),
        (r#"{"id":"evt_1","type":"x"}"#, "time is missing or unreadable"),
        (r#"{"id":"evt_1","type":"x","created":1e400}"#, "time is missing or unreadable"),
        (r#"{"id":"evt_1","type":"x","created":-1}"#, "time is missing or unreadable"),
    ] {
        let event = event_of(&source, body);
        assert_eq!((says(&event), event.key().id.as_str()), (format!("dead: {reason}"), "evt_1"), "{body}");
    }
}

#[test]
fn an_amount_that_cannot_be_read_is_parked_with_its_reason_and_still_teaches_the_order() {
    for (value, reason) in [
        (json!(null), "amount is missing"),
        (json!("20.00"), "amount is not a whole number of minor units"),
        (json!(20.0), "amount is not a whole number of minor units"),
        (json!(-2000), "amount is negative"),
        (json!({"value": 1}), "amount is unreadable"),
        (json!(""), "amount is missing"),
        (json!("9223372036854775808"), "amount is too large"),
    ] {
        let event = stripe_with("03", "/data/object/amount_received", value);
        assert_eq!(says(&event), format!("parked: {reason}"));
        assert_eq!(event.claim().unwrap().order.as_str(), "ord_1003");
    }
    for (value, reason) in
        [(json!(null), "currency is missing"), (json!("dollars"), "currency is unreadable")]
    {
        assert_eq!(says(&stripe_with("03", "/data/object/currency", value)), format!("parked: {reason}"));
    }
    assert_eq!(
        says(&stripe_with("07", "/data/object/payment_intent", json!("x".repeat(300)))),
        "parked: payment is longer than 255 characters"
    );
}

#[test]
fn a_field_that_names_no_order_is_no_claim() {
    for value in [json!(""), json!(null), json!({}), json!(["ord_1"]), json!("a\nb"), json!("x".repeat(256))]
    {
        assert_eq!(
            stripe_with("03", "/data/object/metadata/order_id", value.clone()).claim(),
            None,
            "{value}"
        );
    }
    let numbered = stripe_with("03", "/data/object/metadata/order_id", json!(1003));
    assert_eq!(numbered.claim().unwrap().order.as_str(), "1003");
}

#[test]
fn a_source_s_own_order_field_outranks_the_definition_s() {
    let own = source(SourceSettings {
        order: vec!["/data/object/metadata/basket".to_owned(), "/data/object/description".to_owned()],
        ..settings("stripe")
    });
    let (_, body) = fixtures_of("stripe").remove(2);
    let claim = event_of(&own, &body).claim().unwrap().clone();
    assert_eq!((claim.order.as_str(), claim.rank), ("Order ord_1003", -1));
}

#[test]
fn events_of_the_other_mode_are_noted_and_claim_nothing() {
    let live = source(SourceSettings { mode: Some(Mode::Live), ..settings("stripe") });
    let test = source(SourceSettings { mode: Some(Mode::Test), ..settings("stripe") });
    let (_, body) = fixtures_of("stripe").remove(2);
    let noted = event_of(&live, &body);
    assert_eq!(says(&noted), "noted: not a live event, and this source takes only those");
    assert_eq!((noted.claim(), noted.payment()), (None, None));
    assert_eq!(says(&event_of(&test, &body)), "captured 2000 USD");
}

#[test]
fn an_expanded_payment_intent_is_read_by_its_id() {
    for fixture in ["07", "08", "05", "11"] {
        let event = stripe_with(
            fixture,
            "/data/object/payment_intent",
            json!({"id": "pi_x", "object": "payment_intent"}),
        );
        assert_eq!(event.payment().unwrap().as_str(), "pi_x", "{fixture}");
    }
    let by_charge = stripe_with("11", "/data/object/payment_intent", json!(null));
    assert_eq!(by_charge.payment().unwrap().as_str(), "ch_3PlFix0006Hq2eZvKYlo2C");
}

#[test]
fn stripe_s_statuses_decide_what_a_type_means() {
    for (fixture, pointer, value, expected) in [
        (
            "02",
            "/data/object/amount_received",
            json!(1),
            "noted: what is left of a reservation; its captures state the money",
        ),
        ("05", "/data/object/payment_status", json!("unpaid"), "noted: not paid yet, or nothing to pay"),
        (
            "05",
            "/data/object/mode",
            json!("subscription"),
            "noted: the invoice's payment intent states the money",
        ),
        ("05", "/type", json!("checkout.session.expired"), "canceled 2000 USD"),
        ("05", "/type", json!("checkout.session.async_payment_succeeded"), "captured 2000 USD"),
        ("05", "/type", json!("checkout.session.async_payment_failed"), "failed 2000 USD"),
        ("04", "/data/object/captured", json!(false), "authorized 2000 USD"),
        ("08", "/data/object/captured", json!(false), "canceled 10000 EUR"),
        ("04", "/data/object/amount_captured", json!(null), "captured 2000 USD"),
        ("04", "/type", json!("charge.expired"), "canceled 2000 USD"),
        ("04", "/type", json!("charge.failed"), "failed 2000 USD"),
        ("04", "/type", json!("charge.pending"), "noted: moves no money"),
        (
            "07",
            "/data/object/status",
            json!("pending"),
            "noted: the refund is not done yet: re_3PlFix0004aHq2eZvKYlo2C",
        ),
        ("07", "/data/object/status", json!("canceled"), "refund_failed 2500 EUR"),
        ("07", "/type", json!("charge.refund.updated"), "refunded 2500 EUR"),
        ("11", "/data/object/status", json!("prevented"), "noted: the dispute was prevented"),
        ("11", "/data/object/status", json!("brand_new"), "noted: unmapped status"),
        ("03", "/type", json!("payment_intent.brand_new"), "noted: unmapped type"),
        ("03", "/type", json!("brand.new"), "noted: unmapped type"),
        (
            "03",
            "/type",
            json!("v1.payment_intent.succeeded"),
            "parked: a thin event says nothing of money: let the event destination send snapshot payloads",
        ),
        ("03", "/data/object/currency", json!("isk"), "captured 20 ISK"),
    ] {
        assert_eq!(
            says(&stripe_with(fixture, pointer, value.clone())),
            expected,
            "{fixture} {pointer} {value}"
        );
    }
    let bare = stripe_with("05", "/data/object/payment_intent", json!(null));
    assert_eq!(says(&bare), "parked: payment is missing");
}

#[test]
fn one_movement_told_by_three_types_counts_once_in_any_order() {
    let source = stripe();
    let mut events: Vec<Event> =
        fixtures_of("stripe").drain(2..5).map(|(_, body)| event_of(&source, &body)).collect();
    for _ in 0..events.len() {
        events.rotate_left(1);
        let orders = orders_of(&events);
        let order = &orders["ord_1003"];
        assert_eq!(
            (orders.len(), order.status, order.captured, order.anomaly()),
            (1, Status::Paid, 2000, None)
        );
    }
    assert!(events.iter().all(|event| event.fact().unwrap().kind == Kind::Captured));
}

#[test]
fn every_status_of_an_order_is_reached_by_stripe_s_fixtures() {
    let source = stripe();
    let events: Vec<Event> = fixtures_of("stripe").iter().map(|(_, body)| event_of(&source, body)).collect();
    let orders = orders_of(&events);
    for status in Status::ALL {
        assert!(orders.values().any(|order| order.status == *status), "{status}");
    }
    assert!(orders.values().all(|order| order.anomaly().is_none()));
}

#[test]
fn a_generated_secret_has_the_shape_that_its_provider_takes() {
    for provider in providers().names() {
        let generated = || providers().generate_secret(provider);
        assert_ne!(generated().expose(), generated().expose(), "{provider}");
        let source =
            Source::new(SourceSettings { secrets: vec![generated()], ..settings(provider) }, providers());
        assert!(source.is_ok(), "{provider}: {source:?}");
    }
    assert!(providers().generate_secret("stripe").expose().starts_with("whsec_"));
}

#[test]
fn kept_headers_hold_no_signature() {
    let (_, body) = fixtures_of("stripe").remove(0);
    assert_eq!(event_of(&stripe(), &body).evidence().headers, "{}");
}

proptest! {
    #[test]
    fn one_changed_byte_of_the_body_or_the_signature_is_refused(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let (_, body) = fixtures_of("stripe").remove(0);
        let source = stripe();
        let good = signature(&source, &body);
        let mut bytes = body.clone().into_bytes();
        bytes[at.index(body.len())] ^= flip;
        let headers = headers(&[("stripe-signature".to_owned(), good.clone())]);
        let webhook = Webhook { path_and_query: "/", headers: &headers, body: &Bytes::from(bytes) };
        prop_assert!(source.verify(&webhook, NOW).is_err());

        let mut changed = good.clone().into_bytes();
        changed[at.index(good.len())] ^= flip;
        let Ok(value) = http::HeaderValue::from_bytes(&changed) else { return Ok(()) };
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static("stripe-signature"), value)]);
        let webhook = Webhook { path_and_query: "/", headers: &headers, body: &Bytes::from(body) };
        prop_assert!(source.verify(&webhook, NOW).is_err());
    }

    #[test]
    fn a_verified_body_of_any_bytes_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 1..300)) {
        let source = stripe();
        let body = Bytes::from(body);
        let signed = source.sign(&body, NOW);
        let headers = headers(&signed.headers);
        let webhook = Webhook { path_and_query: "/", headers: &headers, body: &body };
        prop_assert_eq!(source.verify(&webhook, NOW).unwrap().events(UnixMicros(1)).len(), 1);
    }
}

#[test]
fn a_refund_that_is_not_done_is_noted_in_the_words_that_money_that_waits_is_found_by() {
    let mut noting = Vec::new();
    for (name, definition) in &providers().definitions {
        for rule in definition.facts.families.iter().flat_map(|family| &family.rules) {
            let Some(noted) = &rule.noted else { continue };
            let types = rule.types.0.join(" ").to_lowercase();
            let says = noted.contains("refund")
                && ["not done", "pending", "yet"].iter().any(|word| noted.contains(word));
            if says || (types.contains("refund") && types.contains("pending")) {
                assert_eq!(noted, REFUND_NOT_DONE, "{name}: {types}");
                noting.push(name.as_str());
            }
        }
    }
    noting.dedup();
    let expected = [
        "adyen",
        "cashfree",
        "checkout-com",
        "coinbase-business",
        "flutterwave-v4",
        "globalpayments",
        "mollie",
        "paddle",
        "paypal",
        "paystack",
        "payu-eu",
        "razorpay",
        "square",
        "stripe",
    ];
    assert_eq!(noting, expected);
}
