//! The building blocks that definitions name, each with a definition of its own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::*;
use crate::order::Statement;

/// Made by `openssl dgst -sha256 -sign` over [`SIGNED`] with keys of our own.
const SIGNED: &str = r#"{"id":"e1"}"#;
const RSA_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkernw61nQL1dXratHDXU
JYlQ3hYNgXosJVBN9DNuGoGYfoPE19z7+FE/i5tNgePt8f2mi9fp1a13x0hRnt/+
bwUg5DYfeawoI2MstBKSzFSkME94p6lcNFz3NR+HjWEjn0TDs/iBtONO3YQnEzC/
3ziMJSi6FoqKGEypij6fAz03UA1vq6O4A2iJ2oGmk7nfM7keqn80nJJlrYyD63U5
kfaJUlKWH4Tfx8nFKfNb20bQH/Vb8o5OlSCgJVJezNbowdJhOWDD/EjbXDqPWfjp
raLw9r7px8OJjtPy4B9GPLoNgYgBA3Wra3JmWtD/hdy6lyQi8PXIlYgYOWujBf3A
IQIDAQAB
-----END PUBLIC KEY-----";
const RSA_SIGNATURE: &str = "XISpdibOsUO6+M03CP7F46JCjUm0uVbUg3TI/EcBakl74WBs8bD+L1fOicRncAYbL6nXCruf/5F1EaSxu2rT7i9Tw1T6MYW+sMpa9nQVa65DlklZocJibUQZRlPXUSD9FzlBevTjel8KXtIZoe0+pgqfTBBDkl7Kp9uom8ok2oLCoxAaiMlVG89bpQ4CULk6CnCYAhll2JjC3q+b0S2kWCp+8VsSeoAwT+E1FH/M+EAQpL5Wl5U7TlSarBTZPdp7uOkvr6vxtZz7wXEvO7Vnj3XnXFLeJjffQJxUmWK9LvQRUBL7D3+IiDDaxefJ017H/uqO5FlAUQ6YO71Yc1tuFA==";
const ECDSA_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtLvVOmbZCraWs8LUq4dQiHNqN47+feTqxUG2IB7lNDDBr8/xrmwfOvRq7PElzoB2omyst137VcKWeFOaEHfxzQ==";
const ECDSA_SIGNATURE: &str =
    "MEUCIQDvpePwPzTXmeCBYsNo7M+3ACMWYQSOpCa4u5axKurHvgIgJC9TXjBCz5bXpgTlIewBqHB69n65Y+aZNssMzkwkre8=";

/// A provider whose signature is made as `signature` says; its events have an id and nothing else.
fn provider(signature: &str, facts: &str) -> Result<Providers, String> {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "title = \"Own\"\n[docs]\nverified = \"v\"\nretries = \"r\"\nsubscribe = []\n[signature]\n{signature}\n[facts]\n{facts}\n"
    );
    std::fs::write(dir.path().join("own.toml"), text).unwrap();
    Providers::load(Some(dir.path())).map_err(|error| error.to_string())
}

const NOTED: &str = r#"
id = "body-sha256"
type = "header:x-type|body-sha256"
time = [{ from = "body", unit = "received" }]
only = "it is a test"
"#;

fn own(signature: &str, facts: &str, secret: &str) -> Source {
    let settings = SourceSettings {
        provider: "own".to_owned(),
        secrets: vec![Secret::new(secret)],
        ..settings("stripe")
    };
    Source::new(settings, &provider(signature, facts).unwrap()).unwrap()
}

fn verdict(source: &Source, sent: &[(&str, &str)], body: &str) -> Result<usize, &'static str> {
    let pairs: Vec<_> = sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (headers, body) = (headers(&pairs), Bytes::copy_from_slice(body.as_bytes()));
    let webhook = Webhook { path_and_query: "/", headers: &headers, body: &body };
    source
        .verify(&webhook, NOW)
        .map(|verified| verified.secret_position)
        .map_err(|rejection| rejection.reason)
}

/// What is signed by ourselves verifies, and no longer after a change.
fn proves(source: &Source, body: &str, changed: &str) {
    let signed = source.sign(&Bytes::copy_from_slice(body.as_bytes()), NOW);
    let sent: Vec<_> = signed.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(verdict(source, &sent, body), Ok(0), "{sent:?}");
    assert_eq!(verdict(source, &sent, changed), Err("signature_mismatch"));
}

