//! Bodies that strangers make up: whatever they are, they are refused, looked into and read at a cost that is bounded.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{NOW, headers, providers, settings, source};
use crate::order::UnixMicros;
use crate::provider::{Rejection, Source, Webhook};

/// Five bytes of the small stack for each: nothing that recurses gets through.
const LEVELS: usize = 100_000;
/// A quarter of what a thread of the server has: what recurses does not get far.
const STACK_BYTES: usize = 512 * 1024;
/// Of one body, unoptimized and beside other tests; it takes some hundredths.
const TOOK_MAX: Duration = Duration::from_secs(10);

/// Nested, as they come and inside what a provider's body has around it.
fn deep_bodies() -> [String; 6] {
    let lists = "[".repeat(LEVELS);
    let objects = "{\"a\":".repeat(LEVELS / 5) + "1" + &"}".repeat(LEVELS / 5);
    let short = "[".repeat(20_000) + &"]".repeat(20_000);
    [
        format!(r#"{{"id":"evt_1","type":"a","data":{short}}}"#),
        format!(r#"{{"live":"false","notificationItems":[{{"NotificationRequestItem":{{"a":{short}}}}}]}}"#),
        // JSON and a form at once.
        format!(r#"["&bt_signature=pk1%7C00&bt_payload=AAAA&",{short}]"#),
        short,
        lists,
        objects,
    ]
}

/// Refuses `body` with the signature of another, looks into it, and reads it as if it were signed.
fn take(source: &Source, body: &Bytes) {
    let signed = source.sign(&Bytes::from_static(b"{\"id\":\"evt_1\"}"), NOW);
    let headers = headers(&signed.headers);
    let webhook = Webhook { path_and_query: "/webhooks/x", headers: &headers, body };
    // A token is shown beside the body, whatever that is.
    let _verdict = source.verify(&webhook, NOW);
    let rejection = Rejection { reason: "signature_mismatch", detail: String::new() };
    let _found = source.diagnose(&rejection, &webhook, NOW, [source]);
    assert!(!source.read_unsigned(body, UnixMicros(NOW)).is_empty());
}

/// On a small stack: a body that recurses ends the whole process.
fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_body_of_a_hundred_thousand_levels_is_refused_and_read_by_every_provider() {
    on_a_small_stack(|| {
        let bodies = deep_bodies().map(Bytes::from);
        for name in providers().names() {
            let source = source(settings(name));
            for body in &bodies {
                let begun = Instant::now();
                take(&source, body);
                assert!(begun.elapsed() < TOOK_MAX, "{name}: {:?}: {:?}", begun.elapsed(), &body[..40]);
            }
        }
    });
}

#[test]
fn what_looking_into_a_body_costs_is_bounded_whatever_it_is() {
    let mebibyte = 1 << 20;
    let shallow_and_wide = "[".repeat(100) + &"1,".repeat(mebibyte / 2 - 200) + "1" + &"]".repeat(100);
    let pairs = "a&".repeat(mebibyte / 2);
    let escapes = format!("\"{}\"", "\\u00e9".repeat(mebibyte / 6 - 1));
    let keys: String = (0..mebibyte / 16).map(|number| format!("\"{number:09}\":1,")).collect();
    let keys = format!("{{{}}}", keys.trim_end_matches(','));
    let bodies = [shallow_and_wide, pairs, escapes, keys].map(Bytes::from);
    let short = bodies.clone().map(|body| body.slice(..60_000));
    on_a_small_stack(move || {
        for name in ["stripe", "adyen", "braintree", "paypal"] {
            let source = source(settings(name));
            for body in bodies.iter().chain(&short) {
                let begun = Instant::now();
                take(&source, body);
                assert!(begun.elapsed() < TOOK_MAX, "{name}: {:?}: {:?}", begun.elapsed(), &body[..40]);
            }
        }
    });
}
