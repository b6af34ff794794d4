//! Damage: of what is signed beside the body, of definitions, of headers.

use proptest::prelude::*;

use super::super::registry::BUILT_IN;
use super::super::registry::read_definition;
use super::facts::fixtures_of;
use super::*;

/// A signed request whose every signed field can be changed.
struct Sent {
    source: Source,
    path_and_query: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Sent {
    fn of(provider: &str, path_and_query: &str) -> Self {
        let source = source(settings(provider));
        let (_, body) = fixtures_of(provider).remove(0);
        let signed = source.sign(&Bytes::from(body), NOW);
        Self { source, path_and_query: path_and_query.to_owned(), headers: signed.headers, body: signed.body }
    }

    fn verifies(&self) -> bool {
        let headers = headers(&self.headers);
        let webhook = Webhook { path_and_query: &self.path_and_query, headers: &headers, body: &self.body };
        self.source.verify(&webhook, NOW).is_ok()
    }
}

/// Another text of the same length; letters and digits become others of their kind.
fn with_another_byte(text: &str, at: prop::sample::Index) -> String {
    let mut bytes = text.to_owned().into_bytes();
    let index = at.index(bytes.len());
    bytes[index] = match bytes[index] {
        b'9' => b'8',
        digit @ b'0'..=b'8' => digit + 1,
        b'a' => b'b',
        _ => b'a',
    };
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_changed_byte_of_a_signed_header_is_refused(at in any::<prop::sample::Index>()) {
        for (provider, signed) in [
            ("standard-webhooks", &["webhook-id", "webhook-timestamp"][..]),
            ("svix", &["svix-id", "svix-timestamp"]),
            ("mercadopago", &["x-request-id"]),
        ] {
            for name in signed {
                let mut sent = Sent::of(provider, "/webhooks/x");
                prop_assert!(sent.verifies(), "{provider}");
                let (_, value) = sent.headers.iter_mut().find(|(own, _)| own == name).unwrap();
                *value = with_another_byte(value, at);
                prop_assert!(!sent.verifies(), "{provider} {name}");
            }
        }
    }

    #[test]
    fn one_changed_byte_of_the_signed_url_is_refused(at in any::<prop::sample::Index>()) {
        let url = settings("square").public_url.unwrap();
        let mut sent = Sent::of("square", "/webhooks/square");
        prop_assert!(sent.verifies());
        sent.source = source(SourceSettings { public_url: Some(with_another_byte(&url, at)), ..settings("square") });
        prop_assert!(!sent.verifies());
    }

    #[test]
    fn one_changed_byte_of_what_paypal_signs_is_refused(at in any::<prop::sample::Index>(), flip in 1_u8..128) {
        let signed = vectors::SignedByPaypal::new();
        let unchanged = signed.verifies(|_, _| ());
        prop_assert!(unchanged);
        let is_refused = !signed.verifies(|_, body| {
            let index = at.index(body.len());
            body[index] ^= flip;
        });
        prop_assert!(is_refused, "the body, by its CRC-32");
        for name in ["paypal-transmission-id", "paypal-transmission-time"] {
            let is_refused = !signed.verifies(|headers, _| {
                let (_, value) = headers.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name)).unwrap();
                *value = with_another_byte(value, at);
            });
            prop_assert!(is_refused, "{name}");
        }
    }

    #[test]
    fn a_damaged_definition_is_refused_with_its_file_or_reads_without_panic(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..12,
        text in "[\\x20-\\x7e\\n]{0,12}",
    ) {
        let (name, definition) = BUILT_IN[which.index(BUILT_IN.len())];
        let mut damaged: Vec<char> = definition.chars().collect();
        let from = at.index(damaged.len());
        let to = damaged.len().min(from + length);
        damaged.splice(from..to, text.chars());
        let damaged: String = damaged.into_iter().collect();
        match read_definition("mine.toml", &damaged) {
            Err(error) => prop_assert!(error.to_string().contains("mine.toml"), "{error}"),
            Ok(definition) => {
                let settings = definition.settings_of_nobody(name).unwrap();
                let providers = Providers { definitions: BTreeMap::from([(name.to_owned(), definition)]) };
                let Ok(source) = Source::new(settings, &providers) else { return Ok(()) };
                let (_, body) = fixtures_of(name).remove(0);
                let events = source.read_unsigned(&Bytes::from(body), UnixMicros(NOW));
                prop_assert!(!events.is_empty() || name == "gocardless" || name == "adyen");
            }
        }
    }

    #[test]
    fn any_text_as_a_signature_is_refused_without_panic(text in "[\\x20-\\x7e]{0,80}") {
        for provider in providers().names() {
            let mut sent = Sent::of(provider, "/webhooks/x");
            let Some((_, value)) = sent.headers.last_mut() else { continue };
            *value = text.clone();
            prop_assert!(!sent.verifies() || ["adyen", "braintree", "midtrans"].contains(&provider), "{provider}");
        }
    }
}
