//! What a newcomer does in the first evening: a demonstration, webhooks of a kind, what comes in as it happens.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};

use http::Method;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::receivers::{message, secret, signed};
use crate::replica::run;
use crate::servers::{Process, eventually};
use crate::webhooks::now;

const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// A directory in which commands are tried out.
struct Evening {
    directory: TempDir,
}

/// A command that goes on, and what it has printed.
struct Ongoing {
    _process: Process,
    printed: PathBuf,
}

impl Evening {
    fn begin() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    /// Starts a command that goes on.
    fn start(&self, name: &str, arguments: &[&str]) -> Ongoing {
        let printed = self.directory.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_paylatch"));
        command.args(arguments).current_dir(self.directory.path()).env("PATH", "/nowhere");
        command.stdout(File::create(&printed).unwrap());
        Ongoing { _process: Process::start(&mut command, Signal::SIGTERM), printed }
    }

    /// Starts `paylatch dev` and waits until it serves.
    async fn dev(&self, arguments: &[&str]) -> Ongoing {
        let dev = self.start("dev.txt", &[&["dev"], &FREE_PORTS[..], arguments].concat());
        dev.says("Ctrl-C").await;
        dev
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        run(self.directory.path(), None, arguments).await
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Ongoing {
    fn printed(&self) -> String {
        std::fs::read_to_string(&self.printed).unwrap_or_default()
    }

    async fn says(&self, what: &str) {
        eventually(what, async || self.printed().contains(what).then_some(())).await;
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The values of a column.
fn words(rows: &Value, column: &str) -> BTreeSet<String> {
    rows.as_array().unwrap().iter().filter_map(|row| row[column].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_demonstration_has_a_whole_life_of_orders_and_each_thing_that_needs_a_person() {
    let evening = Evening::begin();
    let dev = evening.dev(&["--demo", "--open"]).await;
    // One address first.
    let printed = dev.printed();
    assert!(printed.find("Open").unwrap() < printed.find("Webhooks").unwrap(), "{printed}");

    let orders = evening.json(&["orders"]).await;
    let expected = ["authorized", "canceled", "charged_back", "disputed", "failed", "paid", "refunded"];
    let statuses = words(&orders, "status");
    assert!(expected.iter().all(|status| statuses.contains(*status)), "{statuses:?}");
    assert!(words(&orders, "anomaly").contains("refund_exceeds_capture"));

    let events = evening.json(&["events"]).await;
    let outcomes = words(&events, "outcome");
    for outcome in ["applied", "restated", "noted", "parked", "dead"] {
        assert!(outcomes.contains(outcome), "{outcomes:?}");
    }
    let some = |column: &str| events.as_array().unwrap().iter().any(|row| row[column].as_i64() > Some(0));
    assert!(some("duplicates") && some("conflicts"));
    let unmapped = evening.run(&["events", "--unmapped"]).await;
    assert!(text(&unmapped).contains("payment_intent.teleported"), "{}", text(&unmapped));
}

#[tokio::test]
async fn a_webhook_of_a_kind_is_sent_with_new_ids_and_what_was_asked_for() {
    let evening = Evening::begin();
    let unheard = evening.run(&["send", "stripe", "payment_intent.succeeded"]).await;
    assert_eq!(unheard.status.code(), Some(2), "no dev ran here: {}", text(&unheard));
    let dev = evening.dev(&[]).await;

    let pay = ["send", "stripe", "payment_intent.succeeded", "--amount", "4200", "--order", "ord_7"];
    for captured in [4_200, 8_400] {
        let sent = evening.run(&pay).await;
        assert!(sent.status.success() && text(&sent).contains("applied"), "{}", text(&sent));
        let order = &evening.json(&["orders", "ord_7"]).await;
        let order = order.as_array().map_or(order, |orders| &orders[0]);
        assert_eq!((&order["captured"], &order["status"]), (&captured.into(), &"paid".into()), "{order}");
    }
    let kinds = evening.run(&["send", "stripe"]).await;
    assert!(text(&kinds).contains("charge.dispute.created\n"), "{}", text(&kinds));
    let unknown = evening.run(&["send", "stripe", "payment_intent.teleported"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown).contains("payment_intent.succeeded"), "those that there are are listed");

    // A refund of one of the two, by the payment's id.
    let events = evening.json(&["events", "--order", "ord_7"]).await;
    let payment = events[0]["payment_id"].as_str().unwrap();
    let refund =
        ["send", "stripe", "refund.created", "--amount", "1000", "--currency", "USD", "--payment", payment];
    assert!(text(&evening.run(&refund).await).contains("applied"));
    let order = evening.json(&["orders", "ord_7"]).await;
    let order = order.as_array().map_or(&order, |orders| &orders[0]);
    assert_eq!(order["refunded"], 1_000, "{order}");

    let again = ["replay", "--source", "stripe", "--event", events[0]["event_id"].as_str().unwrap()];
    let again = evening.run(&again).await;
    assert!(again.status.success() && text(&again).contains("duplicate"), "{}", text(&again));
    drop(dev);
    let unheard = evening.run(&pay).await;
    assert_eq!(unheard.status.code(), Some(69), "{}", text(&unheard));
    assert!(text(&unheard).contains("no server answers"), "{}", text(&unheard));
}

#[tokio::test]
async fn what_comes_in_is_shown_as_it_happens() {
    let evening = Evening::begin();
    let silent = evening.run(&["tail"]).await;
    assert_eq!(silent.status.code(), Some(69), "{}", text(&silent));
    let _dev = evening.dev(&[]).await;

    let (all, refused) = (
        evening.start("all.txt", &["tail"]),
        evening.start("refused.txt", &["tail", "--outcome", "refused", "--json"]),
    );
    eventually("both are shown what comes", async || {
        evening.run(&["send", "stripe", "payment_intent.succeeded", "--order", "ord_7"]).await;
        let forged =
            ["send", "stripe", "payment_intent.succeeded", "--set", "sources.stripe.secrets=whsec_canary"];
        evening.run(&forged).await;
        let is_shown = all.printed().contains("stripe  payment_intent.succeeded")
            && all.printed().contains("applied  order ord_7")
            && refused.printed().lines().count() > 0;
        is_shown.then_some(())
    })
    .await;
    for line in refused.printed().lines() {
        let told: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&told["outcome"], &told["reason"]), (&"refused".into(), &"signature_mismatch".into()));
    }
}

#[tokio::test]
async fn a_receiver_for_trying_out_verifies_compares_and_fails_on_purpose() {
    let evening = Evening::begin();
    let (secret, client) = (secret(), Client::new());
    for (fail, expected) in [("0", [200, 200, 401]), ("100", [503, 503, 401])] {
        let listen =
            evening.start("listen.txt", &["listen", "--port", "0", "--secret", &secret, "--fail", fail]);
        listen.says("Ctrl-C").await;
        let printed = listen.printed();
        let (_, after) = printed.split_once("http://").unwrap();
        let address: SocketAddr = after.split('/').next().unwrap().parse().unwrap();
        assert!(!printed.contains(&secret), "a secret that was given is not shown");

        let body = message(1, 7, 2_000);
        let [good, forged] = [now(), now() - 100_000].map(|time| signed(&secret, time, &body));
        for (headers, status) in [&good, &good, &forged].into_iter().zip(expected) {
            let sent = bytes::Bytes::copy_from_slice(body.as_bytes());
            let answer = client.request(Method::POST, (address, "/"), headers, sent).await.unwrap();
            assert_eq!(answer.status, status, "{}", listen.printed());
        }
        if fail == "0" {
            listen.says("order.paid  stripe order-1  1-7  captured 20.00 USD").await;
            listen.says("dropped").await;
        }
    }
}
