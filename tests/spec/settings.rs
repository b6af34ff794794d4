//! Wrong settings are said all together, before any port is bound: what is wrong, and the way out.

use std::net::TcpListener;

use sqlx::ConnectOptions;
use tempfile::TempDir;

use crate::replica::{Replica, Settings, run};
use crate::servers::{CANARY, Postgres};
use crate::webhooks::SECRET;

const WRONG_SETTINGS: i32 = 78;
const PORT_IN_USE: i32 = 69;

#[tokio::test]
async fn all_mistakes_are_said_together_and_each_names_its_setting() {
    let (mut settings, _directory) = good().await;
    for (name, value) in [
        ("listn", "'127.0.0.1:1'"),
        ("lock.ttl", "2000"),
        ("lock.wait_ms", "'soon'"),
        ("sources.stripe.provider", "'strype'"),
        ("sources.empty.provider", "'stripe'"),
        ("sources.empty.secrets", "['']"),
    ] {
        settings.insert(name.to_owned(), value.to_owned());
    }

    let (code, output) = refused(&settings).await;

    assert_eq!(code, WRONG_SETTINGS, "{output}");
    for named in ["listn", "lock.ttl", "lock.wait_ms", "strype", "sources.empty.secrets"] {
        assert!(output.contains(named), "{named} is not named:\n{output}");
    }
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_showing_its_password() {
    let (mut settings, _directory) = good().await;
    settings.insert("database_url".to_owned(), format!("'mysql://root:{CANARY}_password@localhost/db'"));

    let (code, output) = refused(&settings).await;

    assert_eq!(code, WRONG_SETTINGS, "{output}");
    assert!(output.contains("database_url"), "{output}");
}

#[tokio::test]
async fn a_source_with_an_empty_secret_is_refused() {
    for secrets in ["[]", "['']", "[' ']"] {
        let (mut settings, _directory) = good().await;
        settings.insert("sources.stripe.secrets".to_owned(), secrets.to_owned());

        let (code, output) = refused(&settings).await;

        assert_eq!(code, WRONG_SETTINGS, "{secrets}: {output}");
        assert!(output.contains("sources.stripe.secrets"), "{output}");
    }
}

#[tokio::test]
async fn serve_verify_and_sign_refuse_a_secret_that_can_never_verify() {
    let (mut settings, directory) = good().await;
    settings.insert("sources.stripe.secrets".to_owned(), "['whsec_...']".to_owned());
    let config = directory.path().join("placeholder.toml");
    crate::replica::write_settings(&settings, &config);
    let body = directory.path().join("body.json");
    std::fs::write(&body, "{}").unwrap();
    let body = body.to_str().unwrap();

    for command in [
        &["serve"][..],
        &["sign", "--source", "stripe", body],
        &["verify", "--source", "stripe", "--body", body, "--header", "Stripe-Signature: t=1,v1=00"],
    ] {
        let output = run(directory.path(), Some(&config), command).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(WRONG_SETTINGS), "{command:?}: {told}");
        assert!(told.contains("sources.stripe.secrets") && told.contains("stand for a secret"), "{told}");
    }
}

#[tokio::test]
async fn the_production_check_fails_on_settings_that_let_a_stranger_in_and_the_check_only_notes_them() {
    let (mut settings, directory) = good().await;
    let config = directory.path().join("weak.toml");
    let weak = [
        ("sources.stripe.secrets", "['whsec_canary']", "fewer than 16 characters"),
        ("admin_token", "'canary'", "fewer than 16 characters"),
        ("sources.adyen.secrets", "['00']", "fewer than 16 characters"),
    ];
    for (name, value, _) in weak {
        settings.insert(name.to_owned(), value.to_owned());
    }
    crate::replica::write_settings(&settings, &config);

    let check = run(directory.path(), Some(&config), &["check"]).await;
    let production = run(directory.path(), Some(&config), &["check", "--production"]).await;

    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    assert_eq!(production.status.code(), Some(1));
    let told = String::from_utf8_lossy(&production.stdout);
    for (name, _, expected) in weak {
        let failure =
            told.lines().find(|line| line.starts_with("FAIL") && line.contains(&format!("{name}:")));
        assert!(failure.is_some_and(|line| line.contains(expected)), "{name}: {told}");
    }
    for asked in ["sources.stripe.mode: is not set", "sources.adyen.params.capture: is not set"] {
        assert!(told.contains(asked), "{told}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (settings, directory) = good().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = directory.path().join("taken.toml");
    let mut settings = settings.clone();
    settings.insert("listen".to_owned(), format!("'{address}'"));
    settings.insert("admin_listen".to_owned(), "'127.0.0.1:0'".to_owned());
    crate::replica::write_settings(&settings, &config);

    let output = run(directory.path(), Some(&config), &["serve"]).await;

    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(PORT_IN_USE), "{told}");
    assert!(told.contains(&address), "{told}");
}

#[tokio::test]
async fn a_database_without_the_schema_is_refused_and_the_way_out_is_named() {
    let mut postgres = Postgres::start().await;
    let empty = postgres.create_database().await.to_url_lossy();
    let directory = tempfile::tempdir().unwrap();
    let on_sqlite = format!("sqlite://{}", directory.path().join("empty.db").display());
    for url in [empty.as_str(), &on_sqlite] {
        let (mut settings, _directory) = good().await;
        settings.insert("database_url".to_owned(), format!("'{url}'"));

        let (code, output) = refused(&settings).await;

        assert_eq!(code, WRONG_SETTINGS, "{output}");
        assert!(output.contains("paylatch migrate"), "{output}");
    }
}

#[tokio::test]
async fn a_command_whose_database_does_not_answer_says_which_and_fails() {
    let (mut settings, directory) = good().await;
    let nowhere = format!("'postgres://postgres:{CANARY}_password@127.0.0.1:1/paylatch'");
    settings.insert("database_url".to_owned(), nowhere);
    let config = directory.path().join("nowhere.toml");
    crate::replica::write_settings(&settings, &config);

    for command in [
        &["migrate"][..],
        &["orders"],
        &["events"],
        &["audit"],
        &["check"],
        &["purge", "--payloads-older-than", "1d"],
        &["reprocess", "--noted"],
    ] {
        let output = run(directory.path(), Some(&config), command).await;
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(69), "{command:?}: {told}");
        assert!(told.contains("127.0.0.1:1: ") && told.contains("onnection refused"), "{command:?}: {told}");
    }
}

#[tokio::test]
async fn check_finds_nothing_wrong_with_good_settings() {
    let (settings, directory) = good().await;
    let config = directory.path().join("good.toml");
    crate::replica::write_settings(&settings, &config);

    let output = run(directory.path(), Some(&config), &["check"]).await;

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Settings with which the service starts.
pub async fn good() -> (Settings, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let settings: Settings = [
        ("database_url", format!("'sqlite://{}'", directory.path().join("paylatch.db").display())),
        ("lock.backend", "'local'".to_owned()),
        ("sources.stripe.provider", "'stripe'".to_owned()),
        ("sources.stripe.secrets", format!("['{SECRET}']")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let config = directory.path().join("paylatch.toml");
    crate::replica::write_settings(&settings, &config);
    let migrated = run(directory.path(), Some(&config), &["migrate"]).await;
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    (settings, directory)
}

/// The exit code and the words of a `serve` that does not start.
async fn refused(settings: &Settings) -> (i32, String) {
    let replica = Replica::launch(settings);
    let status = replica.ended().await;
    (status.code().expect("an exit code"), replica.output())
}
