//! What must hold for every provider: one movement counts once, order of arrival does not matter, nothing signed can change.

use proptest::prelude::*;
use serde_json::Value;

use super::facts::{all_events, fixtures_of, orders_of};
use super::*;
use crate::order::{Statement, Status};

#[test]
fn the_fixtures_end_in_the_same_orders_whatever_order_they_arrive_in() {
    for provider in providers().names() {
        let mut events = all_events(&source(settings(provider)));
        let orders = orders_of(&events);
        for _ in 0..events.len() {
            events.rotate_left(1);
            assert_eq!(orders_of(&events), orders, "{provider}");
        }
        events.reverse();
        assert_eq!(orders_of(&events), orders, "{provider}");
    }
}

#[test]
fn a_provider_that_states_money_has_a_payment_that_is_paid_and_none_of_its_orders_is_odd() {
    for provider in providers().names() {
        let source = source(settings(provider));
        let events = all_events(&source);
        let orders = orders_of(&events);
        assert!(orders.values().all(|order| order.anomaly().is_none()), "{provider}");
        let states_money = events.iter().any(|event| event.fact().is_some());
        let is_paid = |status| matches!(status, Status::Paid | Status::PartiallyRefunded);
        assert_eq!(orders.values().any(|order| is_paid(order.status)), states_money, "{provider}");
        assert!(events.iter().all(|event| !matches!(event.statement(), Statement::Dead(_))), "{provider}");
    }
}

#[test]
fn a_stored_event_reads_again_as_it_was_read_first() {
    for provider in providers().names() {
        let has_mode = matches!(provider, "adyen" | "stripe");
        let source = source(SourceSettings { mode: has_mode.then_some(Mode::Live), ..settings(provider) });
        for event in all_events(&source) {
            let evidence = event.evidence();
            let again = source.reread(&evidence.headers, &evidence.body, evidence.received_at);
            assert_eq!(again.key(), event.key(), "{provider}");
            assert_eq!(again.facts_sha256(), event.facts_sha256(), "{provider} {event:?} {again:?}");
        }
    }
}

