//! What a source takes for its own, who may name an order, and what nobody has decided.

use serde_json::{Value, json};

use super::facts::{fixtures_of, orders_of};
use super::*;
use crate::order::{Receipt, Snapshot, Statement, Status, decide};
use crate::provider::CustomerClaims;

fn stripe(change: impl FnOnce(&mut SourceSettings)) -> Source {
    let mut settings = settings("stripe");
    change(&mut settings);
    source(settings)
}

/// A captured payment of Stripe, with some of its fields changed.
fn captured(changed: &[(&str, Value)]) -> String {
    let (_, body) = fixtures_of("stripe").remove(2);
    let mut json: Value = serde_json::from_str(&body).unwrap();
    for (pointer, value) in changed {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        json.pointer_mut(parent).unwrap()[member] = value.clone();
    }
    json.to_string()
}

fn receipt(event: &Event) -> Receipt {
    decide(Snapshot::default(), &[event]).0.remove(0)
}

#[test]
fn an_event_of_a_foreign_account_is_noted_and_one_that_names_none_is_the_platform_s_own() {
    let own = captured(&[]);
    let foreign = captured(&[("/account", json!("acct_other"))]);
    let listed = |accounts: &[&str]| {
        stripe(|source| source.accounts = accounts.iter().map(|account| (*account).to_owned()).collect())
    };
    let takes = |source: &Source, body: &str| event_of(source, body).fact().is_some();
    assert!(takes(&listed(&[]), &own) && takes(&listed(&[]), &foreign), "any, where none is listed");
    assert!(takes(&listed(&["own"]), &own) && !takes(&listed(&["own"]), &foreign));
    assert!(!takes(&listed(&["acct_other"]), &own) && takes(&listed(&["acct_other"]), &foreign));

    let event = event_of(&listed(&["own"]), &foreign);
    assert_eq!((event.payment(), event.claim()), (None, None));
    assert_eq!(event.account().unwrap().as_str(), "acct_other");
}

#[test]
fn a_test_order_of_shopify_is_none_of_a_live_source_and_a_dispute_always_is() {
    let of = |mode| source(SourceSettings { mode: Some(mode), ..settings("shopify") });
    let read = |mode, number: usize, test: bool| {
        let (_, body) = fixtures_of("shopify").remove(number);
        let mut json: Value = serde_json::from_str(&body).unwrap();
        json["test"] = json!(test);
        event_of(&of(mode), &json.to_string()).fact().is_some()
    };
    assert!(read(Mode::Live, 3, false) && !read(Mode::Live, 3, true));
    assert!(!read(Mode::Test, 3, false) && read(Mode::Test, 3, true));
    let (_, dispute) = fixtures_of("shopify").remove(9);
    assert!(event_of(&of(Mode::Live), &dispute).fact().is_some(), "it does not say it");
}

#[test]
fn a_field_that_the_buyer_can_set_names_no_order_where_that_is_ignored() {
    let (_, session) = fixtures_of("stripe").remove(4);
    let claim = |claims| {
        let source = stripe(|source| source.customer_claims = claims);
        event_of(&source, &session).claim().map(|claim| (claim.order.to_string(), claim.rank))
    };
    assert_eq!(claim(CustomerClaims::Accept), Some(("cart_77".to_owned(), 1)));
    assert_eq!(claim(CustomerClaims::Ignore), None);
    assert_eq!(providers().buyer_sets("stripe"), ["/data/object/client_reference_id"]);
}

#[test]
fn an_order_s_id_that_cannot_be_used_is_told_and_never_replaced_by_the_buyer_s_word() {
    for id in [json!("a\nb"), json!("x".repeat(256)), json!(["ord_1"]), json!({"id": 1})] {
        let body = captured(&[
            ("/data/object/metadata/order_id", id.clone()),
            ("/data/object/client_reference_id", json!("buyer_s")),
        ]);
        let event = event_of(&stripe(|_| ()), &body);
        assert_eq!(event.claim(), None, "{id}");
        let receipt = receipt(&event);
        assert!(receipt.names_an_unusable_order(), "{id} {receipt:?}");
        assert_eq!(receipt.outcome.as_str(), "applied", "{id}");
    }
}