#[test]
fn a_digest_of_each_hash_proves_the_text_that_it_was_made_of() {
    for (hash, expected) in [
        ("md5", "48552593640f6e49a2192b434d42df3f"),
        ("sha1", "1f698fdced258ad3651aee6bf147b06f815de3c5"),
        ("sha256", "b2d8a5626a3d43602f8de6653f95eaa71d8009507087ff5fa15011d868474748"),
    ] {
        let signature = format!(
            "from = \"header:x-sig\"\nsigned = \"{{body}}{{secret}}\"\nproof = {{ digest = {{ hash = \"{hash}\", encoding = \"hex\" }} }}"
        );
        let source = own(&signature, NOTED, "k3y");
        assert_eq!(verdict(&source, &[("x-sig", expected)], SIGNED), Ok(0), "{hash}");
        proves(&source, SIGNED, r#"{"id":"e2"}"#);
    }
}

#[test]
fn a_public_key_of_the_sender_proves_what_its_holder_signed() {
    for (algorithm, key, signature) in
        [("rsa-sha256", RSA_KEY, RSA_SIGNATURE), ("ecdsa-p256-sha256", ECDSA_KEY, ECDSA_SIGNATURE)]
    {
        let scheme = format!(
            "from = \"header:x-sig\"\nsigned = \"{{body}}\"\nproof = {{ public-key = {{ algorithm = \"{algorithm}\", encoding = \"base64\" }} }}"
        );
        let source = own(&scheme, NOTED, key);
        assert_eq!(verdict(&source, &[("x-sig", signature)], SIGNED), Ok(0), "{algorithm}");
        let other = if key == RSA_KEY { ECDSA_SIGNATURE } else { RSA_SIGNATURE };
        assert_eq!(verdict(&source, &[("x-sig", other)], SIGNED), Err("signature_mismatch"));
        assert_eq!(verdict(&source, &[("x-sig", signature)], "{}"), Err("signature_mismatch"));
        assert!(source.sign(&Bytes::from_static(b"{}"), NOW).headers.is_empty(), "nobody else can sign");
    }
}

#[test]
fn a_secret_that_is_no_public_key_is_told_by_its_position() {
    let scheme = "from = \"header:x-sig\"\nsigned = \"{body}\"\nproof = { public-key = { algorithm = \"rsa-sha256\", encoding = \"base64\" } }";
    let secrets = vec![Secret::new(RSA_KEY), Secret::new("whsec_canary")];
    let settings = SourceSettings { provider: "own".to_owned(), secrets, ..settings("stripe") };
    let providers = provider(scheme, NOTED).unwrap();
    assert!(!providers.needs_only_a_secret("own"), "none can be made up");
    let expected = "secret 2 is no public key: expected PEM (-----BEGIN PUBLIC KEY-----) or its base64";
    let mistakes = Source::new(settings, &providers).unwrap_err();
    assert_eq!(mistakes, [("secrets".to_owned(), expected.to_owned())]);
}

#[test]
fn a_sequence_s_first_elements_have_names_and_any_other_may_be_the_signature() {
    let scheme = "from = \"header:x-sig\"\nformat = { sequence = { separator = \",\", parts = [\"t\"] } }\nsigned = \"{sig:t}.{body}\"\nproof = { hmac = { hash = \"sha256\", key = \"text\", encoding = \"hex\" } }";
    let source = own(scheme, NOTED, "k3y");
    proves(&source, SIGNED, "{}");
    let signed = source.sign(&Bytes::from_static(SIGNED.as_bytes()), NOW).headers.remove(0).1;
    let (time, proof) = signed.split_once(',').unwrap();
    assert_eq!(verdict(&source, &[("x-sig", &format!("{time},00,{proof}"))], SIGNED), Ok(0));
    assert_eq!(verdict(&source, &[("x-sig", &format!("1,{proof}"))], SIGNED), Err("signature_mismatch"));
    assert_eq!(verdict(&source, &[("x-sig", time)], SIGNED), Err("signature_malformed"));
}

#[test]
fn the_headers_that_a_signature_names_are_part_of_what_it_signs() {
    let scheme = "from = \"header:x-sig\"\nformat = { pairs = { separator = \",\", take = \"v1\", sample = { h = \"x-id x-gone\" } } }\nsigned = \"{sig:t}.{sig:h}.{headers-named-by:sig:h}.{body}\"\nproof = { hmac = { hash = \"sha256\", key = \"text\", encoding = \"hex\" } }\n[[signature.sample]]\nheaders = { x-id = \"e1\" }";
    let source = own(scheme, NOTED, "k3y");
    proves(&source, SIGNED, "{}");
    let signature = source.sign(&Bytes::from_static(SIGNED.as_bytes()), NOW).headers.remove(1).1;
    assert!(signature.contains("h=x-id x-gone"), "{signature}");
    for (sent, expected) in [
        (vec![("x-id", "e1")], Ok(0)),
        (vec![("x-id", "e2")], Err("signature_mismatch")),
        (vec![], Err("signature_mismatch")),
        (vec![("x-id", "e1"), ("x-gone", "1")], Err("signature_mismatch")),
    ] {
        assert_eq!(
            verdict(&source, &[sent.clone(), vec![("x-sig", &signature)]].concat(), SIGNED),
            expected,
            "{sent:?}"
        );
    }
}

#[test]
fn a_sorted_body_is_signed_whatever_the_order_in_which_it_comes() {
    let scheme = "from = \"header:x-sig\"\nsigned = \"{sorted-body}\"\nproof = { hmac = { hash = \"sha512\", key = \"text\", encoding = \"hex\" } }";
    let source = own(scheme, NOTED, "k3y");
    let sorted = r#"{"a":{"b":1.50,"c":"é"},"z":[]}"#;
    let signed = source.sign(&Bytes::from_static(sorted.as_bytes()), NOW).headers.remove(0).1;
    for (body, expected) in [
        (r#"{ "z": [], "a": { "c": "\u00e9", "b": 1.50 } }"#, Ok(0)),
        (r#"{"z":[],"a":{"c":"é","b":1.5}}"#, Err("signature_mismatch")),
        (r#"{"z":[],"z":[],"a":{"c":"é","b":1.50}}"#, Err("signature_malformed")),
        ("no JSON", Err("signature_malformed")),
    ] {
        assert_eq!(verdict(&source, &[("x-sig", &signed)], body), expected, "{body}");
    }
}

const MONEY: &str = r#"
id = "/id"
type = "/type"
time = [{ from = "body", unit = "received" }]
order = "/meta/order_id"
unit = "milli"
inside = [{ at = "/meta", written = "json" }, { at = "/data", written = "jws" }]

[[facts.family]]
types = "paid"
payment = "/data/id"
amount = "/data/price"
currency = "/data/currency"
rules = [{ kind = "captured" }]
"#;
const BY_BODY: &str = "from = \"header:x-sig\"\nsigned = \"{body}\"\nproof = { hmac = { hash = \"sha256\", key = \"text\", encoding = \"hex\" } }";

#[test]
fn money_in_thousandths_and_an_order_inside_texts_are_read() {
    let source = own(BY_BODY, MONEY, "k3y");
    for (price, currency, expected) in [
        ("9990", "USD", Ok((999, "USD"))),
        ("1000000", "JPY", Ok((1000, "JPY"))),
        ("1234", "KWD", Ok((1234, "KWD"))),
        ("9995", "USD", Err("amount has more decimals than its currency")),
    ] {
        let claims = format!(r#"{{"id":"p1","price":{price},"currency":"{currency}"}}"#);
        let jws = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let body = format!(r#"{{"id":"e1","type":"paid","data":"{jws}","meta":"{{\"order_id\":12345}}"}}"#);
        let event = event_of(&source, &body);
        match (event.statement(), expected) {
            (Statement::Fact(fact), Ok((amount, currency))) => {
                let money = fact.money.unwrap();
                assert_eq!((money.amount, money.currency.as_str()), (amount, currency));
            }
            (Statement::Parked(reason), Err(expected)) => assert_eq!(reason, expected),
            (statement, _) => panic!("{price} {currency}: {statement:?}"),
        }
        assert_eq!(event.claim().unwrap().order.as_str(), "12345");
    }
}

const FORM: &str = r#"
id = ["form:payment", "form:status"]
type = "form:status"
time = [{ from = "body", unit = "received" }]
order = "form:order"
unit = "major"

[[facts.family]]
types = "success"
payment = "form:payment"
amount = "form:amount"
currency = "form:currency"
rules = [{ kind = "captured" }]
"#;

#[test]
fn a_form_body_states_facts_by_its_fields() {
    let source = own(BY_BODY, FORM, "k3y");
    let event = event_of(&source, "payment=p1&status=success&amount=12.50&currency=INR&order=o%201&x=1&x=2");
    let fact = event.fact().unwrap();
    assert_eq!((fact.money.unwrap().amount, fact.reference.as_str()), (1250, "p1"));
    assert_eq!(event.claim().unwrap().order.as_str(), "o 1");
    // A field that is there twice is no field, and JSON is no form, whatever its texts hold.
    let twice = event_of(&source, "payment=p1&status=success&amount=1&amount=9&currency=INR");
    assert!(matches!(twice.statement(), Statement::Parked(_)));
    let json = event_of(&source, r#"{"a":"&payment=p1&status=success&amount=1&currency=INR&"}"#);
    assert!(matches!(json.statement(), Statement::Dead(_)));
}

/// An authority, and what it signs.
struct Authority {
    root: rcgen::Certificate,
    issuer: rcgen::Certificate,
    leaf: rcgen::Certificate,
    key: EcdsaKeyPair,
}

const LEAF_MARK: &[u64] = &[1, 2, 840, 113_635, 100, 6, 11, 1];
const ISSUER_MARK: &[u64] = &[1, 2, 840, 113_635, 100, 6, 2, 1];

impl Authority {
    fn new(leaf_mark: &[u64]) -> Self {
        let marked = |mark: &[u64], is_ca: bool| {
            let mut params = CertificateParams::default();
            params.custom_extensions = vec![CustomExtension::from_oid_content(mark, vec![5, 0])];
            if is_ca {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            params
        };
        let key = || KeyPair::generate().unwrap();
        let (root_key, issuer_key, leaf_key) = (key(), key(), key());
        let root_params = marked(&[1, 2, 3], true);
        let root = root_params.self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(root_params, root_key);
        let issuer_params = marked(ISSUER_MARK, true);
        let issuer = issuer_params.signed_by(&issuer_key, &root_issuer).unwrap();
        let leaf_issuer = Issuer::new(issuer_params, issuer_key);
        let leaf = marked(leaf_mark, false).signed_by(&leaf_key, &leaf_issuer).unwrap();
        let pkcs8 = leaf_key.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new());
        Self { root, issuer, leaf, key: key.unwrap() }
    }

    fn trusted(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("trust.pem"), self.root.pem()).unwrap();
        dir
    }

    /// A body whose `token` is a JWS of `claims`.
    fn body(&self, alg: &str, claims: &str) -> String {
        let chain: Vec<String> =
            [&self.leaf, &self.issuer, &self.root].iter().map(|one| STANDARD.encode(one.der())).collect();
        let header = serde_json::json!({ "alg": alg, "x5c": chain }).to_string();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!(r#"{{"token":"{signed}.{}"}}"#, URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

#[test]
fn a_jws_is_believed_by_a_chain_to_the_source_s_trust_pem_and_by_nothing_else() {
    let scheme = "from = \"/token\"\nproof = { jws = { leaf_extension = \"1.2.840.113635.100.6.11.1\", issuer_extension = \"1.2.840.113635.100.6.2.1\" } }";
    let providers = provider(scheme, NOTED).unwrap();
    let source_of = |cert_dir: &Path| {
        let cert_dir = Some(cert_dir.to_owned());
        let settings = SourceSettings { provider: "own".to_owned(), cert_dir, ..settings("stripe") };
        Source::new(settings, &providers).unwrap()
    };
    let now = jiff::Timestamp::now().as_second();
    let verdict = |source: &Source, body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let webhook = Webhook { path_and_query: "/", headers: &HeaderMap::new(), body: &body };
        source.verify(&webhook, now).map(|_| ()).map_err(|rejection| rejection.reason)
    };
    let (own, other, unmarked) =
        (Authority::new(LEAF_MARK), Authority::new(LEAF_MARK), Authority::new(&[1, 2, 4]));
    let dir = own.trusted();
    let source = source_of(dir.path());
    let body = own.body("ES256", r#"{"a":1}"#);
    assert_eq!(verdict(&source, &body), Ok(()));

    assert_eq!(verdict(&source, &other.body("ES256", r#"{"a":1}"#)), Err("certificate_untrusted"));
    assert_eq!(verdict(&source, &own.body("none", r#"{"a":1}"#)), Err("signature_malformed"));
    let claims = |claims: &str| URL_SAFE_NO_PAD.encode(claims);
    let changed = body.replace(&claims(r#"{"a":1}"#), &claims(r#"{"a":2}"#));
    assert_eq!(verdict(&source, &changed), Err("signature_mismatch"));
    for malformed in ["", "a.b", "a.b.c", "e30.e30.e30"] {
        let body = format!(r#"{{"token":"{malformed}"}}"#);
        assert!(verdict(&source, &body).is_err(), "{malformed}");
    }
    let dir = unmarked.trusted();
    assert_eq!(verdict(&source_of(dir.path()), &unmarked.body("ES256", "{}")), Err("certificate_untrusted"));
}

#[test]
fn a_source_that_believes_a_jws_needs_the_certificate_to_trust() {
    let scheme =
        "from = \"/token\"\nproof = { jws = { leaf_extension = \"1.2.3\", issuer_extension = \"1.2.4\" } }";
    let providers = provider(scheme, NOTED).unwrap();
    assert_eq!(providers.needs("own"), ["cert_dir"]);
    let settings = SourceSettings { provider: "own".to_owned(), cert_dir: None, ..settings("stripe") };
    let mistakes = Source::new(settings, &providers).unwrap_err();
    assert!(matches!(mistakes.as_slice(), [(key, _)] if key == "cert_dir"), "{mistakes:?}");
}
