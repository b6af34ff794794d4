//! Every provider's fixtures, signed and sent by the product itself, end in the rows that were reviewed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::{Plan, World};

/// Nobody else can sign for them.
const CANNOT_BE_SIGNED: [&str; 2] = ["apple-app-store", "paypal"];
/// Hexadecimal and base64, as the providers want theirs.
const SECRET: &str = "c0dec0dec0dec0dec0dec0dec0dec0de";

/// What a source of a provider says beside its secret.
const SETTINGS: &[(&str, &[(&str, &str)])] = &[
    ("authorizenet", &[("params.currency", "'USD'")]),
    ("braintree", &[("params.public_key", "'plfix_public_key'")]),
    ("flutterwave-v4", &[("params.currency", "'NGN'")]),
    ("mollie", &[("params.payment_links", "'link'")]),
    ("square", &[("public_url", "'https://shop.example/webhooks/square'")]),
    ("standard-webhooks", SENDER),
    ("svix", SENDER),
];
const SENDER: &[(&str, &str)] = &[
    ("order", "['/data/order']"),
    ("params.payment", "'/data/payment'"),
    ("params.amount", "'/data/amount'"),
    ("params.currency", "'/data/currency'"),
    ("params.refund", "'/data/refund'"),
    ("params.authorized", "'payment.authorized'"),
    ("params.captured", "'invoice.paid, order.paid'"),
    ("params.failed", "'payment.failed'"),
    ("params.canceled", "'payment.canceled'"),
    ("params.refunded", "'payment.refunded'"),
];

#[tokio::test]
async fn every_provider_s_fixtures_replayed_shuffled_and_twice_end_in_the_reviewed_orders() {
    let providers = providers();
    assert!(providers.len() >= 24, "{providers:?}");
    let world = start(&providers).await;

    for provider in &providers {
        let fixtures = root().join("fixtures").join(provider);
        let replay =
            ["replay", "--source", provider, fixtures.to_str().unwrap(), "--shuffle", "7", "--times", "2"];
        let output = world.cli(&[&replay[..], &["--concurrency", "4"]].concat()).await;
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{provider}: {said:?}");
    }

    let mut orders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in world.database.rows("select * from orders order by source, order_id").await {
        orders.entry(row["source"].as_str().unwrap().to_owned()).or_default().push(line(&row));
    }
    for provider in &providers {
        assert_eq!(orders.remove(provider).unwrap_or_default(), reviewed_orders(provider), "{provider}");
    }
    world.audit_is_clean().await;
}

#[tokio::test]
async fn the_challenge_by_which_braintree_checks_an_endpoint_is_answered() {
    let world = start(&["braintree".to_owned()]).await;
    let get = async |query: &str| {
        let path = format!("/webhooks/braintree{query}");
        world.replicas[0].request(http::Method::GET, &path).await.unwrap()
    };

    let answer = get("?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53").await;
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(answer.status, 200);
    assert!(body.starts_with("plfix_public_key|") && body.len() == "plfix_public_key|".len() + 40, "{body}");
    for none in ["", "?bt_challenge=", "?bt_challenge=PHhtbD4K", "?other=20f9f8ed05f77439fe95"] {
        assert_eq!(get(none).await.status, 405, "{none}");
    }
}

/// A source of each provider's own name, over SQLite.
pub async fn start(providers: &[String]) -> World {
    let mut plan = Plan::sqlite();
    for provider in providers {
        let source = format!("sources.{provider}");
        plan = plan
            .set(&format!("{source}.provider"), &format!("'{provider}'"))
            .set(&format!("{source}.secrets"), &format!("['{SECRET}']"));
        let own = SETTINGS.iter().filter(|(name, _)| name == provider).flat_map(|(_, own)| *own);
        plan = own.fold(plan, |plan, (setting, value)| plan.set(&format!("{source}.{setting}"), value));
    }
    plan.start().await
}

/// All that can be signed for, by the names of their definitions.
pub fn providers() -> Vec<String> {
    let files = std::fs::read_dir(root().join("providers")).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = files.map(|file| stem(file.unwrap().path())).collect();
    names.retain(|name| !CANNOT_BE_SIGNED.contains(&name.as_str()));
    names.sort();
    names
}

/// The orders of the table that was reviewed, a line each.
fn reviewed_orders(provider: &str) -> Vec<String> {
    let table = std::fs::read_to_string(root().join(format!("tests/facts/{provider}.txt"))).unwrap();
    table.lines().filter_map(|line| line.strip_prefix("= ")).map(str::to_owned).collect()
}

/// A row as the reviewed tables write it.
fn line(row: &Value) -> String {
    // What is null comes as an empty text from SQLite.
    let text = |name: &str| row[name].as_str().filter(|text| !text.is_empty());
    let anomaly = text("anomaly").map_or_else(String::new, |anomaly| format!(" ! {anomaly}"));
    format!(
        "{}: {} {} authorized {} captured {} refunded {} disputed {}{anomaly}",
        text("order_id").unwrap_or("-"),
        text("status").unwrap_or("-"),
        text("currency").unwrap_or("-"),
        row["authorized"],
        row["captured"],
        row["refunded"],
        row["disputed"]
    )
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
