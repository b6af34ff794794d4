//! What a newcomer does in the first evening: a demonstration, webhooks of a kind, what comes in as it happens.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use http::Method;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::receivers::{message, secret, signed};
use crate::replica::run;
use crate::servers::{Port, Process, eventually};
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
    assert!(events.as_array().unwrap().iter().any(|row| row["conflicts"].as_i64() > Some(0)));
    assert!(printed.contains(" duplicate ") && printed.contains(" 401 "), "{printed}");
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
    // The page of the order, one click from the terminal.
    let sent = text(&evening.run(&pay).await);
    let link = sent.split_once("the order: http://").expect("a link").1.trim();
    let (server, path) = link.split_at(link.find('/').unwrap());
    let page =
        Client::new().request(Method::GET, (server.parse().unwrap(), path), &[], bytes::Bytes::new()).await;
    let page = page.unwrap();
    assert!(page.status == 200 && String::from_utf8_lossy(&page.body).contains("ord_7"), "{link}: {page:?}");

    let kinds = evening.run(&["send", "stripe"]).await;
    assert!(text(&kinds).contains("charge.dispute.created\n"), "{}", text(&kinds));
    let unknown = evening.run(&["send", "stripe", "payment_intent.teleported"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown).contains("payment_intent.succeeded"), "those that there are are listed");

    // As it was changed in an editor.
    let editor = "sed -i s/ord_7/ord_8/";
    let edited = std::process::Command::new(env!("CARGO_BIN_EXE_paylatch"))
        .args(pay)
        .arg("--edit")
        .env("EDITOR", editor)
        .current_dir(evening.directory.path())
        .output();
    assert!(text(&edited.unwrap()).contains("ord_8"));

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
    let line = evening
        .run(&["sign", "--source", "stripe", "--event", events[0]["event_id"].as_str().unwrap()])
        .await;
    assert!(text(&line).contains("--data-binary '{"), "the stored bytes stand in the line: {}", text(&line));
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
async fn a_receiver_for_trying_out_verifies_compares_fails_and_is_slow_on_purpose() {
    let evening = Evening::begin();
    let (secret, client) = (secret(), Client::new());
    for (fail, slow, expected) in [
        ("0", Duration::ZERO, [200, 200, 401]),
        ("100", Duration::ZERO, [503, 503, 401]),
        ("0.5", Duration::from_millis(400), [200, 503, 401]),
    ] {
        let late = slow.as_millis().to_string();
        let flags = ["listen", "--port", "0", "--secret", &secret, "--fail", fail, "--slow", &late];
        let listen = evening.start("listen.txt", &flags);
        listen.says("Ctrl-C").await;
        let printed = listen.printed();
        let (_, after) = printed.split_once("http://").unwrap();
        let address: SocketAddr = after.split('/').next().unwrap().parse().unwrap();
        assert!(!printed.contains(&secret), "a secret that was given is not shown");

        let body = message(1, 7, 2_000);
        let [good, forged] = [now(), now() - 100_000].map(|time| signed(&secret, time, &body));
        for (headers, status) in [&good, &good, &forged].into_iter().zip(expected) {
            let (sent, began) = (bytes::Bytes::copy_from_slice(body.as_bytes()), Instant::now());
            let answer = client.request(Method::POST, (address, "/"), headers, sent).await.unwrap();
            assert_eq!(answer.status, status, "{}", listen.printed());
            assert!(began.elapsed() >= slow, "{:?} late", began.elapsed());
        }
        if fail == "0" {
            listen.says("order.paid  stripe order-1  1-7  captured 20.00 USD").await;
            listen.says("dropped").await;
        }
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_told_with_its_name_and_the_way_out() {
    let evening = Evening::begin();
    let settings = |mode: &str| {
        let settings = format!(
            "database_url = 'sqlite://shop.db'\n[lock]\nbackend = 'local'\n[sources.stripe]\nmode = '{mode}'\nsecrets = ['whsec_canary_of_an_evening']\n"
        );
        std::fs::write(evening.directory.path().join("paylatch.toml"), settings).unwrap();
    };
    settings("live");
    let unread = evening.run(&["orders"]).await;
    assert!(text(&unread).contains("shop.db: unable to open"), "{}", text(&unread));
    assert!(evening.run(&["migrate"]).await.status.success());
    std::fs::write(evening.directory.path().join("orders.csv"), "id,price\n1,2\n").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, exit, told) in [
        (&["send", "stripe", "payment_intent.succeeded", "--order", "o"][..], 2, "not a live event"),
        (&["reprocess", "evt_none"], 1, "there is no event \"evt_none\" (unknown_event)"),
        (&["reprocess", "--all", "--since", "yesterday"], 2, "expected a time such as 2026-"),
        (&["orders", "--after", "ord_1"], 2, "expected SOURCE/ID"),
        (&["events", "--after", "evt_1"], 2, "expected SOURCE/ID"),
        (&["expect", "--file", "orders.csv"], 1, "orders.csv: its header has no column order"),
        (&["listen", "--port", &port], 69, "is in use (port_in_use)"),
    ] {
        let output = evening.run(arguments).await;
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(told), "{arguments:?}: {}", text(&output));
    }
}

