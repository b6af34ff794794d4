//! What is told of each way in which webhooks come not to verify.

use std::path::Path;

use bytes::Bytes;
use http::HeaderMap;

use super::{Cause, Diagnosis};
use crate::order::Id;
use crate::provider::tests::{NOW, headers, providers, settings, source};
use crate::provider::{Signed, Source, SourceSettings, Webhook};
use crate::secret::Secret;

/// As Stripe writes them: two spaces, and letters as they are.
const BODY: &str = "{\n  \"id\": \"evt_1\",\n  \"data\": {\n    \"url\": \"https://shop.example/é\",\n    \"list\": [\n      1.50,\n      {}\n    ]\n  },\n  \"created\": 1\n}";

fn of(provider: &str, secret: &str) -> Source {
    source(SourceSettings { secrets: vec![Secret::new(secret)], ..settings(provider) })
}

fn named(name: &str, of: SourceSettings) -> Source {
    source(SourceSettings { name: Id::new(name).unwrap(), ..of })
}

/// What `source` says to `body` with the headers of `signed`, at `now`.
fn told(source: &Source, signed: &Signed, body: &[u8], now: i64, others: &[Source]) -> Option<Diagnosis> {
    let (headers, body): (HeaderMap, _) = (headers(&signed.headers), Bytes::copy_from_slice(body));
    let webhook = Webhook { path_and_query: "/webhooks/x", headers: &headers, body: &body };
    let rejection = source.verify(&webhook, now).expect_err("it does not verify");
    source.diagnose(&rejection, &webhook, now, others)
}

/// Stripe signs `sent`, and `received` arrives.
fn changed(sent: &str, received: &str) -> (Cause, String) {
    let source = source(settings("stripe"));
    let signed = source.sign(&Bytes::copy_from_slice(sent.as_bytes()), NOW);
    let Diagnosis { cause, detail } = told(&source, &signed, received.as_bytes(), NOW, &[]).unwrap();
    (cause, detail)
}

#[test]
fn a_body_that_was_written_again_is_told_from_a_wrong_secret() {
    let python = r#"{"id": "evt_1", "data": {"url": "https://shop.example/\u00e9", "list": [1.50, {}]}, "created": 1}"#;
    let php =
        r#"{"id":"evt_1","data":{"url":"https:\/\/shop.example\/\u00e9","list":[1.50,{}]},"created":1}"#;
    let javascript = r#"{"id":"evt_1","data":{"url":"https://shop.example/é","list":[1.50,{}]},"created":1}"#;
    let sorted = r#"{"created":1,"data":{"list":[1.50,{}],"url":"https://shop.example/é"},"id":"evt_1"}"#;
    let curl = BODY.replace('\n', "");
    let (dos, tabs) = (BODY.replace('\n', "\r\n"), BODY.replace("  ", "\t"));
    let with_end = format!("{BODY}\n");
    for (sent, received, how) in [
        (BODY, javascript, "as JSON indented by two spaces"),
        (BODY, python, "as JSON indented by two spaces, without escapes"),
        (BODY, php, "as JSON indented by two spaces, without escapes"),
        (BODY, curl.as_str(), "with the line breaks that it lost"),
        (BODY, &dos, "with LF for CRLF"),
        (&dos, BODY, "with CRLF for LF"),
        (&tabs, BODY, "as JSON indented by tabs"),
        (BODY, &with_end, "without the line break at its end"),
        (&with_end, BODY, "with a line break at its end"),
        (&with_end, javascript, "as JSON indented by two spaces, with a line break at its end"),
        (javascript, BODY, "as JSON without spaces"),
        (python, javascript, "a space after each comma and colon, other letters than ASCII escaped"),
        (php, javascript, "as JSON without spaces, slashes and other letters than ASCII escaped"),
        (sorted, BODY, "as JSON without spaces, its keys in alphabetical order"),
        (javascript, &format!("\u{feff}{javascript}"), "without the byte order mark"),
        ("plain=text", "plain=text\n", "without the line break at its end"),
    ] {
        let (cause, detail) = changed(sent, received);
        assert_eq!(cause, Cause::BodyChanged, "{received}: {detail}");
        assert!(
            detail.contains(&format!("for the body {how}:")) || detail.contains(how),
            "{received}: {detail}"
        );
    }
}

