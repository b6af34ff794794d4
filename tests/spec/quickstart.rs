//! The first five minutes: an empty directory, one command, real webhooks, nothing installed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::database::Database;
use crate::replica::run;
use crate::servers::{Process, eventually};
use crate::webhooks::payment;
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
