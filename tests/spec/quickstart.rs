//! The first five minutes: an empty directory, one command, real webhooks, nothing installed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::database::Database;
use crate::replica::run;
use crate::servers::{Process, eventually};
use crate::webhooks::{SECRET, now, payment};
use crate::world::Plan;

const FREE_PORTS: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

#[tokio::test]
async fn a_replay_in_an_empty_directory_ends_in_orders_and_a_second_one_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = fixtures();
    let replay = [&["dev", "--replay", fixtures.to_str().unwrap()], &FREE_PORTS[..]].concat();

    let first = run(directory.path(), None, &replay).await;
    assert!(first.status.success(), "{}", text(&first));
    let orders = orders(directory.path()).await;
    assert!(!orders.is_empty());
    assert!(text(&first).contains("applied"));

    let second = run(directory.path(), None, &replay).await;
    assert!(second.status.success(), "{}", text(&second));
    assert!(text(&second).contains("duplicate"));
    assert!(!text(&second).contains("applied"), "{}", text(&second));
    assert_eq!(self::orders(directory.path()).await, orders);
}

#[tokio::test]
async fn the_curl_line_that_dev_prints_works_when_pasted() {
    let directory = tempfile::tempdir().unwrap();
    let printed = directory.path().join("printed");
    let mut dev = Command::new(env!("CARGO_BIN_EXE_paylatch"));
    dev.arg("dev").args(FREE_PORTS).current_dir(directory.path()).stdout(File::create(&printed).unwrap());
    let _dev = Process::start(&mut dev, Signal::SIGTERM);

    let line = eventually("dev prints a curl line", async || {
        let printed = std::fs::read_to_string(&printed).ok()?;
        printed.ends_with('\n').then(|| curl_line(&printed))?
    })
    .await;

    eventually("the line is answered", async || {
        let answer = paste(directory.path(), &line).await;
        answer.contains("receipts").then_some(())
    })
    .await;
    eventually("dev shows what came and what became of the order", async || {
        let shown = std::fs::read_to_string(&printed).ok()?;
        let became = "<--  200 applied  order order-1001 paid, captured 20.00 USD";
        (shown.contains("-->  payment_intent.succeeded") && shown.contains(became)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_curl_line_that_sign_prints_works_when_pasted() {
    let world = Plan::sqlite().start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("it's a webhook.json");
    std::fs::write(&file, payment("pi_1").of_order("order-1").succeeded().body).unwrap();
    let url = format!("http://{}/webhooks/stripe", world.replicas[0].address());

    let signed = world.cli(&["sign", "--source", "stripe", file.to_str().unwrap(), "--url", &url]).await;
    assert!(signed.status.success(), "{}", text(&signed));
    let line = curl_line(&String::from_utf8(signed.stdout).unwrap()).expect("a curl line");
    let answer = paste(directory.path(), &line).await;

    assert!(answer.contains("\"applied\""), "{answer}");
}

#[tokio::test]
async fn dev_takes_the_sources_of_the_settings_file_and_is_found_by_the_other_commands_on_any_port() {
    let directory = tempfile::tempdir().unwrap();
    let settings = format!("listen = '127.0.0.1:1'\n[sources.stripe]\nsecrets = ['{SECRET}']\n");
    std::fs::write(directory.path().join("paylatch.toml"), settings).unwrap();
    let printed = directory.path().join("printed");
    let mut dev = Command::new(env!("CARGO_BIN_EXE_paylatch"));
    dev.arg("dev").args(FREE_PORTS).current_dir(directory.path()).stdout(File::create(&printed).unwrap());
    let _dev = Process::start(&mut dev, Signal::SIGTERM);
    eventually("dev serves", async || {
        std::fs::read_to_string(&printed).ok()?.contains("Ctrl-C").then_some(())
    })
    .await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();
    std::fs::write(directory.path().join("webhook.json"), &webhook.body).unwrap();

    let signed = run(directory.path(), None, &["sign", "--source", "stripe", "webhook.json"]).await;
    let line = curl_line(&text(&signed)).expect("a curl line");
    assert!(paste(directory.path(), &line).await.contains("\"applied\""), "{line}");

    let mut verify = vec!["verify", "--source", "stripe", "--body", "webhook.json"];
    let headers: Vec<_> =
        webhook.signed_with(SECRET, now()).iter().map(|(name, value)| format!("{name}: {value}")).collect();
    headers.iter().for_each(|header| verify.extend(["--header", header]));
    let verified = run(directory.path(), None, &verify).await;
    assert!(verified.status.success(), "{}", text(&verified));
    let orders = run(directory.path(), None, &["orders"]).await;
    assert!(text(&orders).contains("order-1"), "{}", text(&orders));
}

#[tokio::test]
async fn dev_refuses_a_settings_file_that_is_not_there_and_a_data_directory_that_is_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let dev = [&["dev", "--config", "nosuch.toml"], &FREE_PORTS[..]].concat();
    let refused = run(directory.path(), None, &dev).await;
    assert_eq!(refused.status.code(), Some(78), "{}", text(&refused));
    assert!(text(&refused).contains("nosuch.toml: "), "{}", text(&refused));

    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), directory.path().join("paylatch-data")).unwrap();
    let refused = run(directory.path(), None, &[&["dev"], &FREE_PORTS[..]].concat()).await;
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(text(&refused).contains("is a link"), "{}", text(&refused));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_replay_says_what_its_provider_needs_beside_a_secret_and_takes_another_source() {
    let directory = tempfile::tempdir().unwrap();
    let square = fixtures().with_file_name("square");
    let replay = [&["dev", "--replay", square.to_str().unwrap()], &FREE_PORTS[..]].concat();
    let refused = run(directory.path(), None, &replay).await;
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    assert!(text(&refused).contains("square needs secrets, public_url"), "{}", text(&refused));

    let said = "[sources.shop]\nprovider = 'square'\nsecrets = ['canary_0123456789abcdef']\npublic_url = 'https://shop.example'\n";
    std::fs::write(directory.path().join("paylatch.toml"), said).unwrap();
    let replayed = run(directory.path(), None, &[&replay[..], &["--source", "shop"]].concat()).await;
    assert!(replayed.status.success() && text(&replayed).contains("applied"), "{}", text(&replayed));
}

#[tokio::test]
async fn a_secret_is_printed_if_dev_made_it() {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = fixtures();
    let replay = [&["dev", "--replay", fixtures.to_str().unwrap()], &FREE_PORTS[..]].concat();
    assert!(run(directory.path(), None, &replay).await.status.success());
    let made = run(directory.path(), None, &["secret", "stripe"]).await;
    assert!(String::from_utf8_lossy(&made.stdout).starts_with("whs"), "{}", text(&made));

    let own = format!("[sources.stripe]\nsecrets = ['{SECRET}']\n");
    std::fs::write(directory.path().join("paylatch.toml"), own).unwrap();
    let hidden = run(directory.path(), None, &["secret", "stripe"]).await;
    assert_eq!(hidden.status.code(), Some(1), "{}", text(&hidden));
    assert!(text(&hidden).contains("--show"), "{}", text(&hidden));
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stripe")
}

async fn orders(directory: &Path) -> Vec<Value> {
    let data = std::fs::read_dir(directory.join("paylatch-data")).unwrap();
    let database = data
        .map(|entry| entry.unwrap().path())
        .find(|path| std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3")))
        .expect("an SQLite file");
    Database::sqlite(&database).rows("select * from orders order by order_id").await
}

/// From the first line that starts with `curl` on, as far as lines are continued.
fn curl_line(printed: &str) -> Option<String> {
    let mut lines = printed.lines().skip_while(|line| !line.trim_start().starts_with("curl "));
    let mut command = String::new();
    loop {
        let line = lines.next()?;
        command.push_str(line);
        command.push('\n');
        if !line.ends_with('\\') {
            return Some(command);
        }
    }
}

async fn paste(directory: &Path, line: &str) -> String {
    let mut shell = Command::new("sh");
    shell.current_dir(directory).args(["-c", line]);
    let pasted = tokio::task::spawn_blocking(move || shell.output().unwrap()).await.unwrap();
    text(&pasted)
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