#[test]
fn keys_in_alphabetical_order_are_a_suspicion_and_a_few_are_chance() {
    let sorted = r#"{"a":1,"b":{"c":2,"d":3},"e":4,"f":5}"#;
    assert_eq!(changed(r#"{"f":5,"e":4,"b":{"d":3,"c":2},"a":1}"#, sorted).0, Cause::BodyRewritten);
    assert_eq!(changed(r#"{"z":1,"b":2}"#, r#"{"b":2,"z":1}"#).0, Cause::WrongSecret);
    assert_eq!(changed(r#"{"id":1,"a":1.0}"#, r#"{"id":1,"a":1}"#).0, Cause::WrongSecret);
}

#[test]
fn a_secret_as_people_paste_it_is_found_for_every_provider_that_has_one() {
    let right = "whsec_canary_0123456789";
    let signed = of("stripe", right).sign(&Bytes::from_static(b"{}"), NOW);
    for (pasted, how) in [
        ("\"whsec_canary_0123456789\"", "without the quotes or spaces"),
        (" whsec_canary_0123456789\n", "without the quotes or spaces"),
        ("canary_0123456789", "with `whsec_` before it"),
    ] {
        let told = told(&of("stripe", pasted), &signed, b"{}", NOW, &[]).unwrap();
        assert_eq!(told.cause, Cause::SecretAltered);
        assert!(told.detail.contains(how) && !told.detail.contains("canary"), "{told:?}");
    }
}

#[test]
fn an_api_key_is_told_before_and_after_the_first_webhook() {
    let signed = source(settings("stripe")).sign(&Bytes::from_static(b"{}"), NOW);
    let pasted = of("stripe", "sk_live_canary");
    let told = told(&pasted, &signed, b"{}", NOW, &[]).unwrap();
    assert_eq!(told.cause, Cause::ApiKey);
    assert!(told.detail.contains("secret 1") && !told.detail.contains("canary"), "{told:?}");
    assert_eq!(pasted.doubtful_secret(), Some(told.detail));
    assert_eq!(source(settings("stripe")).doubtful_secret(), None);
}

#[test]
fn another_source_is_named_whether_the_url_or_the_settings_are_mistaken() {
    let (shop, club) = ("whsec_canary_shop", "whsec_canary_club");
    let with = |secret: &str, provider: &str| SourceSettings {
        secrets: vec![Secret::new(secret)],
        ..settings(provider)
    };
    let sent_to_shop = named("club", with(club, "stripe")).sign(&Bytes::from_static(b"{}"), NOW - 10_000);
    let others = [named("shop", with(shop, "stripe")), named("club", with(club, "stripe"))];
    let told_url = told(&others[0], &sent_to_shop, b"{}", NOW, &others).unwrap();
    assert_eq!(told_url.cause, Cause::OtherSource);
    assert!(told_url.detail.contains("signed for source club"), "{told_url:?}");

    // Of another provider: Stripe's secret stands at GitHub's source, and the other way round.
    let swapped = [named("stripe", with(shop, "stripe")), named("github", with(club, "github"))];
    let signed = of("stripe", club).sign(&Bytes::from_static(b"{}"), NOW);
    let told_secret = told(&swapped[0], &signed, b"{}", NOW, &swapped).unwrap();
    assert_eq!(told_secret.cause, Cause::OtherSource);
    assert!(told_secret.detail.contains("a secret of source github"), "{told_secret:?}");

    // Without its own signature, for it went to the wrong URL.
    let github = swapped[1].sign(&Bytes::from_static(b"{}"), NOW);
    let told_missing = told(&swapped[0], &github, b"{}", NOW, &swapped).unwrap();
    assert!(told_missing.detail.contains("signed for source github"), "{told_missing:?}");
}

#[test]
fn the_clock_is_told_with_its_direction_and_by_how_much() {
    let source = source(settings("svix"));
    let signed = source.sign(&Bytes::from_static(b"{}"), NOW);
    let ahead = told(&source, &signed, b"{}", NOW + 432, &[]).unwrap();
    assert_eq!(ahead.cause, Cause::ClockAhead);
    assert!(ahead.detail.contains("signed 432 s ago; at most 300 s"), "{ahead:?}");
    let behind = told(&source, &signed, b"{}", NOW - 432, &[]).unwrap();
    assert_eq!(behind.cause, Cause::ClockBehind);
    assert!(behind.detail.contains("432 s ahead of this clock"), "{behind:?}");
}

#[test]
fn of_every_provider_that_signs_the_body_a_fixture_written_again_is_recognised() {
    let mut recognised = Vec::new();
    for name in providers().names().filter(|name| providers().needs_only_a_secret(name)) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
        let mut files: Vec<_> =
            std::fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        // A form has no other way to be written.
        let Ok(compact) = serde_json::from_slice::<serde_json::Value>(&std::fs::read(&files[0]).unwrap())
        else {
            continue;
        };
        // What is sent is compact; a proxy indents it.
        let sent = Bytes::from(serde_json::to_vec(&compact).unwrap());
        let source = source(settings(name));
        let signed = source.sign(&sent, NOW);
        if signed.body != sent {
            continue;
        }
        let received = serde_json::to_vec_pretty(&compact).unwrap();
        let (headers, received) = (headers(&signed.headers), Bytes::from(received));
        let webhook = Webhook { path_and_query: "/", headers: &headers, body: &received };
        let Err(rejection) = source.verify(&webhook, NOW) else { continue };
        let told = source.diagnose(&rejection, &webhook, NOW, []).unwrap();
        assert_eq!(told.cause, Cause::BodyChanged, "{name}: {told:?}");
        recognised.push(name);
    }
    assert!(recognised.len() >= 14, "{recognised:?}");
}

#[test]
fn documents_that_are_deep_or_broken_cost_little() {
    let deep = "[".repeat(100) + &"1,".repeat(20_000) + "1" + &"]".repeat(100);
    let broken = "{\"a\":".repeat(1_000);
    let quotes = "\"\\".repeat(1_000);
    for body in [deep, broken, quotes, "\u{0}\"".to_owned(), "\"\\u00\"".to_owned(), String::new()] {
        let body = Bytes::from(body);
        for (changed, _) in super::changed_bodies(&body) {
            assert!(changed.len() <= 8 * body.len() + 1_000);
        }
    }
}

#[test]
fn a_url_that_is_signed_and_registered_otherwise_is_named() {
    let registered =
        |url: &str| source(SourceSettings { public_url: Some(url.to_owned()), ..settings("square") });
    let body = Bytes::from_static(BODY.as_bytes());
    for (theirs, ours) in [
        ("https://shop.example/webhooks/square/", "https://shop.example/webhooks/square"),
        ("https://shop.example/webhooks/square", "http://shop.example/webhooks/square"),
        ("https://shop.example/webhooks/x", "https://shop.example/hooks/square"),
    ] {
        let signed = registered(theirs).sign(&body, NOW);
        let found = told(&registered(ours), &signed, &body, NOW, &[]).unwrap();
        assert_eq!(found.cause, Cause::OtherUrl, "{found:?}");
        assert!(found.detail.contains(&format!("holds for the URL {theirs},")), "{found:?}");
    }
    let signed = registered("https://elsewhere.example/").sign(&body, NOW);
    let found = told(&registered("https://shop.example/"), &signed, &body, NOW, &[]).unwrap();
    assert_eq!(found.cause, Cause::WrongSecret);
    assert!(found.detail.contains("public_url = `https://shop.example/` is signed too"), "{found:?}");
}