#[test]
fn a_member_s_name_that_is_no_unicode_is_none_that_is_asked_for_and_the_payment_is_read() {
    let body = captured(&[]).replace("\"metadata\":{", r#""metadata":{"\ud800":"x","#);
    assert!(body.contains(r"\ud800"));
    let event = event_of(&stripe(|_| ()), &body);
    assert_eq!(event.claim().unwrap().order.as_str(), "ord_1003");
    assert!(event.fact().is_some());
}

#[test]
fn a_nul_of_a_sender_is_kept_neither_with_an_event_nor_in_a_reason() {
    let adyen = source(SourceSettings { mode: Some(Mode::Live), ..settings("adyen") });
    let (_, body) = fixtures_of("adyen").remove(0);
    let event = event_of(&adyen, &body.replace(r#""live": "false""#, r#""live": "\u0000""#));
    assert!(event.evidence().headers.contains('\u{fffd}') && !event.evidence().headers.contains("\\u0000"));

    let braintree = source(settings("braintree"));
    let event = event_of(&braintree, "<notification><k\0ind/></notification>");
    let Statement::Dead(reason) = event.statement() else { panic!("{event:?}") };
    assert!(!reason.contains('\0'), "{reason:?}");
}

#[test]
fn what_nobody_mapped_is_noted_as_such_until_the_source_ignores_it() {
    for (type_name, reason) in [("new.kind", "unmapped type"), ("payment_intent.new", "unmapped type")] {
        let body = captured(&[("/type", json!(type_name))]);
        let event = event_of(&stripe(|_| ()), &body);
        assert!(receipt(&event).is_unmapped(), "{type_name}");
        assert_eq!(receipt(&event).reason.as_deref(), Some(reason));
        let ignoring = stripe(|source| source.ignore_types = vec!["new.*".to_owned(), type_name.to_owned()]);
        assert!(!receipt(&event_of(&ignoring, &body)).is_unmapped(), "{type_name}");
    }
    let known = event_of(&stripe(|_| ()), &captured(&[("/type", json!("customer.created"))]));
    assert!(!receipt(&known).is_unmapped());
}

#[test]
fn a_definition_that_would_lose_money_without_a_word_is_refused() {
    let stripe = include_str!("../../../providers/stripe.toml");
    let authorizenet = include_str!("../../../providers/authorizenet.toml");
    for (text, find, replaced, expected) in [
        (
            authorizenet,
            "kind = \"refunded\", reference = \"/payload/id\"",
            "kind = \"refunded\"",
            "a refund needs a `reference` of its own",
        ),
        (
            stripe,
            "  { type = \"payment_intent.succeeded\"",
            "  { noted = \"all else\" },\n  { type = \"payment_intent.succeeded\"",
            "rule 4: is never reached",
        ),
        (stripe, "types = \"v1.*\"", "types = \"charge.x*\"", "is never reached: a family before it"),
        (stripe, "{sig:t}.{body}", "{sig:t}", "no signature covers `/data/object/id`"),
    ] {
        assert!(text.contains(find), "{find}");
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.toml"), text.replacen(find, replaced, 1)).unwrap();
        let error = Providers::load(Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Bodies of Stripe that tell a charge, in the order of their time.
fn charge(type_name: &str, id: &str, object: &Value) -> String {
    let mut object = object.clone();
    object["object"] = json!("charge");
    object["currency"] = json!("usd");
    object["payment_intent"] = json!("pi_1");
    object["metadata"] = json!({"order_id": "ord_1"});
    json!({"id": id, "type": type_name, "created": 1_789_000_000, "data": {"object": object}}).to_string()
}

#[test]
fn what_a_partial_capture_released_is_no_refund_and_what_was_never_captured_is_canceled() {
    let source = stripe(|_| ());
    let fold = |bodies: &[String]| {
        let mut events: Vec<Event> = bodies.iter().map(|body| event_of(&source, body)).collect();
        let orders = orders_of(&events);
        events.reverse();
        assert_eq!(orders_of(&events), orders);
        let order = &orders["ord_1"];
        (order.status, order.captured, order.refunded)
    };
    let part = json!({"id": "ch_1", "amount": 20_675, "amount_captured": 20_300, "amount_refunded": 375, "captured": true});
    let refunded = json!({"id": "ch_1", "amount": 20_675, "amount_captured": 20_300, "amount_refunded": 1_375, "captured": true});
    let bodies = [charge("charge.captured", "evt_1", &part), charge("charge.refunded", "evt_2", &refunded)];
    assert_eq!(fold(&bodies), (Status::PartiallyRefunded, 20_300, 1_000));

    let reserved = json!({"id": "ch_1", "amount": 10_000, "amount_captured": 0, "amount_refunded": 0, "captured": false});
    let voided = json!({"id": "ch_1", "amount": 10_000, "amount_captured": 0, "amount_refunded": 10_000, "captured": false});
    let bodies =
        [charge("charge.succeeded", "evt_1", &reserved), charge("charge.refunded", "evt_2", &voided)];
    assert_eq!(fold(&bodies), (Status::Canceled, 0, 0));
}

#[test]
fn a_dispute_of_braintree_that_is_won_in_part_loses_the_rest() {
    let source = source(settings("braintree"));
    let won = |back: &str| {
        let (_, body) = fixtures_of("braintree").remove(5);
        let body =
            body.replace("</amount-disputed>", &format!("</amount-disputed><amount-won>{back}</amount-won>"));
        assert!(body.contains("amount-won"));
        event_of(&source, &body).fact().unwrap().to_string()
    };
    assert_eq!(won("200.00"), "dispute_lost 5000 USD");
    assert_eq!(won("250.00"), "dispute_won 25000 USD");
    assert_eq!(won("0.00"), "dispute_won 25000 USD", "its samples say so of a dispute that is won");
}

#[test]
fn a_declined_payment_of_worldpay_fails_without_an_amount() {
    let source = source(settings("worldpay"));
    let body = json!({"eventId": "e1", "eventTimestamp": "2026-09-10T00:26:40", "eventDetails": {
        "classification": "payment", "transactionReference": "ord_1", "type": "refused"}});
    let events = [event_of(&source, &body.to_string())];
    assert_eq!(events[0].fact().unwrap().to_string(), "failed");
    assert_eq!(orders_of(&events)["ord_1"].status, Status::Failed);
}