#[tokio::test]
async fn dev_tells_the_receiver_for_trying_out_and_no_endpoint_elsewhere() {
    let evening = Evening::begin();
    let listen = evening.start("listen.txt", &["listen", "--port", "0"]);
    listen.says("Ctrl-C").await;
    let printed = listen.printed();
    let (_, endpoint) = printed.split_once("in paylatch.toml:").unwrap();
    let (endpoint, _) = endpoint.split_once("Ctrl-C").unwrap();
    let elsewhere = format!("[endpoints.shop]\nurl = 'https://shop.example/'\nsecrets = ['{}']\n", secret());
    let settings = format!("{endpoint}{elsewhere}");
    std::fs::write(evening.directory.path().join("paylatch.toml"), settings).unwrap();

    let _dev = evening.dev(&[]).await;
    let sent = evening.run(&["send", "stripe", "payment_intent.succeeded", "--order", "ord_9"]).await;
    assert!(sent.status.success(), "{}", text(&sent));
    listen.says("order.paid  stripe ord_9").await;
    assert_eq!(words(&evening.json(&["endpoints"]).await, "name"), BTreeSet::from(["listen".to_owned()]));
}

#[tokio::test]
async fn serve_makes_the_schema_if_it_is_asked_to_and_the_api_is_described_by_a_verb() {
    let evening = Evening::begin();
    let settings = "database_url = 'sqlite://shop.db'\n[lock]\nbackend = 'local'\n[sources.stripe]\nsecrets = ['whsec_canary_of_an_evening']\n";
    std::fs::write(evening.directory.path().join("paylatch.toml"), settings).unwrap();
    let refused = evening.run(&[&["serve"], &FREE_PORTS[..]].concat()).await;
    assert_eq!(refused.status.code(), Some(78), "{}", text(&refused));

    let port = Port::reserve();
    let address = format!("127.0.0.1:{}", port.number());
    let _serving = evening
        .start("serve.txt", &["serve", "--migrate", "--listen", &address, "--admin-listen", "127.0.0.1:0"]);
    eventually("it is ready", async || {
        evening
            .run(&["healthcheck", "--url", &format!("http://{address}")])
            .await
            .status
            .success()
            .then_some(())
    })
    .await;
    let described = evening.run(&["openapi"]).await;
    let described: Value = serde_json::from_slice(&described.stdout).unwrap();
    assert!(described["paths"]["/api/v1/live"].is_object());
}

/// Every line of the README's first ten minutes that a newcomer types, in its order.
#[tokio::test]
async fn each_command_of_the_readme_s_first_ten_minutes_works_as_it_is_written() {
    let evening = Evening::begin();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(root.join("fixtures"), evening.directory.path().join("fixtures")).unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## The first ten minutes\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let typed =
        section.split("```console\n").skip(1).flat_map(|block| block.split("```").next().unwrap().lines());
    let commands: Vec<&str> = typed.map(|line| line.strip_prefix("$ ").expect("a command")).collect();
    assert!(commands.len() > 12, "{commands:?}");

    let mut ongoing = Vec::new();
    let mut admin = String::new();
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        match &words[..] {
            // The binary is there already.
            ["cargo", ..] => {}
            ["paylatch", "dev", rest @ ..] => {
                let dev = evening.dev(rest).await;
                let (_, after) = dev
                    .printed()
                    .split_once("Open      http://")
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
                    .unwrap();
                admin = after.split('/').next().unwrap().to_owned();
                ongoing.push(dev);
            }
            ["paylatch", "tail", ..] => ongoing.push(evening.start("tail.txt", &words[1..])),
            _ => {
                let command = command.replace("127.0.0.1:8081", &admin);
                let printed = evening.paste(&command).await;
                if command.starts_with("curl") {
                    assert!(printed.contains("ord_8"), "{command}: {printed}");
                }
                if command.contains("--event") {
                    assert!(printed.contains("duplicate"), "{command}: {printed}");
                }
            }
        }
    }
}

impl Evening {
    /// Runs a line in a shell that finds the program; it has to succeed.
    async fn paste(&self, line: &str) -> String {
        let binary = std::path::Path::new(env!("CARGO_BIN_EXE_paylatch")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var_os("PATH").unwrap().to_string_lossy());
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.directory.path()).env("PATH", path);
        let output = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{line}: {}", text(&output));
        text(&output)
    }
}