#[test]
fn an_item_of_the_other_mode_stays_noted_when_it_is_read_again() {
    let of = |mode| source(SourceSettings { mode: Some(mode), ..settings("adyen") });
    let event = all_events(&of(Mode::Live)).remove(0);
    assert_eq!(event.evidence().headers, r#"{"envelope:/live":"false"}"#);
    let again = |mode| of(mode).reread(&event.evidence().headers, &event.evidence().body, UnixMicros(1));
    assert!(matches!(again(Mode::Live).statement(), Statement::Noted(_)));
    assert!(matches!(again(Mode::Test).statement(), Statement::Fact(_)));
}

#[test]
fn no_signature_or_token_is_kept_with_an_event() {
    for provider in providers().names() {
        let settings = settings(provider);
        let secret = settings.secrets[0].expose().to_owned();
        let source = source(settings);
        let (_, body) = fixtures_of(provider).remove(0);
        let signed = source.sign(&Bytes::from(body.clone()), NOW);
        for event in events_of(&source, &body) {
            let kept = &event.evidence().headers;
            assert!(!kept.contains(&secret), "{provider}");
            for name in ["signature", "hmac", "token", "verif-hash", "transmission-sig"] {
                assert!(!kept.to_ascii_lowercase().contains(name), "{provider} keeps {kept}");
            }
        }
        assert!(source.verify_signed(&signed).is_ok() || SIGN_ALONE.contains(&provider), "{provider}");
    }
}

impl Source {
    fn as_sent(&self, body: &str) -> Vec<u8> {
        self.sign(&Bytes::copy_from_slice(body.as_bytes()), NOW).body.to_vec()
    }

    fn verify_signed(&self, signed: &super::super::Signed) -> Result<usize, Rejection> {
        let headers = headers(&signed.headers);
        let webhook = Webhook { path_and_query: "/webhooks/x", headers: &headers, body: &signed.body };
        self.verify(&webhook, NOW).map(|verified| verified.secret_position)
    }
}

/// The providers whose signature covers every byte of the body.
const SIGNS_THE_BODY: &[&str] = &[
    "stripe",
    "adyen-platform",
    "square",
    "shopify",
    "razorpay",
    "paystack",
    "paddle",
    "checkout-com",
    "lemonsqueezy",
    "coinbase-commerce",
    "worldpay",
    "authorizenet",
    "standard-webhooks",
    "svix",
    "gocardless",
    "mollie",
    "flutterwave-v4",
    "github",
    "btcpay",
    "cashfree",
    "coinbase-business",
    "cybersource",
    "globalpayments",
    "payu-eu",
    "recurly",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_changed_byte_of_a_signed_body_is_refused(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        for provider in SIGNS_THE_BODY {
            let source = source(settings(provider));
            let (_, body) = fixtures_of(provider).remove(0);
            let mut signed = source.sign(&Bytes::from(body), NOW);
            let mut bytes = signed.body.to_vec();
            bytes[at.index(signed.body.len())] ^= flip;
            signed.body = bytes.into();
            prop_assert_eq!(source.verify_signed(&signed).unwrap_err().reason, "signature_mismatch", "{}", provider);
        }
    }

    #[test]
    fn a_damaged_body_is_read_without_panic(at in any::<prop::sample::Index>(), bytes in any::<[u8; 3]>()) {
        for provider in providers().names() {
            let source = source(settings(provider));
            let (_, body) = fixtures_of(provider).remove(0);
            let mut body = source.as_sent(&body);
            let index = at.index(body.len().saturating_sub(bytes.len()));
            body[index..index + bytes.len()].copy_from_slice(&bytes);
            let sent = HeaderMap::new();
            let webhook = Webhook { path_and_query: "/", headers: &sent, body: &Bytes::from(body) };
            let verified = Verified::new(0, &webhook, &source.facts);
            for event in verified.events(UnixMicros(1)) {
                prop_assert!(event.key().id.as_str().len() <= 1_020);
            }
        }
    }

    #[test]
    fn one_changed_byte_of_a_signature_header_is_refused(at in any::<prop::sample::Index>(), flip in 1_u8..128) {
        for provider in providers().names() {
            let source = source(settings(provider));
            let (_, body) = fixtures_of(provider).remove(0);
            let mut signed = source.sign(&Bytes::from(body), NOW);
            // The last header is the signature; what stands before it names the message and is covered where it is signed.
            let inside_body = ["adyen", "apple-app-store", "midtrans", "braintree", "paypal"].contains(&provider);
            let Some((_, value)) = signed.headers.last_mut().filter(|_| !inside_body) else { continue };
            let mut bytes = value.clone().into_bytes();
            let index = at.index(bytes.len());
            // The case of a hexadecimal digit does not matter where the provider says so; a key's name is no secret.
            let is_free = match provider {
                "authorizenet" | "globalpayments" => flip == 0x20,
                "worldpay" => index < 1,
                "mercadopago" => flip == 0x20,
                _ => false,
            };
            bytes[index] ^= flip;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            if is_free || http::HeaderValue::from_str(&changed).is_err() || changed.trim() != changed {
                continue;
            }
            *value = changed;
            prop_assert!(source.verify_signed(&signed).is_err(), "{provider}: {:?}", signed.headers);
        }
    }
}

/// Changes one field of a signed JSON body.
fn refuses_a_changed_field(provider: &str, number: &str, pointer: &str) {
    let source = source(settings(provider));
    let fixtures = fixtures_of(provider);
    let (_, body) = fixtures.iter().find(|(name, _)| name.starts_with(number)).unwrap();
    let mut signed = source.sign(&Bytes::from(body.clone()), NOW);
    let mut json: Value = serde_json::from_slice(&signed.body).unwrap();
    let field = json.pointer_mut(pointer).unwrap();
    *field = match field.clone() {
        Value::String(text) => format!("{text}0").into(),
        Value::Number(number) => (number.as_i64().unwrap() + 1).into(),
        other => panic!("{pointer} is {other}"),
    };
    signed.body = json.to_string().into();
    assert_eq!(
        source.verify_signed(&signed).unwrap_err().reason,
        "signature_mismatch",
        "{provider} {pointer}"
    );
}

#[test]
fn every_field_that_adyen_and_midtrans_sign_is_protected_in_every_item() {
    for item in 0..3 {
        for field in [
            "pspReference",
            "merchantAccountCode",
            "merchantReference",
            "amount/value",
            "amount/currency",
            "eventCode",
            "success",
            "additionalData/hmacSignature",
        ] {
            let pointer = format!("/notificationItems/{item}/NotificationRequestItem/{field}");
            refuses_a_changed_field("adyen", "05", &pointer);
        }
    }
    refuses_a_changed_field("adyen", "05", "/notificationItems/0/NotificationRequestItem/originalReference");
    for field in ["/order_id", "/status_code", "/gross_amount", "/signature_key"] {
        refuses_a_changed_field("midtrans", "01", field);
    }
}

#[test]
fn a_changed_byte_of_braintree_s_payload_is_refused() {
    let source = source(settings("braintree"));
    let (_, body) = fixtures_of("braintree").remove(0);
    let signed = source.sign(&Bytes::from(body), NOW);
    let from = signed.body.windows(11).position(|part| part == b"bt_payload=").unwrap() + 11;
    for at in (from..signed.body.len()).step_by(7) {
        let mut bytes = signed.body.to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = super::super::Signed { headers: Vec::new(), body: bytes.into() };
        assert!(source.verify_signed(&changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_batch_without_items_proves_nothing() {
    let source = source(settings("adyen"));
    for body in
        [r#"{"notificationItems":[]}"#, r#"{"live":"true"}"#, r#"{"notificationItems":{}}"#, "[]", "x"]
    {
        let signed = super::super::Signed { headers: Vec::new(), body: Bytes::from_static(body.as_bytes()) };
        assert!(source.verify_signed(&signed).is_err(), "{body}");
    }
}

#[test]
fn an_item_of_a_batch_keeps_its_exact_bytes() {
    let source = source(settings("adyen"));
    let (_, body) = fixtures_of("adyen").remove(4);
    let signed = source.sign(&Bytes::from(body.clone()), NOW);
    let whole = std::str::from_utf8(&signed.body).unwrap();
    let events = events_of(&source, &body);
    assert_eq!(events.len(), 3);
    for event in &events {
        let item = std::str::from_utf8(&event.evidence().body).unwrap();
        assert!(item.starts_with('{') && item.ends_with('}') && whole.contains(item));
    }
    assert_eq!(source.success_body(), Some("[accepted]"));
}

#[test]
fn an_account_of_adyen_that_captures_at_once_is_paid_by_its_authorisation() {
    let params = BTreeMap::from([("capture".to_owned(), "auto".to_owned())]);
    let source = source(SourceSettings { params, ..settings("adyen") });
    let orders = orders_of(&all_events(&source));
    let of = |order: &str| (orders[order].status, orders[order].captured);
    assert_eq!(of("ord_2001"), (Status::Paid, 4500));
    assert_eq!(of("ord_2002"), (Status::Paid, 9900), "the CAPTURE beside it is not counted again");
    assert_eq!(of("ord_2008"), (Status::Authorized, 0), "a CAPTURE_FAILED shows that nothing was captured");
    assert_eq!(of("ord_2005"), (Status::Canceled, 0), "a cancellation shows it too");

    let wrong = BTreeMap::from([("capture".to_owned(), "later".to_owned())]);
    let mistakes =
        Source::new(SourceSettings { params: wrong, ..settings("adyen") }, providers()).unwrap_err();
    assert_eq!(mistakes[0], ("params.capture".to_owned(), "expected auto or manual, not `later`".to_owned()));
}

#[test]
fn a_source_of_standard_webhooks_says_in_params_what_its_sender_means() {
    let params = [
        ("payment", "/data/payment"),
        ("amount", "/data/amount"),
        ("currency", "/data/currency"),
        ("captured", "invoice.paid, order.paid"),
    ];
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let order = vec!["/data/order".to_owned()];
    let source = source(SourceSettings { params, order, ..settings("standard-webhooks") });
    let events = all_events(&source);
    let order = &orders_of(&events)["ord_e001"];
    assert_eq!((order.status, order.captured), (Status::Paid, 1200));
    let named = |event: &&Event| ["invoice.paid", "order.paid"].contains(&event.type_name());
    assert!(events.iter().all(|event| named(&event) == event.fact().is_some()), "the others are noted");
}

#[test]
fn a_provider_that_signs_the_url_or_by_certificate_needs_more_than_a_secret() {
    let needs_more: Vec<&str> =
        providers().names().filter(|name| !providers().needs_only_a_secret(name)).collect();
    assert_eq!(needs_more, ["apple-app-store", "braintree", "paypal", "square"]);

    let without = SourceSettings { public_url: None, ..settings("square") };
    assert_eq!(Source::new(without, providers()).unwrap_err()[0].0, "public_url");
    let without = SourceSettings { cert_dir: None, params: BTreeMap::new(), ..settings("paypal") };
    let named: Vec<String> =
        Source::new(without, providers()).unwrap_err().into_iter().map(|(name, _)| name).collect();
    assert_eq!(named, ["params.webhook_id", "cert_dir"]);
}

#[test]
fn a_certificate_of_another_host_or_one_that_is_not_there_is_refused() {
    let source = source(settings("paypal"));
    let reason = |url: &str| {
        let sent = headers(&[
            ("paypal-transmission-id".to_owned(), "1".to_owned()),
            ("paypal-transmission-time".to_owned(), "2026-09-10T00:26:40Z".to_owned()),
            ("paypal-transmission-sig".to_owned(), "AAAA".to_owned()),
            ("paypal-auth-algo".to_owned(), "SHA256withRSA".to_owned()),
            ("paypal-cert-url".to_owned(), url.to_owned()),
        ]);
        let webhook = Webhook { path_and_query: "/", headers: &sent, body: &Bytes::from_static(b"{}") };
        source.verify(&webhook, NOW).unwrap_err().reason
    };
    for url in [
        "https://evil.example/v1/notifications/certs/CERT-TEST",
        "http://api.sandbox.paypal.com/v1/notifications/certs/CERT-TEST",
        "https://api.sandbox.paypal.com@evil.example/CERT-TEST",
        "https://api.sandbox.paypal.com.evil.example/CERT-TEST",
        "https://api.sandbox.paypal.com:444/CERT-TEST",
        "CERT-TEST",
    ] {
        assert_eq!(reason(url), "certificate_untrusted", "{url}");
    }
    for name in ["CERT-OTHER", "..", "trust", "CERT-TEST/../../x", ""] {
        assert_eq!(
            reason(&format!("https://api.sandbox.paypal.com/certs/{name}")),
            "certificate_unknown",
            "{name}"
        );
    }
    assert_eq!(
        reason("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-TEST"),
        "signature_mismatch"
    );
}
