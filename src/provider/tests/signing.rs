//! Keys that a sender keeps to itself, challenges, and certificates that appear later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

const BODY: &str = r#"{"type":"contact.created","timestamp":"2026-09-10T00:26:40Z"}"#;

/// What a sender with a private key sends, as it is written in the headers.
fn sent_by(sender: &Ed25519KeyPair, version: &str) -> HeaderMap {
    let signature = STANDARD.encode(sender.sign(format!("msg_1.{NOW}.{BODY}").as_bytes()).as_ref());
    let pairs = [
        ("webhook-id", "msg_1".to_owned()),
        ("webhook-timestamp", NOW.to_string()),
        ("webhook-signature", format!("v1,AAAA {version},{signature}")),
    ];
    headers(&pairs.map(|(name, value)| (name.to_owned(), value)))
}

fn sender(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public_key(sender: &Ed25519KeyPair) -> Secret {
    Secret::new(format!("whpk_{}", STANDARD.encode(sender.public_key().as_ref())))
}

fn verify(source: &Source, headers: &HeaderMap, body: &str) -> Result<usize, &'static str> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let webhook = Webhook { path_and_query: "/", headers, body: &body };
    source
        .verify(&webhook, NOW)
        .map(|verified| verified.secret_position)
        .map_err(|rejection| rejection.reason)
}

#[test]
fn a_public_key_among_the_secrets_proves_what_its_holder_signed_and_nothing_else() {
    for provider in ["standard-webhooks", "svix"] {
        let mut settings = settings(provider);
        settings.secrets.push(public_key(&sender(1)));
        let source = source(settings);
        assert_eq!(verify(&source, &sent_by(&sender(1), "v1a"), BODY), Ok(1), "{provider}");

        let mismatch = Err("signature_mismatch");
        assert_eq!(verify(&source, &sent_by(&sender(2), "v1a"), BODY), mismatch, "another holder");
        assert_eq!(verify(&source, &sent_by(&sender(1), "v1"), BODY), mismatch, "another version");
        assert_eq!(verify(&source, &sent_by(&sender(1), "v1a"), &BODY.replace('c', "k")), mismatch);
    }
}

#[test]
fn a_signature_of_a_private_key_proves_nothing_to_who_knows_no_public_one() {
    let source = source(settings("standard-webhooks"));
    assert_eq!(verify(&source, &sent_by(&sender(1), "v1a"), BODY), Err("signature_mismatch"));
}

#[test]
fn a_source_that_knows_only_a_public_key_verifies_and_does_not_sign() {
    let source = source(SourceSettings { secrets: vec![public_key(&sender(1))], ..settings("svix") });
    assert_eq!(verify(&source, &sent_by(&sender(1), "v1a"), BODY), Ok(0));
    let signed = source.sign(&Bytes::from_static(BODY.as_bytes()), NOW);
    assert!(signed.headers.iter().all(|(name, _)| name != "svix-signature"));
}

#[test]
fn a_public_key_that_is_none_is_told_by_its_position() {
    for wrong in ["whpk_", "whpk_AAAA", "whpk_not base64"] {
        let secrets = vec![Secret::new("c0dec0de".repeat(4)), Secret::new(wrong)];
        let mistakes = Source::new(SourceSettings { secrets, ..settings("standard-webhooks") }, providers())
            .unwrap_err();
        let expected = "secret 2 is no Ed25519 public key: expected base64 of 32 bytes";
        assert_eq!(mistakes, [("secrets".to_owned(), expected.to_owned())]);
    }
}

/// Computed in Python as Braintree's own library does it, whose example is `d9b89955..` under `integration_private_key`.
const CHALLENGE: (&str, &str) =
    ("20f9f8ed05f77439fe955c977e4c8a53", "integration_public_key|30c449e4dc230d021da38400b8e7f4e297914394");

fn braintree() -> Source {
    let params = BTreeMap::from([("public_key".to_owned(), "integration_public_key".to_owned())]);
    source(SourceSettings {
        secrets: vec![Secret::new("canary_private_key")],
        params,
        ..settings("braintree")
    })
}

#[test]
fn a_challenge_is_answered_as_braintree_s_own_library_answers_it() {
    let (challenge, expected) = CHALLENGE;
    let answer = braintree().answer_challenge(&format!("/webhooks/braintree?bt_challenge={challenge}"));
    assert_eq!(answer.as_deref(), Some(expected));
}

#[test]
fn what_is_no_challenge_is_not_signed_and_a_signed_challenge_is_no_webhook() {
    let (challenge, answer) = CHALLENGE;
    let upper = challenge.to_uppercase();
    let long = challenge.repeat(2);
    for query in [
        "",
        "bt_challenge=",
        "bt_challenge=abc",
        "other=20f9f8ed05f77439fe95",
        &format!("bt_challenge={upper}"),
        &format!("bt_challenge={long}"),
        &format!("bt_challenge={challenge}&bt_challenge={challenge}"),
    ] {
        assert_eq!(braintree().answer_challenge(&format!("/webhooks/braintree?{query}")), None, "{query}");
    }
    assert_eq!(source(settings("stripe")).answer_challenge(&format!("/?bt_challenge={challenge}")), None);

    let body = format!("bt_signature={}&bt_payload={challenge}", answer.replace('|', "%7C"));
    assert_eq!(verify(&braintree(), &HeaderMap::new(), &body), Err("signature_malformed"));
}

#[test]
fn a_certificate_that_is_saved_while_the_server_runs_is_known_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        std::fs::copy(vectors::certificates().join(from), dir.path().join(to)).unwrap();
    };
    copy("trust.pem", "trust.pem");
    let source = source(SourceSettings { cert_dir: Some(dir.path().to_owned()), ..settings("paypal") });
    let sent = headers(
        &[
            ("paypal-transmission-id", "1"),
            ("paypal-transmission-time", "2026-09-10T00:26:40Z"),
            ("paypal-transmission-sig", "AAAA"),
            ("paypal-auth-algo", "SHA256withRSA"),
            ("paypal-cert-url", "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-TEST"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    assert_eq!(verify(&source, &sent, "{}"), Err("certificate_unknown"));
    copy("CERT-TEST.pem", "CERT-TEST.pem");
    assert_eq!(verify(&source, &sent, "{}"), Err("signature_mismatch"), "it is known, and did not sign this");
}

#[test]
fn an_event_that_came_with_others_is_sent_again_alone_by_its_exact_bytes() {
    for mode in [None, Some(Mode::Live), Some(Mode::Test)] {
        for (provider, fixture) in [("adyen", 0), ("gocardless", 0)] {
            let source =
                source(SourceSettings { mode: mode.filter(|_| provider == "adyen"), ..settings(provider) });
            let (_, body) = super::facts::fixtures_of(provider).remove(fixture);
            let event = events_of(&source, &body).remove(0);
            let framed = source.framed(&event.evidence().body).unwrap();
            let signed = source.sign_again("/webhooks/x", "{}", &framed, NOW);
            let sent = headers(&signed.headers);
            let webhook = Webhook { path_and_query: "/webhooks/x", headers: &sent, body: &signed.body };
            let again = source.verify(&webhook, NOW).unwrap().events(UnixMicros(1));
            assert_eq!(again.len(), 1, "{provider}");
            assert_eq!(again[0].key(), event.key(), "{provider}");
            if provider == "gocardless" {
                assert_eq!(again[0].evidence().body, event.evidence().body, "nothing is signed inside it");
            }
        }
    }
    assert!(source(settings("stripe")).framed(b"{}").is_none());
}
