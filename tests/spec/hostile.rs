//! What a stranger sends cannot stop it: no input ends the process, and a request that is refused costs little.

use std::path::{Path, PathBuf};

use http::Method;

use crate::every_provider;
use crate::webhooks::payment;
use crate::world::World;

/// Beyond what any stack holds, in half of the longest body.
const LEVELS: usize = 500_000;

/// Bodies of very many levels: open at their end, whole, and inside what a provider's body has around it.
fn deep_bodies() -> Vec<String> {
    let whole = "[".repeat(LEVELS / 5) + &"]".repeat(LEVELS / 5);
    vec![
        whole.clone(),
        "[".repeat(LEVELS),
        "{\"a\":".repeat(LEVELS / 5) + "1" + &"}".repeat(LEVELS / 5),
        format!(r#"{{"live":"false","notificationItems":[{{"NotificationRequestItem":{{"a":{whole}}}}}]}}"#),
        format!(r#"["&bt_signature=pk1%7C00&bt_payload=AAAA&",{whole}]"#),
    ]
}

/// They show their secret beside the body, whatever that is: nothing of theirs is signed, and it is not printed here.
const SHOW_THEIR_SECRET: [&str; 2] = ["flutterwave-v3", "xendit"];

/// The signature headers of another body, as `paylatch sign` writes them.
async fn headers_of_another_body(world: &World, provider: &str) -> Vec<(String, String)> {
    if SHOW_THEIR_SECRET.contains(&provider) {
        return Vec::new();
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider);
    let mut files: Vec<PathBuf> = fixtures.read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let line = world.cli(&["sign", "--source", provider, files[0].to_str().unwrap()]).await;
    let line = String::from_utf8(line.stdout).unwrap();
    let headers = line.split(" -H '").skip(1).filter_map(|rest| rest.split('\'').next()?.split_once(": "));
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[tokio::test]
async fn a_body_of_half_a_million_levels_ends_no_process_whatever_provider_it_is_sent_to() {
    let providers = every_provider::providers();
    let world = every_provider::start(&providers).await;
    let replica = &world.replicas[0];
    for provider in &providers {
        let headers = headers_of_another_body(&world, provider).await;
        for body in deep_bodies() {
            let answer = replica.post(&format!("/webhooks/{provider}"), &headers, body).await;
            let status = answer.map(|answer| answer.status.as_u16());
            // Mercado Pago signs the headers alone: there the body is stored, dead.
            let expected = if provider == "mercadopago" { 200 } else { 401 };
            assert_eq!(status, Ok(expected), "{provider}");
            assert_eq!(replica.request(Method::GET, "/livez").await.unwrap().status, 200, "{provider}");
        }
    }
    assert_eq!(replica.metric("paylatch_handler_panics_total", &[]).await, 0.0);
    assert_eq!(world.send(&payment("pi_1").succeeded()).await.status, 401, "another secret is set here");
}

#[tokio::test]
async fn the_command_that_verifies_a_body_of_half_a_million_levels_says_that_it_does_not() {
    let providers = ["stripe", "adyen", "braintree"].map(str::to_owned);
    let world = every_provider::start(&providers).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("deep.json");
    for provider in &providers {
        let headers = headers_of_another_body(&world, provider).await;
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}"));
        let headers: Vec<String> = headers.flat_map(|header| ["--header".to_owned(), header]).collect();
        for body in deep_bodies() {
            std::fs::write(&file, body).unwrap();
            let mut arguments = vec!["verify", "--source", provider, "--body", file.to_str().unwrap()];
            arguments.extend(headers.iter().map(String::as_str));
            let output = world.cli(&arguments).await;
            assert_eq!(output.status.code(), Some(1), "{provider}: {output:?}");
        }
    }
}
