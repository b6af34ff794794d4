//! What providers' webhooks must verify and say, as tables.

mod blocks;
mod catalogues;
mod damage;
mod facts;
mod guide;
mod hostile;
mod lifecycle;
mod money;
mod movements;
mod providers;
mod reader;
mod report_layouts;
mod reports;
mod reports_hostile;
mod rules;
mod scope;
mod signing;
mod vectors;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use http::HeaderMap;

use super::{Mode, Providers, Rejection, Source, SourceSettings, Verified, Webhook};
use crate::order::{Event, Id, UnixMicros};
use crate::secret::Secret;

/// Within every tolerance of what the tests sign.
pub(super) const NOW: i64 = 1_789_000_000;

/// What a source says of a sender that signs in a standard way: where things are in its bodies, and what its types mean.
const SENDER: &[(&str, &str)] = &[
    ("payment", "/data/payment"),
    ("amount", "/data/amount"),
    ("currency", "/data/currency"),
    ("refund", "/data/refund"),
    ("authorized", "payment.authorized"),
    ("captured", "invoice.paid, order.paid"),
    ("failed", "payment.failed"),
    ("canceled", "payment.canceled"),
    ("refunded", "payment.refunded"),
];

/// Those for whom nobody else can sign; the vectors prove that their signatures are verified.
pub(super) const SIGN_ALONE: [&str; 2] = ["apple-app-store", "paypal"];

static PROVIDERS: LazyLock<Providers> = LazyLock::new(|| Providers::load(None).unwrap());

pub(crate) fn providers() -> &'static Providers {
    &PROVIDERS
}

/// Settings that a source of this provider could have.
pub(crate) fn settings(provider: &str) -> SourceSettings {
    let params = match provider {
        "authorizenet" => &[("currency", "USD")][..],
        "braintree" => &[("public_key", "plfix_public_key")],
        "apple-app-store" => &[("bundle_id", "com.example.plfix")],
        "flutterwave-v4" => &[("currency", "NGN")],
        "mollie" => &[("payment_links", "link")],
        "paypal" => &[("webhook_id", "PLFIXWEBHOOK")],
        "standard-webhooks" | "svix" => SENDER,
        _ => &[],
    };
    // The same in every run, and both hexadecimal and base64.
    let secret = Secret::new(providers().definitions[provider].secret_prefix.clone() + &"c0de".repeat(16));
    SourceSettings {
        order: params
            .contains(&("payment", "/data/payment"))
            .then(|| "/data/order".to_owned())
            .into_iter()
            .collect(),
        public_url: (provider == "square").then(|| "https://shop.example/webhooks/square".to_owned()),
        cert_dir: SIGN_ALONE.contains(&provider).then(|| vectors::certificates().to_owned()),
        params: params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..SourceSettings::new(Id::new(provider).unwrap(), provider, vec![secret])
    }
}

pub(crate) fn source(settings: SourceSettings) -> Source {
    Source::new(settings, providers()).unwrap()
}

pub(crate) fn headers(pairs: &[(String, String)]) -> HeaderMap {
    let parsed = |(name, value): &(String, String)| {
        (name.parse::<http::HeaderName>().unwrap(), http::HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(parsed).collect()
}

/// Signs a body, verifies it, and reads what it says.
fn events_of(source: &Source, body: &str) -> Vec<Event> {
    events_at(source, body, UnixMicros(NOW * 1_000_000))
}

fn events_at(source: &Source, body: &str, received_at: UnixMicros) -> Vec<Event> {
    let signed = source.sign(&Bytes::copy_from_slice(body.as_bytes()), NOW);
    let headers = headers(&signed.headers);
    let webhook = Webhook { path_and_query: "/webhooks/x", headers: &headers, body: &signed.body };
    let verified = if SIGN_ALONE.contains(&source.name().as_str()) {
        Verified::new(0, &webhook, &source.facts)
    } else {
        source.verify(&webhook, NOW).unwrap()
    };
    verified.events(received_at)
}

fn event_of(source: &Source, body: &str) -> Event {
    let mut events = events_of(source, body);
    assert_eq!(events.len(), 1);
    events.remove(0)
}
